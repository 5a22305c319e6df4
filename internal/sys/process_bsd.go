//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

func awaitExit(int) Errno { return unix.ENOTSUP }
