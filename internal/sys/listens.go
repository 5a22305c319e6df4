//go:build linux || dragonfly || freebsd || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

// socketListens reports whether fd takes connections. Only darwin has to know
// its type for that.
func socketListens(fd, _ int) (bool, Errno) {
	v, e := GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return v != 0, e
}
