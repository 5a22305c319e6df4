//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"net"
	"os"
)

// The errors of this package; they come wrapped with the operation and the
// address. Errors of the kernel are wrapped likewise, and errors.Is finds the
// errno.
var (
	// ErrClosed: the connection, listener, loop or group is closed. It is a
	// net.ErrClosed too.
	ErrClosed = fmt.Errorf("closed: %w", net.ErrClosed)
	// ErrAddress: the address is not one this package can listen on, or dial.
	ErrAddress = errors.New("bad address")
	// ErrOption: an option has a value it cannot have.
	ErrOption = errors.New("bad option")
	// ErrWriteLimit: the peer reads too slowly; more than Options.WriteLimit
	// bytes would wait for it.
	ErrWriteLimit = errors.New("peer reads too slowly: write limit exceeded")
	// ErrReadLimit: the handler left more than Options.ReadLimit bytes unused.
	ErrReadLimit = errors.New("too much input left unused: read limit exceeded")
	// ErrMemoryLimit: more than Options.MemoryLimit bytes wait in all
	// connections together, and this one would have added to them.
	ErrMemoryLimit = errors.New("too much waits in all connections: memory limit exceeded")
	// ErrMessageSize: a message or datagram is larger than can be sent.
	ErrMessageSize = errors.New("message too long")
	// ErrTruncated: a message or datagram was larger than what is taken, and the
	// kernel has cut it.
	ErrTruncated = errors.New("message too long: cut on arrival")
	// ErrTimeout: one of the connection's Timeouts, or of a Dial. It is an
	// os.ErrDeadlineExceeded too.
	ErrTimeout = fmt.Errorf("timed out: %w", os.ErrDeadlineExceeded)
	// ErrTooManyConns: Options.MaxConns or MaxConnsPerAddr.
	ErrTooManyConns = errors.New("too many connections")
	// ErrCanceled: the Dial was cancelled.
	ErrCanceled = errors.New("cancelled")
	// ErrPanic: a callback panicked, or ended its goroutine by runtime.Goexit.
	ErrPanic = errors.New("handler panicked")
	// ErrForced: Shutdown's context ended before the connection had drained.
	ErrForced = errors.New("closed by force at shutdown")
)
