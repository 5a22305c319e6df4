//go:build linux

package load

import (
	"time"

	"example.com/iomux"
)

// echo is the traffic of connections that stay: closed loop, whole bursts, or
// the open loop of openloop.go. It is the hot path: one read and one write for
// what one read brings.
type echo struct {
	simple
	pattern pattern
	conns   []*echoConn
	slow    *slow
	epoch   int64 // when the open loop's first message was meant to leave
}

// echoConn is one of echo's connections; due of its messages wait to be written.
type echoConn struct {
	conn
	echo   *echo
	due    int64
	sentAt []int64 // closed loop: when, by message modulo depth
}

func newEcho(g *generator) *echo {
	e := &echo{simple: simple{g}, pattern: newPattern(g.Size), conns: make([]*echoConn, g.Conns)}
	if g.Mixed {
		e.pattern = newMixed(g.Size)
	}
	if g.Rate == 0 && !g.Whole {
		g.result.InFlight = float64(g.Conns) * float64(g.Depth)
	}
	e.slow = newSlow(g)
	return e
}

func (e *echo) connect() error {
	err := e.dial(e.Conns, func(id, fd int) error {
		c := &echoConn{conn: conn{socket: socket{fd: fd, id: uint32(id)}}, echo: e}
		if e.Rate == 0 {
			c.sentAt = make([]int64, e.Depth)
		}
		e.conns[id] = c
		e.attach(fd, c)
		return nil
	})
	if err != nil {
		return err
	}
	if err := e.slow.connect(); err != nil {
		return err
	}
	for _, c := range e.conns {
		if err := e.watch(&c.socket, iomux.Readable); err != nil {
			return err
		}
	}
	e.result.Connected = e.Conns
	return nil
}

func (e *echo) start(now int64) error {
	if err := e.slow.start(); err != nil {
		return err
	}
	e.epoch = now
	if e.Rate > 0 {
		return nil
	}
	for _, c := range e.conns {
		c.due = e.grant(int64(e.Depth))
		if err := e.send(c, now); err != nil {
			return err
		}
	}
	return nil
}

func (e *echo) due(now int64) (time.Duration, error) {
	if e.Rate > 0 && e.phase < draining {
		return e.sendDue(now)
	}
	return iomux.Forever, nil
}

func (e *echo) tick(int64) error { return e.slow.read() }

func (e *echo) shares() []int64 {
	n := make([]int64, len(e.conns))
	for i, c := range e.conns {
		n[i] = c.acked
	}
	return n
}

func (e *echo) drain(now int64) error {
	e.slow.report(&e.result)
	if e.Rate > 0 {
		// What was meant to leave within the window still does.
		return e.issue(e.to-1, now)
	}
	return nil
}

func (e *echo) stalled(now int64) error {
	if e.Rate > 0 {
		return nil
	}
	return e.simple.stalled(now)
}

func (e *echo) goodbye(now int64) error {
	for _, c := range e.conns {
		if c.due > 0 || c.acked < c.sent {
			e.abandon(c, now)
			if err := e.watch(&c.socket, 0); err != nil {
				return err
			}
		} else if err := e.finish(&c.socket); err != nil {
			return broken(&c.socket, c.acked, err)
		}
	}
	return nil
}

func (e *echo) close() {
	for _, c := range e.conns {
		if c != nil {
			c.close()
		}
	}
	e.slow.close()
}

func (c *echoConn) ready(events iomux.Events) error {
	e := c.echo
	if events&iomux.Readable != 0 {
		p, err := e.read(&c.socket)
		if err != nil {
			return broken(&c.socket, c.acked, err)
		}
		if len(p) > 0 {
			if err := e.receive(c, p, e.now()); err != nil {
				return err
			}
		}
	}
	if events&iomux.Writable != 0 && len(c.rest) > 0 {
		return e.resume(c)
	}
	return nil
}

// receive checks and counts an echo, and in closed loop answers it with the
// next message.
func (e *echo) receive(c *echoConn, p []byte, now int64) error {
	first := c.acked
	if err := c.take(&e.pattern, p); err != nil {
		return err
	}
	n := c.acked - first
	e.count(n, now)
	for seq := first; seq < c.acked; seq++ {
		if at, in := e.leftAt(c, seq); in {
			e.keep(now-at, 1)
		}
	}
	if e.Rate > 0 || e.phase >= draining {
		return nil
	}
	if e.Whole {
		if c.acked < c.sent || c.due > 0 {
			return nil
		}
		n = int64(e.Depth)
	}
	c.due += e.grant(n)
	return e.send(c, now)
}

// leftAt is when the message left, or was meant to, and whether its latency is
// to be kept.
func (e *echo) leftAt(c *echoConn, seq int64) (at int64, in bool) {
	if e.Rate > 0 {
		return e.meantWithin(c, seq)
	}
	at = c.sentAt[seq%int64(e.Depth)]
	return at, e.within(at)
}

// send writes what is due, unless something written before still waits.
func (e *echo) send(c *echoConn, now int64) error {
	for c.due > 0 && len(c.rest) == 0 {
		first := c.sent
		p, n := c.compose(&e.pattern, e.out, c.due)
		c.due -= n
		e.stamp(c, first, now)
		if err := e.put(&c.socket, p); err != nil {
			return broken(&c.socket, c.acked, err)
		}
	}
	return e.watch(&c.socket, c.wants())
}

// stamp notes that the connection's messages from first on left now.
func (e *echo) stamp(c *echoConn, first, now int64) {
	if e.Rate > 0 {
		e.lag(c, first, now)
		return
	}
	for seq := first; seq < c.sent; seq++ {
		c.sentAt[seq%int64(e.Depth)] = now
	}
}

// resume writes what the kernel refused before, then what has become due since.
func (e *echo) resume(c *echoConn) error {
	if err := flush(&c.socket); err != nil {
		return broken(&c.socket, c.acked, err)
	}
	return e.send(c, e.now())
}
