package sys

import "golang.org/x/sys/unix"

// socketListens takes any stream without a peer for a listener: xnu has
// SO_ACCEPTCONN and does not answer it. Accept tells the truth with EINVAL.
func socketListens(fd, typ int) (bool, Errno) {
	switch _, e := Getpeername(fd); e {
	case unix.ENOTCONN:
		return typ != unix.SOCK_DGRAM, 0
	case 0, unix.EINVAL: // EINVAL: it was connected and is shut down
		return false, 0
	default:
		return false, e
	}
}
