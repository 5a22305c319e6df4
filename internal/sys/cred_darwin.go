package sys

import "golang.org/x/sys/unix"

func peerCredentials(fd int) (Credentials, Errno) {
	x, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return Credentials{}, errnoOf(err)
	}
	pid, err := unix.GetsockoptInt(fd, unix.SOL_LOCAL, unix.LOCAL_PEERPID)
	if err != nil {
		return Credentials{}, errnoOf(err)
	}
	return Credentials{PID: pid, UID: x.Uid, GID: x.Groups[0]}, 0
}
