//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chatstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockPatience is how long Open waits for another program to close the file: one that
// is being replaced by this one takes a moment.
const lockPatience = time.Second

// openChecked opens the file for bbolt: locked, for else another program might write
// while it is looked at, and looked at. bbolt locks it once more, which does nothing to
// a lock that the same descriptor has.
func openChecked(path string, flag int, mode fs.FileMode) (*os.File, error) {
	_, err := os.Lstat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	f, err := os.OpenFile(path, flag|unix.O_NONBLOCK, mode) // a FIFO is not waited for
	if err != nil {
		return nil, err
	}
	if err := ready(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	if fresh {
		syncDirectory(filepath.Dir(path))
	}
	return f, nil
}

// ready locks and looks.
func ready(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: it is no regular file", ErrFormat)
	}
	if err := lock(f); err != nil {
		return err
	}
	if info, err = f.Stat(); err != nil || info.Size() == 0 {
		return err
	}
	return check(f, info.Size())
}

func lock(f *os.File) error {
	for end := time.Now().Add(lockPatience); ; time.Sleep(lockPatience / 20) {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("lock: %w", err)
		case time.Now().After(end):
			return ErrInUse
		}
	}
}

// syncDirectory has a new file's name be on the disk too. Not every file system can; then
// it is as safe as it gets.
func syncDirectory(path string) {
	if d, err := os.Open(path); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
