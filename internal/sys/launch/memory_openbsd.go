package launch

import "golang.org/x/sys/unix"

// memory is the resource that Limits.Memory is about: there is none for all of the
// address space.
const memory = unix.RLIMIT_DATA
