//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

// Package tty has a terminal not show what is typed.
package tty

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Hide has a terminal show nothing of what is typed, until restore. Lines are edited and
// signals are sent as before. Call it before something is asked for: who answers may be
// faster than what reads the answer. Errors: ENOTTY and others of tcgetattr(3).
func Hide(fd int) (restore func() error, err error) {
	was, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, fmt.Errorf("tty: get its settings: %w", err)
	}
	hidden := *was
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, setTermios, &hidden); err != nil {
		return nil, fmt.Errorf("tty: hide the input: %w", err)
	}
	return func() error {
		if err := unix.IoctlSetTermios(fd, setTermios, was); err != nil {
			return fmt.Errorf("tty: show the input again: %w", err)
		}
		return nil
	}, nil
}
