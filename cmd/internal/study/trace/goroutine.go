//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package trace

import (
	"bytes"
	"runtime"
	"strconv"
)

// goroutine is the number of the goroutine that calls it. The runtime tells it only in
// the first line of a stack, "goroutine 12 [running]:"; a trace, unlike a server, can
// afford to read it there.
func goroutine() uint64 {
	var buf [64]byte
	line := bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine "))
	digits, _, _ := bytes.Cut(line, []byte(" "))
	id, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		return 0 // another runtime's words: all calls are then one goroutine's
	}
	return id
}
