//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

// SetAffinity answers ENOTSUP: x/sys has no call for it on this system.
func SetAffinity(int) Errno { return unix.ENOTSUP }

// Affinity answers ENOTSUP: x/sys has no call for it on this system.
func Affinity() ([]int, Errno) { return nil, unix.ENOTSUP }
