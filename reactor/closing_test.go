//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// closings are what a callback may do to end its own connection, or another one.
var closings = []struct {
	name string
	do   func(c, other *Conn)
	of   func(c, other *Conn) *Conn // the one that ends by it
}{
	{"Close", func(c, _ *Conn) { c.Close() }, own},
	{"Close twice", func(c, _ *Conn) { c.Close(); c.Close() }, own},
	{"Abort", func(c, _ *Conn) { c.Abort() }, own},
	{"Abort twice", func(c, _ *Conn) { c.Abort(); c.Abort() }, own},
	{"Close and Abort", func(c, _ *Conn) { c.Close(); c.Abort() }, own},
	{"CloseWrite and Close", func(c, _ *Conn) { c.CloseWrite(); c.Close() }, own},
	{"PauseReading and Close", func(c, _ *Conn) { c.PauseReading(); c.Close() }, own},
	{"Close the other, twice", func(_, other *Conn) { other.Close(); other.Close() }, others},
	{"Abort the other, twice", func(_, other *Conn) { other.Abort(); other.Abort() }, others},
	{"Write to the other and Close it", func(_, other *Conn) { _, _ = other.Write([]byte("bye")); other.Close() }, others},
}

func own(c, _ *Conn) *Conn        { return c }
func others(_, other *Conn) *Conn { return other }

// stage is a handler with every callback, for two connections, of which the second
// is on stage. What it notes belongs to the loop's goroutine.
type stage struct {
	at      string        // the callback that acts
	act     func(c *Conn) // what it does; nil once it has
	conns   []*Conn
	notes   map[*Conn][]string
	numbers map[int]*Conn // by descriptor
	opened  chan struct{}
}

// note takes a callback down, and acts if it is the one.
func (s *stage) note(c *Conn, callback string) {
	s.notes[c] = append(s.notes[c], callback)
	if act := s.act; act != nil && callback == s.at && len(s.conns) == 2 && c == s.conns[1] {
		s.act = nil
		act(c)
	}
}

// trace notes when a descriptor of a connection is closed, which the loop does.
func (s *stage) trace(c sys.Call) {
	if c.Op != sys.OpClose {
		return
	}
	if conn := s.numbers[c.FD]; conn != nil {
		delete(s.numbers, c.FD)
		s.notes[conn] = append(s.notes[conn], "close(2)")
	}
}

func (s *stage) Opened(c *Conn) {
	s.conns = append(s.conns, c)
	s.numbers[int(c.fd)] = c
	if s.at == "Drained" && len(s.conns) == 2 {
		_ = sys.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 1)
		_, _ = c.Write(make([]byte, 600<<10)) // more than the kernels take
	}
	s.note(c, "Opened")
	s.opened <- struct{}{}
}

func (s *stage) Data(c *Conn, p []byte) int { s.note(c, "Data"); return len(p) }
func (s *stage) HalfClosed(c *Conn)         { s.note(c, "HalfClosed"); c.Close() }
func (s *stage) Drained(c *Conn)            { s.note(c, "Drained") }

func (s *stage) TimedOut(c *Conn, _ Timeout) bool {
	s.note(c, "TimedOut")
	return s.at == "TimedOut"
}

func (s *stage) Closed(c *Conn, _ error) {
	s.note(c, "Closed")
	if _, err := unix.FcntlInt(uintptr(c.fd), unix.F_GETFD, 0); err != nil {
		s.notes[c] = append(s.notes[c], "not open in Closed")
	}
	s.notes[c] = append(s.notes[c], "returned")
}

// From whatever callback a connection is ended, its own or another's, and how:
// Closed comes once, no callback after it, and the descriptor is closed once, when
// Closed has returned: F2.
func TestClosingInEveryCallback(t *testing.T) {
	callbacks := []string{"Opened", "Data", "HalfClosed", "Drained", "TimedOut", "Closed", "timer", "Conn.Post", "Loop.Post", "dialled"}
	everywhere(t, func(t *testing.T, o Options) {
		for _, at := range callbacks {
			for _, how := range closings {
				t.Run(at+"/"+how.name, func(t *testing.T) { closeIn(t, o, at, how.do, how.of) })
			}
		}
	})
}

