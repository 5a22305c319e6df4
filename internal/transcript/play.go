package transcript

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// patience bounds each step. It is generous: nothing waits for so long unless the
// server fails.
const patience = 30 * time.Second

// errTaken: this system cannot tell whether a peer has read everything.
var errTaken = errors.New("here nobody can tell what the server has read (> TAKEN)")

// Play is the clients of a script, towards the server at an address of package
// net: networks tcp, tcp4, tcp6, unix, unixpacket, udp, udp4, udp6 and unixgram. A
// multicast address is sent to through the loopback interface. The first
// difference fails the test, and Play returns.
func Play(t testing.TB, network, address string, s *Script) {
	t.Helper()
	switch err := play(network, address, s, patience); {
	case errors.Is(err, errTaken):
		t.Skip(err)
	case err != nil:
		t.Error(err)
	}
}

func play(network, address string, s *Script, patience time.Duration) error {
	stream, err := isStream(network)
	if err != nil {
		return err
	}
	if err := s.checkKind(stream); err != nil {
		return err
	}
	if stream {
		if err := s.checkEnds(); err != nil {
			return err
		}
	}
	p := newPlayer(network, address, patience)
	defer p.close()
	for _, l := range s.lines {
		if err := p.step(l); err != nil {
			return fmt.Errorf("%s:%d: %w", s.name, l.number, err)
		}
	}
	return nil
}

// player holds the connections of a script that is being played.
type player struct {
	network, address string
	patience         time.Duration
	links            map[string]*link
	kept             map[string]uint64 // numbers by kind and name
	nothing          map[string]int    // lines with NOTHING that are not proved yet, by connection
}

func newPlayer(network, address string, patience time.Duration) *player {
	return &player{network, address, patience, map[string]*link{}, map[string]uint64{}, map[string]int{}}
}

func (p *player) close() {
	for _, l := range p.links {
		l.close()
	}
}

// link is a connection, opened if it is new.
func (p *player) link(name string) (*link, error) {
	if l := p.links[name]; l != nil {
		return l, nil
	}
	l, err := open(p.network, p.address, p.patience)
	if err != nil {
		return nil, err
	}
	p.links[name] = l
	return l, nil
}

func (p *player) step(l line) error {
	if l.op == blank || l.op == comment {
		return nil
	}
	c, err := p.link(l.conn)
	if err != nil {
		return err
	}
	switch l.op {
	case receive:
		got, at, err := c.receive(l.text, p.kept)
		return p.judge(l, got, at, err)
	case receiveEOF:
		got, err := c.receiveEOF()
		return p.judge(l, got, 0, err)
	}
	return p.act(l, c)
}

// act does what is the client's part of a line.
func (p *player) act(l line, c *link) error {
	switch l.op {
	case send:
		bytes, _ := l.text.literal()
		return c.send(bytes)
	case sendEOF:
		return c.sendEOF()
	case taken:
		return c.awaitTaken()
	case nothing:
		p.nothing[l.conn] = l.number
	}
	return nil
}

// judge makes the error of a difference.
func (p *player) judge(l line, got []byte, at int, err error) error {
	before := p.nothing[l.conn]
	delete(p.nothing, l.conn)
	if err == nil {
		return nil
	}
	return &difference{l, got, at, err, p.patience, before}
}
