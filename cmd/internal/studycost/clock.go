//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package studycost

import "time"

// begun is when the program did, for a clock that never goes back.
var begun = time.Now()
