package sys

import "golang.org/x/sys/unix"

func peerCredentials(fd int) (Credentials, Errno) {
	x, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return Credentials{}, errnoOf(err)
	}
	return Credentials{UID: x.Uid, GID: x.Groups[0]}, 0
}
