//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Credentials are those of the process at the other end of a Unix socket, as
// the kernel noted them when it connected or listened.
type Credentials struct {
	PID      int    // 0 where the system does not say, or the process is of another namespace
	UID, GID uint32 // effective
}

// PeerCredentials is getsockopt(2) with SO_PEERCRED, LOCAL_PEERCRED elsewhere.
// ENOTCONN: the kernel knows of no peer. ENOTSUP: this system cannot tell
// (DragonFly, NetBSD, OpenBSD).
func PeerCredentials(fd int) (cred Credentials, errno Errno) {
	call := func(c *Call) (int, Errno) {
		cred, errno = peerCredentials(fd)
		if c != nil && errno == 0 {
			c.Out = fmt.Sprintf("pid %d, uid %d, gid %d", cred.PID, cred.UID, cred.GID)
		}
		return result(errno)
	}
	if h := hooks.Load(); h != nil {
		args := fmt.Sprintf("%d, PEERCRED", unix.SOL_SOCKET)
		_, errno = h.do(Call{Op: OpGetsockopt, FD: fd, Args: args}, call)
	} else {
		_, errno = call(nil)
	}
	return cred, errno
}
