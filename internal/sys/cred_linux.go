package sys

import (
	"math"
	"unsafe"

	"golang.org/x/sys/unix"
)

func peerCredentials(fd int) (Credentials, Errno) {
	var c unix.Ucred
	if e := getsockopt(fd, unix.SOL_SOCKET, unix.SO_PEERCRED, unsafe.Pointer(&c), unsafe.Sizeof(c)); e != 0 {
		return Credentials{}, e
	}
	// Linux succeeds on every socket and names this user, who cannot exist,
	// where there is no peer.
	if c.Uid == math.MaxUint32 && c.Gid == math.MaxUint32 {
		return Credentials{}, unix.ENOTCONN
	}
	return Credentials{PID: int(c.Pid), UID: c.Uid, GID: c.Gid}, 0
}
