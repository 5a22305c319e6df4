//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// badError panics when it is asked what it says.
type badError struct{}

func (badError) Error() string { panic("and again") }

// ways are how a callback may not return.
var ways = []struct {
	name string
	stop func()
}{
	{"string", func() { panic("on purpose") }},
	{"error", func() { panic(errors.New("on purpose")) }},
	{"error that panics", func() { panic(badError{}) }},
	{"nil", func() { panic(nil) }}, // as a handler might
	{"nil pointer", func() { var c *Conn; c.state = connOpen }},
	{"index", func() { var none []int; none[0]++ }},
	{"panic in a deferred call", func() { defer panic("second"); panic("first") }},
	{"Goexit", runtime.Goexit},
}

// faulty is a handler of everything that stops at one place, once.
type faulty struct {
	at     string
	stop   func() // nil when it has
	victim *Conn
	opened chan *Conn
	ends   chan error // of the victim
	closed map[*Conn]int
}

func (f *faulty) here(c *Conn, place string) {
	if place == f.at && f.stop != nil {
		stop := f.stop
		f.stop, f.victim = nil, c
		stop()
	}
}

func (f *faulty) Opened(c *Conn) {
	select {
	case f.opened <- c:
	default: // nobody waits for it
	}
	f.here(c, "Opened")
}

func (f *faulty) Data(c *Conn, p []byte) int {
	if string(p) != "honest" {
		f.here(c, "Data")
		if f.at == "Drained" && f.stop != nil {
			_ = sys.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 1)
			_, _ = c.Write(make([]byte, 600<<10)) // more than the kernels take
		}
	}
	_, _ = c.Write(p) // the client reads it, or does not
	return len(p)
}

func (f *faulty) HalfClosed(c *Conn) { f.here(c, "HalfClosed"); c.Close() }
func (f *faulty) Drained(c *Conn)    { f.here(c, "Drained") }

func (f *faulty) TimedOut(c *Conn, _ Timeout) bool {
	if c.Context() != nil { // one of the two is late
		f.here(c, "TimedOut")
	}
	return true
}

func (f *faulty) Closed(c *Conn, err error) {
	if f.closed[c]++; f.closed[c] > 1 {
		f.ends <- errors.New("Closed was called twice")
	}
	if c == f.victim {
		f.ends <- err
	}
	f.here(c, "Closed")
}

// Whatever does not return, however and wherever: the loop goes on, its other
// connections live, the one in question is closed with ErrPanic, and it is counted
// and logged once, with the stack: P2.
func TestAPanicInEveryCallback(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, at := range []string{"Opened", "Data", "HalfClosed", "Drained", "TimedOut", "Closed", "Conn.Post", "Loop.Post", "timer", "every", "dialled", "dial failed"} {
			for _, way := range ways {
				t.Run(at+"/"+way.name, func(t *testing.T) { panicAt(t, o, at, way.stop) })
			}
		}
	})
}

func panicAt(t *testing.T, o Options, at string, stop func()) {
	clock := &fakeClock{now: time.Unix(1_000_000, 0)}
	o.clock, o.LowWater, o.HighWater = clock.read, 10_000, 20_000
	o.Timeouts = Timeouts{Idle: time.Hour}
	f := &faulty{at: at, opened: make(chan *Conn, 2), ends: make(chan error, 2), closed: map[*Conn]int{}}
	if at == "dialled" {
		f.at = "Opened"
	}
	g, ln, log := serve(t, o, f)
	l := g.loops[0]
	honest := dial(t, ln)
	receive(t, f.opened)
	roundTrip(t, honest, "honest")
	onLoop(t, l, func() { f.stop = stop })
	var client *net.TCPConn
	var conn *Conn
	switch at {
	case "dialled":
		client = dialled(t, l, f)
	case "dial failed":
		if _, err := l.Dial("unix://"+socketPath(t), NopHandler{}, DialOptions{}, func(error) { f.here(nil, at) }); err != nil {
			t.Fatal(err)
		}
	default:
		client = dial(t, ln)
		conn = receive(t, f.opened)
	}
	var err error
	switch at {
	case "Data":
		_, err = io.WriteString(client, "x")
	case "HalfClosed", "Closed":
		err = client.CloseWrite()
	case "Drained":
		_, err = io.WriteString(client, "x")
		go func() { _, _ = io.Copy(io.Discard, client) }() // until the end
	case "TimedOut":
		onLoop(t, l, func() { conn.SetContext("late") })
		clock.pass(t, l, time.Hour)
	case "Conn.Post":
		err = conn.Post(func() { f.here(conn, at) })
	case "Loop.Post":
		err = l.Post(func() { f.here(nil, at) })
	case "timer":
		onLoop(t, l, func() { l.After(0, func() { f.here(nil, at) }) })
		clock.pass(t, l, 1)
	case "every":
		onLoop(t, l, func() { l.Every(time.Second, func() { f.here(nil, at) }) })
		clock.pass(t, l, time.Second)
	}
	if err != nil {
		t.Fatal(err)
	}
	until(t, l, "it has happened", func() bool { return f.stop == nil })
	switch at {
	case "Loop.Post", "timer", "every": // they are of no connection
		roundTrip(t, client, "honest")
	case "dial failed", "Closed": // there is nobody to be told
	default:
		if err := receive(t, f.ends); !errors.Is(err, ErrPanic) {
			t.Errorf("closed with %v, want ErrPanic", err)
		}
		if at != "Drained" { // there somebody else reads
			expectEnd(t, client)
		}
	}
	roundTrip(t, honest, "honest")
	onLoop(t, l, func() {})
	if len(f.ends) > 0 {
		t.Error(<-f.ends)
	}
	if n := g.Stats().Panics; n != 1 {
		t.Errorf("%d panics are counted, want 1", n)
	}
	if n, stacks := log.count(`level=ERROR msg="handler panicked"`), log.count("stack="); n != 1 || stacks != 1 || log.count("level=ERROR") != 1 {
		t.Errorf("%d lines and %d stacks in the log, want 1", n, stacks)
	}
}

// AllowPeer panics: the client is refused, and its descriptor is not left open.
func TestAPanicInAllowPeer(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := serve(t, o, NopHandler{})
		calls := 0
		ln := listenAt(t, g, "unix://"+socketPath(t), echo, ListenOptions{AllowPeer: func(Credentials) bool {
			if calls++; calls == 1 {
				panic("on purpose")
			}
			return true
		}})
		refused := connect(t, ln)
		if err := refused.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
			t.Fatal(err)
		}
		expectEnd(t, refused)
		roundTrip(t, connect(t, ln), "allowed")
	})
}

// What is told of a dial that Shutdown ends panics: the rest is ended all the same,
// other dials and connections.
func TestAPanicOfADialDuringShutdown(t *testing.T) {
	leaktest.Check(t)
	g, ln, _ := serve(t, Options{Loops: 1}, echo)
	roundTrip(t, dial(t, ln), "idle")
	hole := blackHole(t)
	told := make(chan int, 3)
	for i := range 3 {
		if _, err := g.loops[0].Dial(hole, echo, DialOptions{}, func(error) { told <- i; panic(fmt.Sprint("on purpose ", i)) }); err != nil {
			t.Fatal(err)
		}
	}
	onLoop(t, g.loops[0], func() {})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	down := make(chan error, 1)
	go func() { down <- g.Shutdown(ctx) }()
	if err := receive(t, down); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if len(told) != 3 {
		t.Errorf("%d of 3 dials were told that they have failed", len(told))
	}
}
