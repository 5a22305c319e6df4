//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// wholeFile is a file that is written whole or not at all: what is written goes into a
// new file beside the one that has its name, which stays as it was until then. What is no
// regular file, such as a pipe, is written as it is.
type wholeFile struct {
	direct *os.File    // which is written as it is; or nil, and
	name   string      // which it gets
	mode   fs.FileMode // and its permissions
	fresh  bool        // there was none
}

// openWhole sees that such a file can be written; an old one has to be writable itself.
func openWhole(name string) (*wholeFile, error) {
	old, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if target, err := os.Readlink(name); err == nil { // to nothing yet
			if !filepath.IsAbs(target) {
				target = filepath.Join(filepath.Dir(name), target)
			}
			name = target
		}
		f := &wholeFile{name: name, mode: 0o666, fresh: true}
		return f, f.try()
	}
	if err != nil {
		return nil, err
	}
	about, err := old.Stat()
	if err == nil && (!about.Mode().IsRegular() || isDescriptor(name)) {
		return &wholeFile{direct: old}, nil
	}
	if err = errors.Join(err, old.Close()); err != nil {
		return nil, err
	}
	// A link goes on to lead to it.
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return nil, err
	}
	f := &wholeFile{name: name, mode: about.Mode().Perm()}
	return f, f.try()
}

// isDescriptor reports whether a name stands for what is open already, which may be a
// file that the shell writes to.
func isDescriptor(name string) bool {
	name = filepath.Clean(name)
	return strings.HasPrefix(name, "/dev/std") || strings.HasPrefix(name, "/dev/fd/") || strings.HasPrefix(name, "/proc/")
}

// try sees whether there can be a file beside the old one.
func (f *wholeFile) try() error {
	beside, err := f.beside()
	if err != nil {
		return err
	}
	return errors.Join(beside.Close(), os.Remove(beside.Name()))
}

// beside makes a new file. The name of one that a killed process has left is not taken.
func (f *wholeFile) beside() (file *os.File, err error) {
	for i := range 100 {
		file, err = os.OpenFile(fmt.Sprintf("%s.%d.%d", f.name, os.Getpid(), i), os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil || f.fresh {
		return file, err
	}
	if err := file.Chmod(f.mode); err != nil { // the umask has its say in a new file only
		return nil, errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	return file, nil
}

// keep has write fill the file, and gives it its name.
func (f *wholeFile) keep(write func(io.Writer) error) error {
	if f.direct != nil {
		return errors.Join(write(f.direct), f.direct.Close())
	}
	file, err := f.beside()
	if err != nil {
		return err
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	if err := os.Rename(file.Name(), f.name); err != nil {
		return fmt.Errorf("%w; it is in %s", err, file.Name()) // whole, and nothing to be thrown away
	}
	return nil
}

// discard lets go of what was not kept.
func (f *wholeFile) discard() {
	if f.direct != nil {
		_ = f.direct.Close() // it may be closed already
	}
}
