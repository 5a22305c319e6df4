//go:build linux

package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"example.com/iomux"
)

// Limits of a Config: far beyond what a scenario needs, near enough that a slip
// of the finger does not eat the machine.
const (
	MaxConns = 1 << 20
	MaxBurst = 1 << 20 // bytes of Depth messages
	MaxTime  = 10 * time.Minute
)

// Config says what load to make. Addr, Conns and Size must be given, and a
// Duration or a number of Messages.
type Config struct {
	Addr  netip.AddrPort // of the server, in 127.0.0.0/8
	Conns int
	Size  int // bytes a message

	// Depth is how many messages a connection keeps on their way in closed
	// loop; 0 means 1. They leave together in one write.
	Depth int
	// Whole sends the next Depth messages only when all of the last are back,
	// so that each arrives at the server as one segment of Depth requests.
	Whole bool
	// Rate makes it an open loop: so many messages a second, spread over all
	// connections and sent when their time has come, whatever is still on its
	// way. Latency counts from that time, not from when the send succeeded, so
	// that a server's stall is felt by every message it delayed.
	Rate float64

	Warm     time.Duration // runs before what is measured
	Duration time.Duration // what is measured; 0 means until Messages are done
	Messages int64         // stop after so many in all; 0 means no limit

	// Patience is how long a server may keep everything waiting: in closed
	// loop more is an error; in open loop it bounds the wait for the last
	// echoes, and those still missing are counted. 0 means 5 s.
	Patience time.Duration

	Backend iomux.Backend // of the generator; "" means the best

	// Began and Ended are called at the two ends of what is measured, on the
	// generator's goroutine; what they take is not in the time measured.
	Began, Ended func() error
}

// complete checks c and fills in what was left out.
func (c Config) complete() (Config, error) {
	if c.Depth == 0 {
		c.Depth = 1
	}
	if c.Patience == 0 {
		c.Patience = 5 * time.Second
	}
	if c.Duration == 0 {
		c.Duration = MaxTime
		if c.Messages == 0 {
			return c, errors.New("load: neither a duration nor a number of messages")
		}
	}
	nothing := func() error { return nil }
	if c.Began == nil {
		c.Began = nothing
	}
	if c.Ended == nil {
		c.Ended = nothing
	}
	switch {
	case !c.Addr.IsValid() || !c.Addr.Addr().Is4() || !c.Addr.Addr().IsLoopback():
		return c, fmt.Errorf("load: %v is not in 127.0.0.0/8", c.Addr)
	case c.Conns < 1 || c.Conns > MaxConns:
		return c, fmt.Errorf("load: %d connections: want 1 to %d", c.Conns, MaxConns)
	case c.Size < 1 || c.Depth < 1 || c.Size > MaxBurst || c.Depth > MaxBurst/c.Size:
		return c, fmt.Errorf("load: %d messages of %d bytes: want at least one of each, and %d bytes at most", c.Depth, c.Size, MaxBurst)
	case c.Rate < 0 || c.Rate > 1e9:
		return c, fmt.Errorf("load: %g messages a second: want 1 to 1e9, or 0 for closed loop", c.Rate)
	case c.Rate > 0 && (c.Depth > 1 || c.Whole):
		return c, errors.New("load: an open loop has no depth")
	case c.Warm < 0 || c.Duration < 0 || c.Patience < 0 || c.Warm+c.Duration > 2*MaxTime || c.Patience > MaxTime:
		return c, fmt.Errorf("load: times must lie between 0 and %v", MaxTime)
	case c.Messages < 0:
		return c, fmt.Errorf("load: %d messages", c.Messages)
	}
	return c, nil
}
