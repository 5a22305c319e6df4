//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package launch

import "golang.org/x/sys/unix"

// mostDescriptors is how many a process may have open where nobody has changed it.
// Beyond it there are none but Go's own, which are marked already.
const mostDescriptors = 1024

// markEach is closeOnExec, one by one. Numbers that are not open are no error.
func markEach(first int) {
	for fd := first; fd < mostDescriptors; fd++ {
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC)
	}
}
