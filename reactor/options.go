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
	// Wait is how a loop with nothing to do waits. Default: Fair where the
	// backend allows it, but with fewer loops than GOMAXPROCS only after waits
	// that were long, and else Polite.
	Wait WaitMode

	// HighWater and LowWater bound the bytes that wait for a slow peer: over
	// the high mark its own input is not read any more, until no more than the
	// low mark is left. Defaults: 256 KiB and 64 KiB.
	HighWater, LowWater int
	// WriteLimit is how many bytes may wait at most; a Write beyond it closes
	// the connection with ErrWriteLimit, or what Overflow says. Default: 1 MiB; at most 1 GiB.
	WriteLimit int
	// Overflow is what a Write beyond WriteLimit does. Default: CloseSlow.
	Overflow Overflow
	// ReadLimit is how many unused bytes are kept for a Handler.Data that waits
	// for more; beyond it the connection is closed with ErrReadLimit. Default:
	// 1 MiB.
	ReadLimit int
	// MemoryLimit is how many bytes may wait in all connections together,
	// output and unused input; datagrams do not count, WriteLimit bounds those
	// of each socket. While there are more, a connection that adds to
	// them is closed with ErrMemoryLimit. Default: 1 GiB.
	MemoryLimit int

	// Timeouts bound how long a connection may keep the server waiting. A
	// listener or a connection may have others. Default: none.
	Timeouts Timeouts
	// MaxConns is how many accepted connections there may be at a time; those
	// beyond it are closed at once. Default: as many as there are descriptors.
	MaxConns int
	// MaxConnsPerAddr is the same for those from one address, of IPv6 one /64.
	// Unix sockets do not count. Default: no limit.
	MaxConnsPerAddr int
	// MaxHandshakes is how many clients' TLS handshakes may be under way at a time,
	// shared evenly by the loops; who comes beyond it waits for its turn. Default:
	// 1024.
	MaxHandshakes int
	// Backlog is the length of the kernel's queue of connections not yet
	// accepted; the kernel cuts it at its own limit (Linux: somaxconn).
	// Default: 4096.
	Backlog int
	// Workers is how many functions of Coroutine.Await run at a time. Default: 64.
	Workers int

	// Pin binds each loop to a thread and that to a processor, in turn over
	// those the process may use. It implies Polite: a pinned goroutine cannot
	// park without its thread. Linux.
	Pin bool
	// SlowCallback is how long a callback may run before it is logged, with its
	// stack; a millisecond at least. Negative: never. Default: 100 ms, as in
	// asyncio.
	SlowCallback time.Duration
	// OnPanic is what becomes of the process when a callback panics. Default:
	// Survive.
	OnPanic PanicMode
	// Logger gets panics of handlers and trouble with accepting, and at debug
	// level every connection. Default: slog.Default().
	Logger *slog.Logger

	clock func() time.Time // of timers; tests have their own
}

// Overflow is what becomes of a Write that would have more wait than WriteLimit.
type Overflow string

const (
	// CloseSlow closes the connection with ErrWriteLimit.
	CloseSlow Overflow = "close"
	// Refuse keeps the connection; the Write answers ErrWriteLimit, and none of
	// it is sent. A Write of which the kernel has taken a part closes all the
	// same.
	Refuse Overflow = "refuse"
)

// PanicMode is what a panic in a callback does.
type PanicMode string

const (
	// Survive closes the connection and logs the panic with its stack.
	Survive PanicMode = "survive"
	// Crash does that, and then lets the panic end the process.
	Crash PanicMode = "crash"
)

// Bounds of one turn, so that no connection keeps the others waiting.
const (
	batchSize     = 512       // events a turn: with small messages, 7 µs each, posts and timers wait 4 ms
	readSize      = 64 << 10  // bytes a read: a full socket buffer's worth, one buffer a loop
	readsPerEvent = 4         // reads from one connection before the others' turn
	acceptBudget  = 16        // connections accepted an event
	directSize    = chunkSize // a write this large goes to the kernel at once
)

// maxWriteLimit is far beyond what makes sense to keep for one peer, and what the
// 32 bits of a connection's count can hold.
const maxWriteLimit = 1 << 30

// withDefaults fills in what was left zero and refuses what cannot be. One mark or
// limit alone moves the others out of its way.
func (o Options) withDefaults() (Options, error) {
	if o.WriteLimit == 0 {
		o.WriteLimit = max(1<<20, o.HighWater, o.LowWater)
	}
	if o.HighWater == 0 && o.WriteLimit > 0 {
		o.HighWater = min(max(256<<10, o.LowWater), o.WriteLimit)
	}
	if o.LowWater == 0 && o.HighWater > 0 {
		o.LowWater = min(64<<10, o.HighWater)
	}
	for _, f := range []struct {
		name  string
		value *int
		def   int
	}{
		{"Loops", &o.Loops, runtime.GOMAXPROCS(0)},
		{"HighWater", &o.HighWater, 0},
		{"LowWater", &o.LowWater, 0},
		{"WriteLimit", &o.WriteLimit, 0},
		{"ReadLimit", &o.ReadLimit, 1 << 20},
		{"MemoryLimit", &o.MemoryLimit, 1 << 30},
		{"MaxConns", &o.MaxConns, 0},
		{"MaxConnsPerAddr", &o.MaxConnsPerAddr, 0},
		{"MaxHandshakes", &o.MaxHandshakes, 1024},
		{"Backlog", &o.Backlog, 4096},
		{"Workers", &o.Workers, 64},
	} {
		if *f.value < 0 {
			return o, fmt.Errorf("reactor: %w: %s is %d, want a positive number or 0 for the default", ErrOption, f.name, *f.value)
		}
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	if o.WriteLimit > maxWriteLimit {
		return o, fmt.Errorf("reactor: %w: WriteLimit is %d, want at most %d", ErrOption, o.WriteLimit, maxWriteLimit)
	}
	if o.LowWater > o.HighWater || o.HighWater > o.WriteLimit {
		return o, fmt.Errorf("reactor: %w: want LowWater %d ≤ HighWater %d ≤ WriteLimit %d", ErrOption, o.LowWater, o.HighWater, o.WriteLimit)
	}
	if err := o.Timeouts.check(); err != nil {
		return o, err
	}
	if o.Pin && o.Wait == "" {
		o.Wait = Polite
	}
	for _, f := range []struct{ name, value, a, b string }{
		{"Wait", string(o.Wait), string(Fair), string(Polite)},
		{"Overflow", string(o.Overflow), string(CloseSlow), string(Refuse)},
		{"OnPanic", string(o.OnPanic), string(Survive), string(Crash)},
	} {
		if f.value != "" && f.value != f.a && f.value != f.b {
			return o, fmt.Errorf("reactor: %w: %s is %q, want %q or %q", ErrOption, f.name, f.value, f.a, f.b)
		}
	}
	if o.Pin && o.Wait != Polite {
		return o, fmt.Errorf("reactor: %w: Pin wants Wait %q", ErrOption, Polite)
	}
	switch {
	case o.SlowCallback == 0:
		o.SlowCallback = 100 * time.Millisecond
	case o.SlowCallback > 0 && o.SlowCallback < time.Millisecond:
		return o, fmt.Errorf("reactor: %w: SlowCallback is %v, want a millisecond at least, or a negative one for never", ErrOption, o.SlowCallback)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o, nil
}
