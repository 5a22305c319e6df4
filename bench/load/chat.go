//go:build linux

package load

import (
	"fmt"
	"time"

	"example.com/iomux"
)

// Kinds of lines.
const (
	probeLine uint32 = iota
	burstLine
)

const (
	probeSize     = LeastLine // bytes
	shortestPause = int64(time.Millisecond)
	longestPause  = int64(50 * time.Millisecond)
)

// chat is the traffic of members of whom the first sends lines that all
// receive.
//
// A chat server does not say when somebody has joined, and one with several
// loops may let them join in another order than they came. But who receives a
// line has joined, and must receive every line after it. So the sender sends
// probes, short lines, one after the other until each member has had one, and
// the first burst when each has the last of them. A probe costs a delivery a
// member, and two or three are mostly enough, where a line of each member's own
// would be delivered to all that are there already: half a million for a
// thousand members. The pauses between probes grow, so that a server that
// is still accepting is not kept from it.
type chat struct {
	simple
	lines   lines
	members []*member

	probes []byte // all of them
	probed int    // members that have the last
	joined int    // members that have any
	pause  int64
	next   int64 // when the next probe may leave

	burst   []byte
	sent    uint64 // lines of bursts
	at      int64  // when the burst left
	lacking int    // members that do not have all of it
}

func newChat(g *generator) *chat {
	return &chat{
		simple:  simple{g},
		lines:   newLines(g.Size),
		members: make([]*member, g.Conns),
		burst:   make([]byte, g.Depth*g.Size),
		pause:   shortestPause,
	}
}

func (c *chat) connect() error {
	err := c.dial(c.Conns, func(id, fd int) error {
		m := &member{socket: socket{fd: fd, id: uint32(id)}, chat: c}
		c.members[id] = m
		c.attach(fd, m)
		return nil
	})
	if err != nil {
		return err
	}
	for _, m := range c.members {
		if err := c.watch(&m.socket, iomux.Readable); err != nil {
			return err
		}
	}
	c.every = shortestPause
	return c.probe(c.now())
}

// probe sends the next probe.
func (c *chat) probe(now int64) error {
	var p [probeSize]byte
	c.lines.fill(p[:], probeLine, uint64(len(c.probes)/probeSize))
	c.probes = append(c.probes, p[:]...)
	c.probed = 0
	c.next = now + c.pause
	c.pause = min(2*c.pause, longestPause)
	return c.say(p[:])
}

// say has the first member write p.
func (c *chat) say(p []byte) error {
	m := c.members[0]
	if err := c.put(&m.socket, p); err != nil {
		return m.broken(err)
	}
	return c.watch(&m.socket, m.wants())
}

func (c *chat) settled() bool { return c.probed == c.Conns }

// tick sends another probe if somebody has not got the last, once the sender
// has: then the server has dealt with it.
func (c *chat) tick(now int64) error {
	if c.phase > settling || now < c.next || c.members[0].off < len(c.probes) {
		return nil
	}
	return c.probe(now)
}

func (c *chat) start(now int64) error {
	c.every = tick
	c.result.Connected = c.Conns
	return c.sendBurst(now)
}

// sendBurst sends the next lines, unless there were enough.
func (c *chat) sendBurst(now int64) error {
	if c.phase >= draining || c.Messages > 0 && c.issued >= c.Messages {
		return nil
	}
	c.issued += int64(c.Depth) * int64(c.Conns)
	for i := range c.Depth {
		c.lines.fill(c.burst[i*c.Size:][:c.Size], burstLine, c.sent)
		c.sent++
	}
	for _, m := range c.members {
		m.off = 0
	}
	c.lacking = c.Conns
	c.at = now
	return c.say(c.burst)
}

// delivered counts what a member has got of the burst, and sends the next when
// that was the last that was lacking.
func (c *chat) delivered(m *member, lines, now int64) error {
	c.count(lines, now)
	if c.within(c.at) {
		c.keep(now-c.at, lines)
	}
	if m.off < len(c.burst) {
		return nil
	}
	if c.lacking--; c.lacking > 0 {
		return nil
	}
	return c.sendBurst(now)
}

// stalled tells a server that is silent from one that has lost something: when
// one member has a line that another should have as well, it was lost.
func (c *chat) stalled(now int64) error {
	all, some := len(c.burst), false
	if c.phase == settling {
		all = len(c.probes)
	}
	var behind *member
	for _, m := range c.members {
		switch {
		case c.phase == settling && !m.joined: // owed nothing yet
		case m.off < all:
			behind = m
			some = some || m.off > 0 && c.phase > settling
		default:
			some = true
		}
	}
	switch {
	case behind != nil && some:
		return fmt.Errorf("%w: member %d has %d bytes of the %d that it should have and others do, and no more for %v", ErrWrongEcho, behind.id, behind.off, all, c.Patience)
	case c.phase == settling:
		return fmt.Errorf("load: %d of %d members have joined, and no more for %v", c.joined, c.Conns, c.Patience)
	}
	return c.simple.stalled(now)
}

func (c *chat) goodbye(int64) error {
	for _, m := range c.members {
		if err := c.finish(&m.socket); err != nil {
			return m.broken(err)
		}
	}
	return nil
}

func (c *chat) close() {
	for _, m := range c.members {
		if m != nil {
			m.close()
		}
	}
}
