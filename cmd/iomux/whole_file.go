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
	*os.File
	name string // which it gets; "": File has it
}

// openWhole opens such a file; the old one has to be one that can be written.
func openWhole(name string) (*wholeFile, error) {
	old, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return openBeside(name, 0o666)
	}
	if err != nil {
		return nil, err
	}
	about, err := old.Stat()
	if err == nil && (!about.Mode().IsRegular() || strings.HasPrefix(name, "/dev/")) { // /dev/stdout may lead to a file
		return &wholeFile{File: old}, nil
	}
	if err = errors.Join(err, old.Close()); err != nil {
		return nil, err
	}
	// A link goes on to lead to it.
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return nil, err
	}
	f, err := openBeside(name, about.Mode().Perm())
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(about.Mode().Perm()); err != nil { // the umask has its say in a new file only
		f.discard()
		return nil, err
	}
	return f, nil
}

func openBeside(name string, mode fs.FileMode) (*wholeFile, error) {
	f, err := os.OpenFile(fmt.Sprintf("%s.%d", name, os.Getpid()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, err
	}
	return &wholeFile{f, name}, nil
}

// keep has write fill the file, and gives it its name.
func (f *wholeFile) keep(write func(io.Writer) error) error {
	if err := errors.Join(write(f), f.Close()); err != nil || f.name == "" {
		return err
	}
	return os.Rename(f.Name(), f.name)
}

// discard removes what was not kept.
func (f *wholeFile) discard() {
	_ = f.Close() // it may be closed already
	if f.name != "" {
		_ = os.Remove(f.Name()) // it may have its name already
	}
}
