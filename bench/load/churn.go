//go:build linux

package load

import (
	"fmt"

	"golang.org/x/sys/unix"

	"example.com/iomux"
)

// sources is over how many source addresses a churn goes round. Each
// connection ends in TIME_WAIT on this side, which spoils its port for 60 s
// towards this server: at 30,000 a second that is 1.8 million, or 440 of the
// 28,232 ports of each address. The kernel bounds the number that it keeps
// (net.ipv4.tcp_max_tw_buckets) and forgets what is beyond.
//
// SO_LINGER 0 would leave no TIME_WAIT, but ends a connection by a reset: the
// server would see an error where a client's close shows it the end of the
// stream, and that is not what it is measured for.
const sources = 4096

// churn is the traffic of connections that last for one echo.
type churn struct {
	simple
	pattern pattern
	slots   []*slot
	target  unix.SockaddrInet4
	begun   int64 // connections
}

// slot is the place of one connection after the other; each is for the message
// of its number.
type slot struct {
	conn
	churn *churn
	at    int64 // when it began to connect
}

func newChurn(g *generator) *churn {
	c := &churn{simple: simple{g}, pattern: newPattern(g.Size), slots: make([]*slot, g.Conns), target: target(g.Addr)}
	for id := range c.slots {
		c.slots[id] = &slot{conn: conn{socket: socket{fd: -1, id: uint32(id)}}, churn: c}
	}
	g.result.InFlight = float64(g.Conns)
	return c
}

func (c *churn) connect() error { return nil }

func (c *churn) start(int64) error {
	for _, s := range c.slots {
		if err := c.begin(s); err != nil {
			return err
		}
	}
	return nil
}

func (c *churn) shares() []int64 {
	n := make([]int64, len(c.slots))
	for i, s := range c.slots {
		n[i] = s.acked
	}
	return n
}

func (c *churn) close() {
	for _, s := range c.slots {
		s.close()
	}
}

// begin makes the slot's next connection, unless there are enough.
func (c *churn) begin(s *slot) error {
	if c.phase >= draining || c.grant(1) == 0 {
		return nil
	}
	s.at = c.now()
	fd, err := c.startConnect(&c.target, source(1+c.begun%sources))
	if err != nil {
		return broken(&s.socket, s.acked, err)
	}
	c.begun++
	s.fd = fd
	c.attach(fd, s)
	// The handshake is nearly always over, so the message can leave at once;
	// where it is not, the kernel refuses and it waits.
	p, _ := s.compose(&c.pattern, c.out, 1)
	if err := c.put(&s.socket, p); err != nil {
		return broken(&s.socket, s.acked, err)
	}
	return c.watch(&s.socket, s.wants())
}

func (s *slot) ready(events iomux.Events) error {
	c := s.churn
	if events&iomux.Writable != 0 && len(s.rest) > 0 {
		if err := flush(&s.socket); err != nil {
			return broken(&s.socket, s.acked, err)
		}
		if err := c.watch(&s.socket, s.wants()); err != nil {
			return err
		}
	}
	if events&iomux.Readable == 0 {
		return nil
	}
	p, err := c.read(&s.socket)
	if err != nil {
		return broken(&s.socket, s.acked, err)
	}
	if err := s.take(&c.pattern, p); err != nil {
		return err
	}
	if s.acked < s.sent {
		return nil
	}
	return c.end(s)
}

// end closes the connection, which has its echo, and begins the next.
func (c *churn) end(s *slot) error {
	now := c.now()
	c.count(1, now)
	if c.within(s.at) {
		c.keep(now-s.at, 1)
	}
	if err := c.watch(&s.socket, 0); err != nil {
		return fmt.Errorf("load: slot %d: %w", s.id, err)
	}
	s.close()
	return c.begin(s)
}
