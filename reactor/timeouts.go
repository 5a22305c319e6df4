//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"time"

	"example.com/iomux/internal/sys"
)

// Timeouts bound how long a connection may keep a server waiting. Zero: for ever.
// None costs anything for a message: a connection notes when it was last active,
// and looks at that when its one alarm rings.
type Timeouts struct {
	// Handshake is how long after Opened the handler must have used some input:
	// a first line, a greeting. That of TLS, before Opened, may take as long from
	// when the connection was accepted, or 10 s where this is 0.
	Handshake time.Duration
	// Idle is how long nothing may go either way. It does not count before the
	// handshake, where Handshake is set.
	Idle time.Duration
	// Read is how long input that Data left unused may wait for the rest of
	// its message. It runs from the first such byte: more bytes do not extend
	// it, a message does.
	Read time.Duration
	// Write is how long output may wait without the peer's kernel taking any of
	// it; where the system does not tell (see SIOCOUTQ in tcp(7)), without this
	// side's kernel taking any.
	Write time.Duration
}

// Timeout names one of Timeouts.
type Timeout string

// The names of the timeouts; TimeoutClose is the loop's own, of a connection that
// was closed while output waited for it and gets no more rid of any.
const (
	TimeoutHandshake Timeout = "handshake"
	TimeoutIdle      Timeout = "idle"
	TimeoutRead      Timeout = "read"
	TimeoutWrite     Timeout = "write"
	TimeoutClose     Timeout = "close"
)

// any reports whether there is one.
func (t Timeouts) any() bool { return t != Timeouts{} }

// check refuses negative ones.
func (t Timeouts) check() error {
	for _, f := range []struct {
		name string
		d    time.Duration
	}{{"Handshake", t.Handshake}, {"Idle", t.Idle}, {"Read", t.Read}, {"Write", t.Write}} {
		if f.d < 0 {
			return fmt.Errorf("reactor: %w: Timeouts.%s is %v, want a positive duration or 0 for none", ErrOption, f.name, f.d)
		}
	}
	return nil
}

const (
	// lingerTime bounds how long a connection with unread input waits for its
	// peer to see the end, see hangUp.
	lingerTime = 5 * time.Second
	// drainLinger is the same at the end of a group: many may wait at a time, and
	// the end of the process waits for them.
	drainLinger = time.Second
	// lingerLook is how soon one that lingers only because its last bytes were not
	// confirmed is looked at again: the peer's kernel may take 40 ms to.
	lingerLook = 50 * time.Millisecond
	// closeTime bounds how long one that is closed may have output waiting and
	// get rid of none, where there is no Write timeout.
	closeTime = 30 * time.Second
)

// SetTimeouts gives c timeouts of its own instead of the listener's. What
// counts already goes on counting, against the new bounds. Errors: ErrOption.
func (c *Conn) SetTimeouts(t Timeouts) error {
	if err := t.check(); err != nil {
		return err
	}
	old, now := c.service.timeouts, c.loop().now()
	c.serveBy(c.service.with(t))
	// Without a timeout nobody has noted when what it is about began.
	if old.Idle == 0 && t.Idle > 0 || old.Handshake == 0 && t.Handshake > 0 {
		c.active = now
	}
	if old.Read == 0 && c.in != nil {
		c.in.since = now
	}
	if old.Write == 0 && c.out.head != nil {
		c.markOutput(now)
	}
	c.arm()
	return nil
}

// deadline is when the earliest of c's timeouts is over, and which that is.
func (c *Conn) deadline() (at time.Duration, which Timeout) {
	at = never
	until := func(t time.Duration, name Timeout) {
		if t < at {
			at, which = t, name
		}
	}
	t := &c.service.timeouts
	switch c.state {
	case connDead:
		return never, ""
	case connLinger:
		if c.draining {
			return c.active + drainLinger, TimeoutClose
		}
		return c.active + lingerTime, TimeoutClose
	case connClosing:
		if c.blocked && c.out.head != nil {
			if limit := t.Write; limit > 0 {
				until(c.out.head.since+limit, TimeoutWrite)
			} else {
				until(c.out.head.since+closeTime, TimeoutClose)
			}
		}
		return at, which
	}
	if t.Handshake > 0 && !c.greeted {
		until(c.active+t.Handshake, TimeoutHandshake)
	} else if t.Idle > 0 {
		until(c.active+t.Idle, TimeoutIdle)
	}
	if t.Read > 0 {
		if in := c.unfinished(); in != nil && c.reading() {
			until(in.since+t.Read, TimeoutRead)
		}
	}
	if t.Write > 0 && c.blocked && c.out.head != nil {
		until(c.out.head.since+t.Write, TimeoutWrite)
	}
	return at, which
}

// unfinished is what waits for the rest of a message, or of a record of TLS; nil:
// nothing does.
func (c *Conn) unfinished() *input {
	if s := c.service.tls; s != nil && c.in == nil {
		return s.kept
	}
	return c.in
}

// arm makes sure that c's alarm rings no later than its deadline. It may ring
// earlier, and then looks again: that is cheaper than to move it with each
// message.
func (c *Conn) arm() {
	at, _ := c.deadline()
	if at == never {
		return
	}
	l := c.loop()
	if c.alarm == notSet || at < l.alarms[c.alarm].at {
		l.alarms.set(c.alarm, c, max(at, l.fired+1))
	}
}

func (c *Conn) moved(index int32) { c.alarm = index }

func (*Conn) turn() uint64 { return 0 }

// ring looks at c's deadline. The last look before the end is the only one that
// is at the right time.
func (c *Conn) ring(now time.Duration) {
	l := c.loop()
	at, which := c.deadline()
	if at > now {
		if c.state == connLinger && c.unsure {
			if c.delivered() {
				c.finish(nil)
				return
			}
			at = min(at, now+lingerLook)
		}
		if at < never {
			l.alarms.set(c.alarm, c, at)
		}
		return
	}
	if (which == TimeoutWrite || which == TimeoutClose) && c.state != connLinger && c.advanced(now) {
		c.arm()
		return
	}
	l.current = c
	l.counts.Timeouts++
	c.timedOut(now, which)
	c.settle()
	l.current = nil
}

// markOutput notes how far output is that waits.
func (c *Conn) markOutput(now time.Duration) {
	unsent, _ := sys.Unsent(int(c.fd)) // where the system does not tell, advanced learns nothing either
	c.out.head.since, c.out.head.unsent = now, unsent
}

// advanced reports whether the peer has taken something since output was marked, and
// if so marks it anew. The kernel takes more only when a good part of its buffer is
// free, which may be megabytes: a peer that reads slowly may be a long way from that.
func (c *Conn) advanced(now time.Duration) bool {
	before := c.out.head.unsent
	unsent, errno := sys.Unsent(int(c.fd))
	if errno != 0 || unsent >= before {
		return false
	}
	c.markOutput(now)
	return true
}

// timedOut asks the handler, if it wants to be asked, and closes.
func (c *Conn) timedOut(now time.Duration, which Timeout) {
	switch {
	case c.state == connLinger:
		c.finish(nil)
		return
	case c.state == connOpen && c.service.timeouter != nil && c.service.timeouter.TimedOut(c, which):
		switch which {
		case TimeoutHandshake, TimeoutIdle:
			c.active = now
		case TimeoutRead:
			if in := c.unfinished(); in != nil {
				in.since = now
			}
		default:
			if c.out.head != nil {
				c.markOutput(now)
			}
		}
		return
	}
	c.finish(fmt.Errorf("reactor: %v: %w (%s)", c.name(), ErrTimeout, which))
}
