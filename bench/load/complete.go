//go:build linux

package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Check reports what is wrong with c, but for its address.
func (c Config) Check() error {
	c.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 1)
	_, err := c.complete()
	return err
}

// complete checks c and fills in what was left out.
func (c Config) complete() (Config, error) {
	if c.Depth == 0 {
		c.Depth = 1
	}
	if c.Patience == 0 {
		c.Patience = 5 * time.Second
	}
	if err := c.checkKind(); err != nil {
		return c, err
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
	return c, c.checkBounds()
}

// checkKind refuses what the kind of load cannot do.
func (c Config) checkKind() error {
	echo := c.Kind == Echo
	switch {
	case !c.Kind.known():
		return fmt.Errorf("load: there is no %v", c.Kind)
	case c.Whole && !echo:
		return fmt.Errorf("load: %v has no whole bursts to wait for", c.Kind)
	case c.Rate != 0 && !echo && c.Kind != Room:
		return fmt.Errorf("load: %v has no open loop", c.Kind)
	case c.Mixed && !echo:
		return fmt.Errorf("load: %v has no mixed sizes", c.Kind)
	case c.Slow != 0 && !echo:
		return fmt.Errorf("load: %v has no slow readers", c.Kind)
	case c.Depth > 1 && (c.Kind == Churn || c.Kind == Idle):
		return fmt.Errorf("load: %v has no depth", c.Kind)
	case c.Kind == Chat && c.Size < LeastLine:
		return fmt.Errorf("load: lines of %d bytes: want %d at least", c.Size, LeastLine)
	case c.Kind == Room && (c.Size < LeastRoomLine || c.Conns < 2 || c.Rate == 0):
		return fmt.Errorf("load: a room of %d with lines of %d bytes, %g a second: want two, %d bytes and a rate", c.Conns, c.Size, c.Rate, LeastRoomLine)
	case c.Kind == UDP && (c.Size < LeastDatagram || c.Size > MaxDatagram):
		return fmt.Errorf("load: datagrams of %d bytes: want %d to %d", c.Size, LeastDatagram, MaxDatagram)
	case c.Kind == Idle && (c.Duration == 0 || c.Messages != 0):
		return errors.New("load: idle wants a duration and no number of messages")
	}
	return nil
}

// checkBounds refuses numbers that make no sense or would eat the machine.
func (c Config) checkBounds() error {
	switch {
	case !c.Addr.IsValid() || !c.Addr.Addr().Is4() || !c.Addr.Addr().IsLoopback():
		return fmt.Errorf("load: %v is not in 127.0.0.0/8", c.Addr)
	case c.Conns < 1 || c.Conns > MaxConns:
		return fmt.Errorf("load: %d connections: want 1 to %d", c.Conns, MaxConns)
	case c.Slow < 0 || c.Slow > MaxSlow:
		return fmt.Errorf("load: %d slow readers: want 0 to %d", c.Slow, MaxSlow)
	case c.Size < 1 || c.Depth < 1 || c.Size > MaxBurst || c.Depth > MaxBurst/c.Size:
		return fmt.Errorf("load: %d messages of %d bytes: want at least one of each, and %d bytes at most", c.Depth, c.Size, MaxBurst)
	case c.Rate != 0 && !(c.Rate >= 1 && c.Rate <= 1e9): // not a number is neither
		return fmt.Errorf("load: %g messages a second: want 1 to 1e9, or 0 for closed loop", c.Rate)
	case c.Rate > 0 && (c.Depth > 1 || c.Whole) && c.Kind != Room:
		return errors.New("load: an open loop has no depth")
	case c.Warm < 0 || c.Duration < 0 || c.Patience < 0 || c.Warm+c.Duration > 2*MaxTime || c.Patience > MaxTime:
		return fmt.Errorf("load: times must lie between 0 and %v", MaxTime)
	case c.Messages < 0:
		return fmt.Errorf("load: %d messages", c.Messages)
	}
	return nil
}
