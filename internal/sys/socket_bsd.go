//go:build dragonfly || freebsd || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

func socket(family, typ int) (int, Errno) {
	return ret(unix.Socket(family, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0))
}

const lingerSeconds = unix.SO_LINGER
