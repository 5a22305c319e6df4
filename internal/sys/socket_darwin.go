package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func socket(family, typ int) (int, Errno) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return guard(unix.Socket(family, typ, 0))
}

// darwin counts SO_LINGER in ticks.
const lingerSeconds = unix.SO_LINGER_SEC
