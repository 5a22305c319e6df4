//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"example.com/iomux"
)

// Options tune a Group. The zero value is what most servers want; a field left
// zero means its default.
type Options struct {
	// Backend is the readiness interface to use. Default: the best that works
	// here.
	Backend iomux.Backend
	// Loops is how many loops run. Default: GOMAXPROCS.
	Loops int
	// Wait is how a loop with nothing to do waits. Default: Fair where there
	// are at least as many loops as GOMAXPROCS and the backend allows it, else
	// Polite.
	Wait WaitMode

	// HighWater and LowWater bound the bytes that wait for a slow peer: over
	// the high mark its own input is not read any more, until no more than the
	// low mark is left. Defaults: 256 KiB and 64 KiB.
	HighWater, LowWater int
	// WriteLimit is how many bytes may wait at most; a Write beyond it closes
	// the connection with ErrWriteLimit. Default: 1 MiB.
	WriteLimit int
	// ReadLimit is how many unused bytes are kept for a Handler.Data that waits
	// for more; beyond it the connection is closed with ErrReadLimit. Default:
	// 1 MiB.
	ReadLimit int
	// Backlog is the length of the kernel's queue of connections not yet
	// accepted; the kernel cuts it at its own limit (Linux: somaxconn).
	// Default: 4096.
	Backlog int

	// Logger gets panics of handlers and trouble with accepting, and at debug
	// level every connection. Default: slog.Default().
	Logger *slog.Logger

	clock func() time.Time // of timers; tests have their own
}

// Bounds of one turn, so that no connection keeps the others waiting.
const (
	batchSize     = 512       // events a turn: with small messages, 7 µs each, posts and timers wait 4 ms at most
	readSize      = 64 << 10  // bytes a read: a full socket buffer's worth, one buffer a loop
	readsPerEvent = 4         // reads from one connection before the others' turn
	acceptBudget  = 16        // connections accepted an event
	directSize    = chunkSize // a write this large goes to the kernel at once
)

// withDefaults fills in what was left zero and refuses what cannot be.
func (o Options) withDefaults() (Options, error) {
	for _, f := range []struct {
		name  string
		value *int
		def   int
	}{
		{"Loops", &o.Loops, runtime.GOMAXPROCS(0)},
		{"HighWater", &o.HighWater, 256 << 10},
		{"LowWater", &o.LowWater, 64 << 10},
		{"WriteLimit", &o.WriteLimit, 1 << 20},
		{"ReadLimit", &o.ReadLimit, 1 << 20},
		{"Backlog", &o.Backlog, 4096},
	} {
		if *f.value < 0 {
			return o, fmt.Errorf("reactor: %w: %s is %d, want a positive number or 0 for the default", ErrOption, f.name, *f.value)
		}
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	if o.LowWater > o.HighWater || o.HighWater > o.WriteLimit {
		return o, fmt.Errorf("reactor: %w: want LowWater %d ≤ HighWater %d ≤ WriteLimit %d", ErrOption, o.LowWater, o.HighWater, o.WriteLimit)
	}
	switch o.Wait {
	case "", Fair, Polite:
	default:
		return o, fmt.Errorf("reactor: %w: Wait is %q, want %q or %q", ErrOption, o.Wait, Fair, Polite)
	}
	if o.clock == nil {
		o.clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o, nil
}
