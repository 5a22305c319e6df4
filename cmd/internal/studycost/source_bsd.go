//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package studycost

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// perSource is how many descriptors a source takes.
const perSource = 2

// source is a descriptor that can be made ready: the reading end of a pipe.
type source struct{ r, w int }

func newSource() (source, error) {
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		return source{}, fmt.Errorf("pipe: %w", err)
	}
	return source{fds[0], fds[1]}, nil
}

func (s source) fd() int { return s.r }

// set makes it ready.
func (s source) set() error {
	_, err := unix.Write(s.w, []byte{1})
	return err
}

// clear makes it not ready.
func (s source) clear() error {
	var one [1]byte
	_, err := unix.Read(s.r, one[:])
	return err
}

func (s source) close() {
	_ = unix.Close(s.r)
	_ = unix.Close(s.w)
}
