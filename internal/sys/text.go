//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// errnoName is "EAGAIN" for EAGAIN; a number the system does not know stays one.
func errnoName(e Errno) string {
	if name := unix.ErrnoName(e); name != "" {
		return name
	}
	return fmt.Sprintf("errno %d", int(e))
}

// timeoutText writes a timeout as the hooks show it.
func timeoutText(d time.Duration) string {
	if d == math.MaxInt64 {
		return "forever"
	}
	return d.String()
}

// result turns a call that returns only an errno into the pair that do wants.
func result(e Errno) (int, Errno) {
	if e != 0 {
		return -1, e
	}
	return 0, 0
}

// ceilMillis rounds a wait up to whole milliseconds, so that it is never cut
// short, and cuts it at what a C int holds.
func ceilMillis(d time.Duration) int {
	if d > math.MaxInt32*time.Millisecond {
		return math.MaxInt32
	}
	return int((d + time.Millisecond - 1) / time.Millisecond)
}

// ret turns an answer of x/sys/unix into this package's.
func ret(n int, err error) (int, Errno) {
	if err != nil {
		return -1, errnoOf(err)
	}
	return n, 0
}

func errnoOf(err error) Errno {
	if e, ok := err.(Errno); ok {
		return e
	}
	return unix.EINVAL // x/sys found the arguments wrong before asking the kernel
}

// total is how many bytes pieces hold.
func total(pieces [][]byte) (n int) {
	for _, p := range pieces {
		n += len(p)
	}
	return n
}
