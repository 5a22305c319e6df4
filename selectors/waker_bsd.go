//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package selectors

import "example.com/iomux/internal/sys"

// openWaker makes a pipe. EVFILT_USER would save a descriptor on some of these
// systems; a pipe works on all of them and under every backend.
func openWaker() (r, w int, errno sys.Errno) { return sys.Pipe() }