func closeIn(t *testing.T, o Options, at string, do func(c, other *Conn), of func(c, other *Conn) *Conn) {
	clock := &fakeClock{now: time.Unix(1_000_000, 0)}
	o.clock, o.LowWater, o.HighWater = clock.read, 10_000, 20_000
	o.Timeouts = Timeouts{Idle: time.Hour}
	s := &stage{at: at, notes: map[*Conn][]string{}, numbers: map[int]*Conn{}, opened: make(chan struct{}, 2)}
	s.act = func(c *Conn) { do(c, s.conns[0]) }
	if at == "dialled" {
		s.at = "Opened"
	}
	g, ln, _ := serve(t, o, s)
	l := g.loops[0]
	onLoop(t, l, func() { hook(t, &sys.Hooks{Trace: s.trace}) })
	other := dial(t, ln)
	receive(t, s.opened)
	var client *net.TCPConn
	switch at {
	case "dialled":
		client = dialled(t, l, s)
	case "Opened": // it may be ended before its client knows that it is connected
		if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
			client = c.(*net.TCPConn)
		}
	default:
		client = dial(t, ln)
	}
	receive(t, s.opened)

	conn := s.conns[1]
	var err error
	switch at {
	case "Data":
		_, err = io.WriteString(client, "x")
	case "HalfClosed", "Closed":
		err = client.CloseWrite()
	case "Drained":
		go func() { _, _ = io.Copy(io.Discard, client) }() // until it is closed below
	case "TimedOut":
		clock.pass(t, l, time.Hour)
	case "timer":
		onLoop(t, l, func() { l.After(0, func() { s.note(conn, at) }) })
		clock.pass(t, l, 1)
	case "Conn.Post":
		err = conn.Post(func() { s.note(conn, at) })
	case "Loop.Post":
		err = l.Post(func() { s.note(conn, at) })
	}
	if err != nil {
		t.Fatal(err)
	}
	ended := of(conn, s.conns[0])
	until(t, l, "it is ended", func() bool { return s.act == nil && ended.state != connOpen })
	for _, c := range []*net.TCPConn{other, client} { // a connection that lingers waits for that
		if c != nil {
			_ = c.Close()
		}
	}
	until(t, l, "all are closed", func() bool { return len(l.conns) == 0 })
	clock.pass(t, l, 24*time.Hour) // what still has an alarm is called
	onLoop(t, l, func() {
		for i, c := range s.conns {
			notes := s.notes[c]
			first := max(0, slices.Index(notes, "Closed"))
			if want := []string{"Closed", "returned", "close(2)"}; !slices.Equal(notes[first:], want) {
				t.Errorf("connection %d: %v, want %v at the end", i, notes, want)
			}
		}
	})
}

// A connection has caught up, and is ended before Drained comes: it does not come.
func TestNoDrainedBehindTheEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		conns := make(chan *Conn, 1)
		drains, ends := 0, make(chan struct{})
		_, ln, _ := serve(t, o, drained{
			handler: handler{
				opened: func(c *Conn) { conns <- c },
				closed: func(*Conn, error) { close(ends) },
			},
			drained: func(*Conn) { drains++ },
		})
		dial(t, ln)
		c := receive(t, conns)
		onLoop(t, c.Loop(), func() {
			c.choked = true // as with output over the high mark, all of which has gone
			c.level()
			c.Abort()
		})
		receive(t, ends)
		onLoop(t, c.Loop(), func() {
			if c.choked || drains > 0 {
				t.Errorf("choked %v, Drained was called %d times", c.choked, drains)
			}
		})
	})
}

// dialled has a loop connect to a listener of the test's own, and returns the
// other end.
func dialled(t *testing.T, l *Loop, h Handler) *net.TCPConn {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if _, err := l.Dial("tcp://"+ln.Addr().String(), h, DialOptions{}, func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // some tests close it before
	return c.(*net.TCPConn)
}

// until waits for what the loop's goroutine can see.
func until(t *testing.T, l *Loop, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) { // for the loop, and for the kernel
		yes := false
		onLoop(t, l, func() { yes = happened() })
		if yes {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
