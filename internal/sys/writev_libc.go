//go:build darwin || openbsd

package sys

import "golang.org/x/sys/unix"

func writev(fd int, pieces [][]byte) (int, Errno) {
	if len(pieces) > MaxPieces {
		pieces = pieces[:MaxPieces]
	}
	return ret(unix.Writev(fd, pieces))
}
