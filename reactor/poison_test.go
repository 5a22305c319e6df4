//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

const poison = 0xdb

// poisoned is a loop whose turns the test makes. Behind each turn all memory that is
// nobody's is overwritten, so that whoever still looks at it sees that.
type poisoned struct {
	t    *testing.T
	l    *Loop
	rnd  *rand.Rand
	ends []*farEnd
	next byte
	err  error // of a callback
}

// farEnd is the test's end of a connection on which only one byte value travels.
type farEnd struct {
	p          *poisoned
	conn       *Conn
	fd         int // -1 once closed
	mine       byte
	sent, back int // bytes
	echoed     int // by the handler
	open       bool
}

// Opened is called by Loop.open, before it returns the connection.
func (p *poisoned) Opened(c *Conn) {
	c.SetContext(p.ends[len(p.ends)-1])
	if errno := sys.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 1); errno != 0 {
		p.fail("setsockopt: %v", errno)
	}
}

// Data uses some of what it gets, and answers that, in pieces.
func (p *poisoned) Data(c *Conn, in []byte) (used int) {
	e := c.Context().(*farEnd)
	p.check(e, "Data", in)
	if used = len(in); p.rnd.IntN(3) > 0 {
		used = p.rnd.IntN(len(in) + 1)
	}
	for left := in[:used]; len(left) > 0; {
		n := 1 + p.rnd.IntN(len(left))
		if _, err := c.Write(left[:n]); err != nil {
			return used
		}
		e.echoed += n
		left = left[n:]
	}
	return used
}

func (p *poisoned) Closed(c *Conn, _ error) { c.Context().(*farEnd).open = false }

func (p *poisoned) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

func (p *poisoned) check(e *farEnd, where string, b []byte) {
	if bytes.Count(b, []byte{e.mine}) != len(b) {
		p.fail("%s of connection %#x: bytes that are not its own: %#x", where, e.mine, b[:min(len(b), 64)])
	}
}

// connect makes a connection with a byte value of its own.
func (p *poisoned) connect() {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, fd := range fds {
		if errno := sys.SetNonblock(fd); errno != 0 {
			p.t.Fatal(errno)
		}
	}
	if p.next++; p.next == poison {
		p.next++
	}
	e := &farEnd{p: p, fd: fds[1], mine: p.next, open: true}
	p.ends = append(p.ends, e)
	e.conn = p.l.open(fds[0], netip.AddrPort{}, newService(p.l, nil, p, Timeouts{}, address{scheme: "tcp"}), false)
}

// turn makes a turn, and then poisons.
func (p *poisoned) turn() {
	_ = p.l.Post(func() {}) // so that it does not wait; the loop has not ended
	p.l.turn()
	for _, free := range []chunkStack{p.l.pool.small, p.l.pool.large} {
		for c := free.top; c != nil; c = c.next {
			fill(c.buf)
		}
	}
	for _, in := range p.l.inputs {
		fill(in.buf[:cap(in.buf)])
	}
	fill(p.l.readBuf)
}

var venom = bytes.Repeat([]byte{poison}, readSize)

func fill(b []byte) {
	for len(b) > 0 {
		b = b[copy(b, venom):]
	}
}

// act does something at random with the far end of a connection, or with the near
// one.
func (e *farEnd) act() {
	p, rnd := e.p, e.p.rnd
	switch k := rnd.IntN(20); {
	case k < 9:
		buf := bytes.Repeat([]byte{e.mine}, 1+rnd.IntN(20_000))
		if n, err := unix.Write(e.fd, buf); err == nil {
			e.sent += n
		}
	case k < 17:
		buf := make([]byte, 1+rnd.IntN(60_000))
		if n, err := unix.Read(e.fd, buf); err == nil {
			p.check(e, "the far end", buf[:n])
			e.back += n
		}
	case k == 17:
		e.conn.PauseReading()
	case k == 18:
		e.conn.ResumeReading()
	case rnd.IntN(4) > 0:
	case rnd.IntN(2) == 0:
		_ = unix.Close(e.fd)
		e.fd = -1
	default:
		e.conn.Close()
	}
}

// Whatever connections do, in whatever order, none sees a byte that is another's, or
// that lies in memory which has been given back: F8. The steps follow from the seed.
func TestNoBufferIsSharedOrUsedAfterItsRelease(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, seed := range []uint64{1, 2, rand.Uint64()} {
			if err := play(t, o, seed, 2_500); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
		}
	})
}

func play(t *testing.T, o Options, seed uint64, steps int) error {
	o.Loops, o.Logger, o.SlowCallback = 1, slog.New(slog.DiscardHandler), -1
	o.LowWater, o.HighWater = 20_000, 60_000
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	g := &Group{options: o}
	l, err := newLoop(g, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.release()
	g.loops = []*Loop{l}
	p := &poisoned{t: t, l: l, rnd: rand.New(rand.NewPCG(seed, 0))}
	back, waited := 0, 0
	for step := range steps {
		open := p.ends[:0]
		for _, e := range p.ends {
			if e.open && e.fd >= 0 {
				open = append(open, e)
				continue
			}
			back += e.back
			if e.fd >= 0 { // the near end has closed: what it sent still has to be right
				buf := make([]byte, 1<<20)
				n, _ := unix.Read(e.fd, buf)
				p.check(e, "the rest", buf[:max(n, 0)])
				_ = unix.Close(e.fd)
			}
		}
		p.ends = open
		for len(p.ends) < 8 {
			p.connect()
		}
		e := p.ends[p.rnd.IntN(len(p.ends))]
		e.act()
		if step%3 == 0 {
			p.turn()
		}
		if e.conn.Buffered() > 0 {
			waited++
		}
		if e.back > e.echoed || e.echoed > e.sent {
			p.fail("connection %#x: sent %d, echoed %d, got %d", e.mine, e.sent, e.echoed, e.back)
		}
		if p.err != nil {
			return fmt.Errorf("step %d: %w", step, p.err)
		}
	}
	for _, e := range p.ends {
		if e.fd >= 0 {
			_ = unix.Close(e.fd)
		}
	}
	for end := 0; len(l.conns) > 0; end++ {
		for _, c := range l.conns {
			c.Abort()
		}
		if p.turn(); end > 1000 {
			return fmt.Errorf("%d connections are left", len(l.conns))
		}
	}
	if n := g.memory.Load(); n != 0 {
		return fmt.Errorf("%d bytes are accounted when all are gone", n)
	}
	if back < 100_000 || waited < steps/50 {
		return fmt.Errorf("%d bytes came back, output waited at %d steps: the test shows nothing", back, waited)
	}
	return nil
}
