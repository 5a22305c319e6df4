//go:build dragonfly || openbsd

package sys

import "golang.org/x/sys/unix"

func unsent(int) (int, Errno) { return 0, unix.ENOTSUP }
