//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package studycost

import "time"

// clock is the time that passes. Not all of these systems have one for a thread.
func clock() time.Duration { return time.Since(begun) }
