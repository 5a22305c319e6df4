package main

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// One who does not read the statistics does not hold the server up, nor its end.
func TestServerOutlivesAStuckReader(t *testing.T) {
	cmd := program(t, "echo", "--stats", "100ms", "--listen", "tcp://127.0.0.1:0")
	stdout, conn := served(t, cmd)
	fd := int(stdout.Fd())
	const room, line = 4096, 250
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, room); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		full, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
		if err != nil || time.Now().After(end) {
			t.Fatalf("%d bytes in the pipe, %v", full, err)
		}
		if full > room-line {
			break
		}
	}
	exchange(t, conn, "x")
	ended(t, cmd)
}
