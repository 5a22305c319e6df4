//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package studycost

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// besides is how many descriptors the process needs for other things.
const besides = 32

// Limit raises the limit of descriptors as far as it must and may for o, and lowers
// what o asks for to what is possible. It then says so.
func Limit(o *Options) (note string, err error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return "", fmt.Errorf("getrlimit: %w", err)
	}
	need := uint64(o.Max*perSource + besides)
	if have := uint64(limit.Cur); have < need { //nolint:unconvert // it is signed on FreeBSD
		raised := limit
		raised.Cur = max(raised.Cur, min(raised.Max, rlimit(need)))
		if uint64(limit.Max) < need { //nolint:unconvert // it is signed on FreeBSD
			higher := unix.Rlimit{Cur: rlimit(need), Max: rlimit(need)}
			if unix.Setrlimit(unix.RLIMIT_NOFILE, &higher) == nil { // for root only
				return "", nil
			}
		}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &raised); err == nil {
			limit = raised
		}
	}
	have := uint64(limit.Cur) //nolint:unconvert // it is signed on FreeBSD
	if have >= need {
		return "", nil
	}
	possible := (int(have) - besides) / perSource
	if possible < 1 {
		return "", fmt.Errorf("%d descriptors are too few to measure anything (ulimit -n)", have)
	}
	note = fmt.Sprintf("%d descriptors cannot be watched here: %d may be open (ulimit -n), so it is %d at most.", o.Max, have, possible)
	o.Max = possible
	return note, nil
}
