//go:build linux

package load

import (
	"example.com/iomux"
)

// touching is how many connections are in the middle of an echo at the same
// time: enough that the server is never waited for, few enough that an echo's
// latency is not that of all the others.
const touching = 256

// idle is the traffic of connections that are silent between two echoes: one
// when they are made, and one that proves them alive at the end.
type idle struct {
	simple
	pattern pattern
	conns   []*idleConn
	next    int // the first that has not been touched in this round
}

type idleConn struct {
	conn
	idle *idle
	at   int64 // when its last message left
}

func newIdle(g *generator) *idle {
	return &idle{simple: simple{g}, pattern: newPattern(g.Size), conns: make([]*idleConn, g.Conns)}
}

func (t *idle) connect() error {
	err := t.dial(t.Conns, func(id, fd int) error {
		c := &idleConn{conn: conn{socket: socket{fd: fd, id: uint32(id)}}, idle: t}
		t.conns[id] = c
		t.attach(fd, c)
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range t.conns {
		if err := t.watch(&c.socket, iomux.Readable); err != nil {
			return err
		}
	}
	t.result.Connected = t.Conns
	return t.touch(t.now())
}

func (t *idle) settled() bool { return t.next == t.Conns && t.answered == t.issued }

func (t *idle) start(int64) error { return nil }

// drain is the second round.
func (t *idle) drain(now int64) error {
	t.next = 0
	return t.touch(now)
}

func (t *idle) goodbye(int64) error {
	for _, c := range t.conns {
		if err := t.finish(&c.socket); err != nil {
			return broken(&c.socket, c.acked, err)
		}
	}
	return nil
}

func (t *idle) close() {
	for _, c := range t.conns {
		if c != nil {
			c.close()
		}
	}
}

// touch sends a message on as many connections as may be waiting for theirs.
func (t *idle) touch(now int64) error {
	for t.next < t.Conns && t.issued-t.answered < touching {
		c := t.conns[t.next]
		t.next++
		t.issued++
		c.at = now
		p, _ := c.compose(&t.pattern, t.out, 1)
		if err := t.put(&c.socket, p); err != nil {
			return broken(&c.socket, c.acked, err)
		}
		if err := t.watch(&c.socket, c.wants()); err != nil {
			return err
		}
	}
	return nil
}

func (c *idleConn) ready(events iomux.Events) error {
	t := c.idle
	if events&iomux.Writable != 0 && len(c.rest) > 0 {
		if err := flush(&c.socket); err != nil {
			return broken(&c.socket, c.acked, err)
		}
		if err := t.watch(&c.socket, c.wants()); err != nil {
			return err
		}
	}
	if events&iomux.Readable == 0 {
		return nil
	}
	p, err := t.read(&c.socket)
	if err != nil {
		return broken(&c.socket, c.acked, err)
	}
	first := c.acked
	if err := c.take(&t.pattern, p); err != nil {
		return err
	}
	if c.acked == first {
		return nil
	}
	now := t.now()
	t.count(1, now)
	if t.phase == draining {
		t.result.Messages++
		t.keep(now-c.at, 1)
		t.until = now + int64(t.Patience) // there may be very many
	}
	return t.touch(now)
}
