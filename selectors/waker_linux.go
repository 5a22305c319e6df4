package selectors

import "example.com/iomux/internal/sys"

// openWaker makes an eventfd: one descriptor for both ends.
func openWaker() (r, w int, errno sys.Errno) {
	fd, errno := sys.Eventfd()
	return fd, fd, errno
}
