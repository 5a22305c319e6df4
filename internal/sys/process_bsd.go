//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

func exited(int, bool) (bool, Errno) { return false, unix.ENOTSUP }

func pidfd(int) (int, Errno) { return -1, unix.ENOTSUP }
