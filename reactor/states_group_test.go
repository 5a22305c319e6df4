//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// However many messages wait when a group shuts down, also as many as are read at a
// time: each is handled, and then the connection closes, though no event tells that
// there are no more.
func TestShutdownHandlesAnyNumberOfMessages(t *testing.T) {
	if !seqpackets {
		return // the system has none, which the documentation says
	}
	everywhere(t, func(t *testing.T, o Options) {
		for n := 1; n <= 2*readsPerEvent+2; n++ {
			conns, got := make(chan *Conn, 1), 0
			g, _, _ := serve(t, o, NopHandler{})
			ln := listenAt(t, g, "unixpacket://"+socketPath(t), handler{
				opened: func(c *Conn) { conns <- c },
				data:   func(_ *Conn, p []byte) int { got++; return len(p) },
			}, ListenOptions{})
			c := connect(t, ln)
			receive(t, conns)
			down, goOn := shutdown(t, g)
			for range n {
				if _, err := io.WriteString(c, "message"); err != nil {
					t.Fatal(err)
				}
			}
			goOn()
			expectEnd(t, c)
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			if err := receive(t, down); err != nil || got != n {
				t.Errorf("%d of %d messages were handled; Shutdown: %v", got, n, err)
			}
		}
	})
}

// shutdown shuts a group of one loop down, which does not begin with it until goOn is
// called.
func shutdown(t *testing.T, g *Group) (down <-chan error, goOn func()) {
	t.Helper()
	goOn = standStill(t, g.loops[0])
	result := make(chan error, 1)
	go func() { result <- g.Shutdown(context.Background()) }()
	for g.isOpen() {
		runtime.Gosched()
	}
	return result, goOn
}

// The end of a peer that comes while the group drains closes the connection, also of
// a handler that wants to be told of ends: it used to stay for ever.
func TestShutdownWithAnEndThatComesMeanwhile(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		conns, answers := make(chan *Conn, 1), make(chan struct{}, 1)
		var client *net.TCPConn
		told, over := 0, false
		g, ln, _ := serve(t, o, half{
			handler: handler{
				opened: func(c *Conn) { conns <- c },
				data: func(c *Conn, p []byte) int {
					var err error
					switch {
					case over:
					case c.draining:
						over, err = true, client.CloseWrite()
					default: // so that there is something to be read whenever the drain begins
						_, err = io.WriteString(client, "x")
					}
					if err != nil {
						t.Error(err)
					}
					comes(t, c)
					select {
					case answers <- struct{}{}:
					default:
					}
					return len(p)
				},
			},
			halfClosed: func(*Conn) { told++ },
		})
		client = dial(t, ln)
		receive(t, conns)
		onLoop(t, g.loops[0], func() { _, _ = io.WriteString(client, "x") }) // seen in what follows
		receive(t, answers)
		down := make(chan error, 1)
		go func() { down <- g.Shutdown(context.Background()) }()
		if err := receive(t, down); err != nil || told != 1 || !over {
			t.Errorf("Shutdown: %v; HalfClosed was called %d times; the end came: %v", err, told, over)
		}
	})
}

// comes waits on the loop's goroutine until there is input, or the end of it.
func comes(t *testing.T, c *Conn) {
	var one [1]byte
	for end := time.Now().Add(patience); time.Now().Before(end); runtime.Gosched() {
		if _, errno := sys.Peek(int(c.fd), one[:]); errno != unix.EAGAIN {
			return
		}
	}
	t.Error("nothing came")
}

// Whatever AllowPeer does instead of returning: the client is refused and counted, and
// its descriptor is closed, which leaktest sees.
func TestAllowPeerThatDoesNotReturn(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.MaxConns = 1
		g, _, _ := serve(t, o, NopHandler{})
		var stop func()
		ln := listenAt(t, g, "unix://"+socketPath(t), echo, ListenOptions{AllowPeer: func(Credentials) bool {
			if stop != nil {
				stop()
			}
			return true
		}})
		for i, way := range ways {
			onLoop(t, g.loops[0], func() { stop = way.stop })
			expectEnd(t, connect(t, ln))
			onLoop(t, g.loops[0], func() { stop = nil })
			onLoop(t, g.loops[0], func() {})
			if s := g.Stats(); s.Refused != uint64(i+1) || s.Panics != uint64(i+1) || s.Conns != 0 {
				t.Errorf("%s: %d are refused and %d panics, want %d; %d connections", way.name, s.Refused, s.Panics, i+1, s.Conns)
			}
		}
		roundTrip(t, connect(t, ln), "allowed") // though there may be but one
	})
}

