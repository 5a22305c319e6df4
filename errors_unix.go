//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package iomux

import (
	"errors"
	"fmt"
)

// closed is the error of every call on a poller after its Close.
func closed(b Backend) error { return fmt.Errorf("%s: %w", b, ErrClosed) }

// noRoom is the error of a Wait that could not report anything.
func noRoom(b Backend) error { return fmt.Errorf("%s: wait: %w", b, ErrNoRoom) }

// unsupported is the error of an Update with flags the backend cannot honour.
func unsupported(b Backend, fd int, flags Events) error {
	return fmt.Errorf("%s: fd %d: %v: %w", b, fd, flags, errors.ErrUnsupported)
}
