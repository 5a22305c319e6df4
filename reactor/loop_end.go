//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import "fmt"

// drain begins to end the loop: no more connections, and those there are get
// what has arrived for them handled and what waits for them sent.
func (l *Loop) drain() {
	l.draining = true
	for _, a := range l.takeAcceptors() {
		a.close()
	}
	l.packets.drain()
	// One function each: a panic ends only its own.
	for _, d := range l.dials {
		_ = l.Post(func() { d.fail(ErrClosed) })
	}
	for _, c := range l.conns {
		_ = l.post(posted{c, c.drain})
	}
}

// force ends every connection as it stands, and takes no more functions: one
// that posts itself again would keep the loop for ever.
func (l *Loop) force() {
	l.forced = true
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	for _, c := range l.conns {
		if c.state != connDead {
			l.group.force(c)
			c.finish(fmt.Errorf("reactor: %v: %w", c.name(), ErrForced))
		}
	}
	for _, co := range l.coroutines {
		if co.waits == forTime {
			co.until = 1 // long over
			co.timer.Reset(0)
		}
	}
	for _, d := range l.dials {
		d.whole.Reset(0) // each fails by itself in the phase of timers
	}
	l.packets.force()
}
