//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package users

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/chattext"
)

// Set gives a user a password, of 8 to 1024 bytes: one that is in the file a new one, in
// its line, else a new user at the file's end; a file that is not there is made. All
// other lines stay as they are. The file is replaced in one step, by one with the mode
// 0600 and the old one's owner, so that whoever reads it sees the old or the new one
// whole; who has it loaded sees nothing of it. was is the user as the file had it before,
// with another case perhaps; empty: it is new. Errors: ErrName, also for one who looks like
// another, ErrPassword, those of Load.
func Set(path, name string, operator bool, password []byte) (was string, err error) {
	u, err := newUser(name, operator, password)
	if err != nil {
		return "", fmt.Errorf("users: set: %w", err)
	}
	if was, err = replace(path, u); err != nil {
		return "", fmt.Errorf("users: set %s in %q: %w", u.name, path, err)
	}
	return was, nil
}

func newUser(name string, operator bool, password []byte) (*user, error) {
	shown, fold, err := chattext.Nick(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrName, err)
	case len(password) < minPassword || len(password) > maxSecret:
		return nil, fmt.Errorf("%w: it has %d bytes, want %d to %d", ErrPassword, len(password), minPassword, maxSecret)
	}
	return &user{name: shown, fold: fold, operator: operator, hash: newHash(password)}, nil
}

// replace puts a user into a file, and returns whose place that was.
func replace(path string, u *user) (was string, err error) {
	// What a link leads to is replaced, not the link.
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	unlock, err := lock(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	defer unlock()
	lines, info, err := read(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	i := slices.IndexFunc(lines, func(l line) bool { return l.user != nil && l.user.fold == u.fold })
	switch {
	case i < 0:
		i = len(lines)
		lines = append(lines, line{})
	case !strings.EqualFold(lines[i].user.name, u.name): // it would take the other one's place
		return "", fmt.Errorf("%w: it looks like %s, who is there already", ErrName, lines[i].user.name)
	}
	if lines[i].user != nil {
		was = lines[i].user.name
	}
	lines[i].text = u.String()
	var text strings.Builder
	for _, l := range lines {
		text.WriteString(l.text + "\n")
	}
	if text.Len() > maxFile {
		return "", fmt.Errorf("%w: it would have more than %d bytes", ErrFile, maxFile)
	}
	return was, write(path, text.String(), info)
}

// lock keeps others from replacing a file in a directory at the same time: of two new
// users one would be lost. The directory has the lock, for the file does not stay.
func lock(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(d.Fd()), unix.LOCK_EX)
		if err == nil {
			return func() { _ = d.Close() }, nil
		}
		if !errors.Is(err, unix.EINTR) {
			_ = d.Close()
			return nil, fmt.Errorf("lock %q: %w", dir, err)
		}
	}
}

// write replaces a file; was is nil if there is none.
func write(path, text string, was os.FileInfo) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	err = fill(temp, text, was)
	if err := errors.Join(err, temp.Close()); err != nil {
		_ = os.Remove(temp.Name())
		return err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		_ = os.Remove(temp.Name())
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

// fill writes the new file to the disk.
func fill(temp *os.File, text string, was os.FileInfo) error {
	if was != nil {
		// root sets passwords in the server's file too.
		if stat, ok := was.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
			if err := temp.Chown(int(stat.Uid), int(stat.Gid)); err != nil {
				return err
			}
		}
	}
	if _, err := temp.WriteString(text); err != nil {
		return err
	}
	return temp.Sync()
}
