//go:build dragonfly || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

// peerCredentials: each of these kernels can tell, by a call that x/sys lacks.
func peerCredentials(int) (Credentials, Errno) { return Credentials{}, unix.ENOTSUP }
