//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Peek is recv(2) with MSG_PEEK and MSG_DONTWAIT: what a read would return, which
// stays where it is. 0: the end of the stream.
func Peek(fd int, p []byte) (int, Errno) {
	call := func(*Call) (int, Errno) {
		n, _, err := unix.Recvfrom(fd, p, unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return ret(n, err)
	}
	if h := hooks.Load(); h != nil {
		return h.do(Call{Op: OpRecvfrom, FD: fd, Args: fmt.Sprintf("%d, PEEK|DONTWAIT", len(p))}, call)
	}
	return call(nil)
}
