package transcript

import (
	"errors"
	"fmt"
	"slices"
)

// progress is how far a connection has come, as line numbers; 0 is not yet.
type progress struct {
	begun, sentEOF, ended int
	nothing               int // a NOTHING that nothing proves yet
	asked                 int // what the client did behind that
}

// checkOrder holds the events of each connection to an order that can be played.
func (s *Script) checkOrder() error {
	conns := map[string]*progress{}
	var names []string
	for _, l := range s.lines {
		if l.op == blank || l.op == comment {
			continue
		}
		c := conns[l.conn]
		if c == nil {
			c = &progress{}
			conns[l.conn] = c
			names = append(names, l.conn)
		}
		if l.op.toServer() {
			for _, other := range conns { // in a chat, what one says all others hear
				other.asked = l.number
			}
		}
		err := c.step(l)
		if err == nil && len(names) > 1 && slices.Contains(names, "") {
			err = errors.New("some lines name a connection and some do not")
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", s.name, l.number, err)
		}
		if c.begun == 0 {
			c.begun = l.number
		}
	}
	for _, name := range names {
		if n := conns[name].nothing; n != 0 {
			return fmt.Errorf("%s:%d: nothing proves this NOTHING, want a line behind it that the same connection receives", s.name, n)
		}
	}
	if names == nil {
		return fmt.Errorf("%s: there is nothing to play in it", s.name)
	}
	return nil
}

func (c *progress) step(l line) error {
	switch {
	case c.ended != 0:
		return fmt.Errorf("the connection has ended in line %d", c.ended)
	case c.sentEOF != 0 && (l.op.toServer() || l.op == taken):
		return fmt.Errorf("the client has ended its direction in line %d", c.sentEOF)
	case l.op == connect && c.begun != 0:
		return fmt.Errorf("the connection is open since line %d, want CONNECT as its first line", c.begun)
	case l.op == receive && c.nothing != 0 && c.asked < c.nothing:
		return fmt.Errorf("line %d wants NOTHING, and nothing was sent since", c.nothing)
	}
	switch l.op {
	case sendEOF:
		c.sentEOF = l.number
	case receiveEOF:
		c.ended, c.nothing = l.number, 0
	case receive:
		c.nothing = 0
	case nothing:
		c.nothing = l.number
	}
	return nil
}

// checkKind holds a script to what streams, or datagrams, can do.
func (s *Script) checkKind(stream bool) error {
	for _, l := range s.lines {
		switch {
		case stream && (l.op == send || l.op == receive) && len(l.text.parts) == 0:
			return fmt.Errorf("%s:%d: EMPTY is a datagram, and this is a stream", s.name, l.number)
		case !stream && (l.op == sendEOF || l.op == receiveEOF || l.op == taken):
			return fmt.Errorf("%s:%d: datagrams have no such line", s.name, l.number)
		}
	}
	return nil
}

// checkEnds wants to see each stream's end.
func (s *Script) checkEnds() error {
	open := map[string]int{} // the last line of each connection that has not ended
	for _, l := range s.lines {
		switch l.op {
		case blank, comment:
		case receiveEOF:
			delete(open, l.conn)
		default:
			open[l.conn] = l.number
		}
	}
	for _, l := range s.lines {
		if l.number == open[l.conn] {
			return fmt.Errorf("%s:%d: the last line of a connection of streams is %s, or what comes behind it is missed", s.name, l.number, l.conn+"< EOF")
		}
	}
	return nil
}
