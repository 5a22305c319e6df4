//go:build linux || darwin || dragonfly || freebsd || netbsd

package launch

import "golang.org/x/sys/unix"

// memory is the resource that Limits.Memory is about.
const memory = unix.RLIMIT_AS