// One mark or limit alone is accepted and kept; the others give way.
func TestOneMarkAloneMovesTheOthers(t *testing.T) {
	for _, o := range []Options{
		{}, {WriteLimit: 1}, {WriteLimit: 100 << 10}, {HighWater: 1}, {HighWater: 32 << 10}, {HighWater: 4 << 20},
		{LowWater: 1}, {LowWater: 500 << 10}, {LowWater: 8 << 20},
		{LowWater: 2 << 20, HighWater: 3 << 20}, {LowWater: 10, WriteLimit: 20}, {HighWater: 10, WriteLimit: 2 << 20},
	} {
		full, err := o.withDefaults()
		if err != nil {
			t.Errorf("%d, %d, %d: %v", o.LowWater, o.HighWater, o.WriteLimit, err)
			continue
		}
		if full.LowWater <= 0 || full.LowWater > full.HighWater || full.HighWater > full.WriteLimit {
			t.Errorf("%d, %d, %d: became %d, %d, %d", o.LowWater, o.HighWater, o.WriteLimit, full.LowWater, full.HighWater, full.WriteLimit)
		}
		for _, f := range [][2]int{{o.LowWater, full.LowWater}, {o.HighWater, full.HighWater}, {o.WriteLimit, full.WriteLimit}} {
			if f[0] != 0 && f[0] != f[1] {
				t.Errorf("%d was asked for and became %d", f[0], f[1])
			}
		}
	}
	for _, o := range []Options{
		{LowWater: 20, WriteLimit: 10}, {HighWater: maxWriteLimit + 1},
		{SlowCallback: 1}, {SlowCallback: time.Millisecond - 1}, // half of 1 ns made the watchdog's ticker panic
	} {
		if _, err := o.withDefaults(); !errors.Is(err, ErrOption) {
			t.Errorf("%d, %d, %d, %v: %v, want ErrOption", o.LowWater, o.HighWater, o.WriteLimit, o.SlowCallback, err)
		}
	}
}

// A successor that owns the file of its socket late, when another server has come in
// its place, leaves that server's file alone.
func TestOwnFileLeavesAStrangersFile(t *testing.T) {
	leaktest.Check(t)
	g, _, _ := serve(t, Options{Loops: 1}, NopHandler{})
	path := socketPath(t)
	ln := listenAt(t, g, "unix://"+path, NopHandler{}, ListenOptions{})
	files, err := ln.Files()
	if err != nil {
		t.Fatal(err)
	}
	next, err := g.Adopt(files, NopHandler{}, ListenOptions{})
	closeFiles(t, files)
	if err != nil {
		t.Fatal(err)
	}
	ln.Leave()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	stranger := listenAt(t, g, "unix://"+path, echo, ListenOptions{})
	next.OwnFile()
	next.Close()
	roundTrip(t, connect(t, stranger), "still there")
	stranger.Close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the stranger's own Close left its file: %v", err)
	}
}

// Many short callbacks of one turn are not one long one to the watchdog: of timers,
// of posts, and of connections that end.
func TestManyShortCallbacksAreNotSlow(t *testing.T) {
	leaktest.Check(t)
	const n = 10
	var dog *watchdog
	conns := make(chan *Conn, n)
	g, ln, _ := serve(t, Options{Loops: 1, SlowCallback: -1}, handler{
		opened: func(c *Conn) { conns <- c },
		closed: func(*Conn, error) { dog.look() },
	})
	l := g.loops[0]
	dog = &watchdog{loops: g.loops} // looks when it is told to, and has no patience
	onLoop(t, l, func() { l.watched.dog = dog })
	for _, test := range []struct {
		name string
		do   func()
	}{
		{"timers", func() {
			for range n {
				l.After(0, func() { dog.look() })
			}
		}},
		{"posts", func() {
			for range n {
				_ = l.Post(func() { dog.look() }) // it takes them: this is one
			}
		}},
		{"ends", func() {
			for range n {
				(<-conns).Abort()
			}
		}},
	} {
		if test.name == "ends" {
			for range n {
				dial(t, ln)
			}
			until(t, l, "all are open", func() bool { return len(conns) == n })
		}
		onLoop(t, l, test.do)
		onLoop(t, l, func() {})
		onLoop(t, l, func() {})
		if slow := g.Stats().Slow; slow != 0 {
			t.Fatalf("%s: %d slow callbacks", test.name, slow)
		}
	}
	onLoop(t, l, func() { dog.look(); dog.look() })
	onLoop(t, l, func() {})
	if slow := g.Stats().Slow; slow != 1 {
		t.Errorf("%d slow callbacks, want the last: the test shows nothing", slow)
	}
}
