package studycost

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// perSource is how many descriptors a source takes.
const perSource = 1

// source is a descriptor that can be made ready: an eventfd.
type source int

func newSource() (source, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return -1, fmt.Errorf("eventfd: %w", err)
	}
	return source(fd), nil
}

func (s source) fd() int { return int(s) }

// set makes it ready: it adds a number that is neither 0 nor too much in either order of
// bytes.
func (s source) set() error {
	_, err := unix.Write(int(s), []byte{1, 0, 0, 0, 0, 0, 0, 1})
	return err
}

// clear makes it not ready.
func (s source) clear() error {
	var count [8]byte
	_, err := unix.Read(int(s), count[:])
	return err
}

func (s source) close() { _ = unix.Close(int(s)) }
