//go:build linux

package load

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// spare is how many descriptors a run needs beside its connections: poller,
// timer, and what Began and Ended open.
const spare = 16

// makeRoom sees to it that n more sockets can be opened, raising the soft limit
// if that is what it takes.
func makeRoom(n int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("load: limit of descriptors: %w", err)
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("load: open descriptors: %w", err)
	}
	raise, err := room(uint64(n), uint64(len(open)+spare), limit)
	if err != nil || !raise {
		return err
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("load: raise the soft limit of descriptors to %d: %w", limit.Max, err)
	}
	return nil
}

// room reports whether the soft limit must be raised for n sockets beside taken
// descriptors. Where the hard limit is too low, the error is EMFILE, as it
// would be later.
func room(n, taken uint64, limit unix.Rlimit) (raise bool, err error) {
	switch need := n + taken; {
	case need <= limit.Cur:
		return false, nil
	case need <= limit.Max:
		return true, nil
	default:
		return false, fmt.Errorf("load: %d connections need %d descriptors, and the hard limit of this process is %d (ulimit -Hn): %w", n, need, limit.Max, unix.EMFILE)
	}
}
