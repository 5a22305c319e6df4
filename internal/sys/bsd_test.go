//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import "testing"

// acceptAllocatesNothing: here x/sys decodes the peer's address.
const acceptAllocatesNothing = false

// batchAllocatesNothing: and the senders' of datagrams.
const batchAllocatesNothing = false

// abstractNames: these systems have none.
const abstractNames = false

// benchmarkRawRead has nothing to measure: there is no RawSyscall that all of
// these systems allow.
func benchmarkRawRead(*testing.B, int, []byte) {}
