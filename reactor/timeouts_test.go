//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// asked is a handler that is asked before a connection times out.
type asked struct {
	handler
	keep func(c *Conn, which Timeout) bool
}

func (a asked) TimedOut(c *Conn, which Timeout) bool { return a.keep(c, which) }

// timed is a server on a clock of the test's own, with one client.
func timed(t *testing.T, o Options, h Handler) (l *Loop, clock *fakeClock, client io.ReadWriter) {
	t.Helper()
	return timedAt(t, o, h, "tcp://127.0.0.1:0")
}

// timedAt is timed at an address of the test's choice. Over a Unix socket only a read
// of the client makes room for more output, over TCP time does, too.
func timedAt(t *testing.T, o Options, h Handler, address string) (l *Loop, clock *fakeClock, client io.ReadWriter) {
	t.Helper()
	clock = &fakeClock{now: time.Unix(1_000_000, 0)}
	o.clock = clock.read
	opened := make(chan struct{})
	g, _, _ := serve(t, o, NopHandler{})
	c := connect(t, listenAt(t, g, address, tell{h, opened}, ListenOptions{}))
	<-opened
	return g.loops[0], clock, c
}

// tell closes a channel when a connection is open, and is h otherwise.
type tell struct {
	Handler
	opened chan struct{}
}

func (h tell) Opened(c *Conn) { h.Handler.Opened(c); close(h.opened) }

func (h tell) TimedOut(c *Conn, which Timeout) bool {
	a, ok := h.Handler.(Timeouter)
	return ok && a.TimedOut(c, which)
}

// sendTo sends and waits until the loop has taken it in.
func sendTo(t *testing.T, l *Loop, c io.ReadWriter, took <-chan struct{}, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
	receive(t, took)
	onLoop(t, l, func() {}) // what comes behind the callback is over, too
}

// ended reports whether Closed was called, and fails if it was for another reason
// than a timeout.
func ended(t *testing.T, l *Loop, ends <-chan error, which Timeout) bool {
	t.Helper()
	onLoop(t, l, func() {})
	select {
	case err := <-ends:
		if !errors.Is(err, ErrTimeout) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("closed with %v, want ErrTimeout (%s)", err, which)
		}
		return true
	default:
		return false
	}
}

// Each timeout ends the connection when its time is over and not a nanosecond
// before, and what it is about puts it off.
func TestTimeouts(t *testing.T) {
	const d = 10 * time.Second
	for _, test := range []struct {
		which    Timeout
		timeouts Timeouts
		pass     func(pass func(time.Duration), send func(string)) // ends d before the end
	}{
		{TimeoutIdle, Timeouts{Idle: d}, func(pass func(time.Duration), send func(string)) {
			for range 5 {
				pass(d - 1)
				send("line\n")
			}
		}},
		{TimeoutIdle, Timeouts{Idle: d, Handshake: 3 * d}, func(pass func(time.Duration), send func(string)) {
			pass(2 * d) // idle does not count before the handshake
			send("line\n")
		}},
		{TimeoutHandshake, Timeouts{Handshake: d, Idle: time.Hour}, func(_ func(time.Duration), send func(string)) {
			send("no whole line") // which is no handshake
		}},
		{TimeoutRead, Timeouts{Read: d}, func(pass func(time.Duration), send func(string)) {
			pass(time.Hour) // nothing has begun
			send("whole\nhalf")
		}},
		{TimeoutRead, Timeouts{Read: d, Idle: d}, func(pass func(time.Duration), send func(string)) {
			send("half")
			pass(d - 1)
			send(" a line\nand a") // the line is whole; another one has begun
		}},
	} {
		t.Run(string(test.which), func(t *testing.T) {
			everywhere(t, func(t *testing.T, o Options) {
				took, ends := make(chan struct{}), make(chan error, 1)
				o.Timeouts = test.timeouts
				l, clock, c := timed(t, o, handler{
					data: func(_ *Conn, p []byte) (used int) {
						for i, b := range p {
							if b == '\n' {
								used = i + 1
							}
						}
						took <- struct{}{}
						return used
					},
					closed: func(_ *Conn, err error) { ends <- err },
				})
				test.pass(func(d time.Duration) { clock.pass(t, l, d) }, func(s string) { sendTo(t, l, c, took, s) })
				if clock.pass(t, l, d-1); ended(t, l, ends, test.which) {
					t.Fatal("it ended a nanosecond early, or did not heed what puts it off")
				}
				clock.pass(t, l, 1)
				if !ended(t, l, ends, test.which) {
					t.Fatal("it did not end in time")
				}
				onLoop(t, l, func() {
					if len(l.alarms) != 0 {
						t.Errorf("%d alarms left", len(l.alarms))
					}
				})
			})
		})
	}
}

// Slow bytes do not put the read timeout off: B6's slowloris.
func TestReadTimeoutIsOfTheMessage(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		took, ends := make(chan struct{}), make(chan error, 1)
		o.Timeouts = Timeouts{Read: 30 * time.Second, Idle: 20 * time.Second}
		l, clock, c := timed(t, o, handler{
			data:   func(*Conn, []byte) int { took <- struct{}{}; return 0 },
			closed: func(_ *Conn, err error) { ends <- err },
		})
		sendTo(t, l, c, took, "a")
		clock.pass(t, l, 10*time.Second)
		sendTo(t, l, c, took, "b")
		clock.pass(t, l, 10*time.Second)
		sendTo(t, l, c, took, "c")
		if clock.pass(t, l, 10*time.Second-1); ended(t, l, ends, TimeoutRead) {
			t.Fatal("early")
		}
		if clock.pass(t, l, 1); !ended(t, l, ends, TimeoutRead) {
			t.Fatal("a byte every ten seconds keeps a connection for ever")
		}
	})
}

// A peer that takes nothing is given up, one that takes a little is not; after
// Close as before.
func TestWriteTimeout(t *testing.T) {
	for _, closing := range []bool{false, true} {
		everywhere(t, func(t *testing.T, o Options) {
			took, ends := make(chan struct{}), make(chan error, 1)
			limit := closeTime
			if !closing {
				limit = time.Second
				o.Timeouts.Write = limit
			}
			l, clock, c := timedAt(t, o, handler{
				opened: func(c *Conn) {
					if err := unix.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 1); err != nil {
						t.Error(err)
					}
				},
				data: func(c *Conn, p []byte) int {
					_, _ = c.Write(make([]byte, 1000<<10)) // what becomes of it is the subject
					if closing {
						c.Close()
					}
					took <- struct{}{}
					return len(p)
				},
				closed: func(_ *Conn, err error) { ends <- err },
			}, "unix://"+socketPath(t))
			sendTo(t, l, c, took, "go on")
			conn := l.conns[0]
			waiting := func() (n int) { onLoop(t, l, func() { n = conn.Buffered() }); return n }
			before := waiting()
			if before == 0 {
				t.Fatal("nothing waits: the test shows nothing")
			}
			clock.pass(t, l, limit-1)
			buf := make([]byte, 300<<10) // so much that the kernel takes more
			if _, err := io.ReadFull(c, buf); err != nil {
				t.Fatal(err)
			}
			for waiting() == before {
				time.Sleep(time.Millisecond) // the kernels take their time
			}
			if clock.pass(t, l, limit-1); ended(t, l, ends, TimeoutWrite) {
				t.Fatal("a peer that takes some was given up")
			}
			clock.pass(t, l, 1)
			over := ended(t, l, ends, TimeoutWrite)
			if !over { // the client took its last bytes after the server had noted how far it was
				clock.pass(t, l, limit)
				over = ended(t, l, ends, TimeoutWrite)
			}
			if !over {
				t.Fatal("a peer that takes nothing was not given up")
			}
		})
	}
}

// A peer that reads slowly is not given up, though it may be long before so much of
// the kernel's buffer is free that the kernel takes more.
func TestWriteTimeoutOfASlowReader(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		took, ends := make(chan struct{}), make(chan error, 1)
		o.Timeouts.Write = time.Second
		l, clock, c := timedAt(t, o, handler{
			data: func(c *Conn, p []byte) int {
				_, _ = c.Write(make([]byte, 900<<10)) // what becomes of it is the subject
				took <- struct{}{}
				return len(p)
			},
			closed: func(_ *Conn, err error) { ends <- err },
		}, "unix://"+socketPath(t))
		sendTo(t, l, c, took, "go on")
		conn := l.conns[0]
		if _, errno := sys.Unsent(int(conn.fd)); errno != 0 {
			return // the system does not tell, as the documentation says
		}
		before := 0
		onLoop(t, l, func() { before = conn.Buffered() })
		buf := make([]byte, 128<<10) // more than the kernel has in one piece
		for i := range 5 {
			if _, err := io.ReadFull(c, buf); err != nil {
				t.Fatal(err)
			}
			if clock.pass(t, l, time.Second/2); ended(t, l, ends, TimeoutWrite) {
				t.Fatalf("given up after %d reads", i+1)
			}
		}
		onLoop(t, l, func() {
			if conn.Buffered() != before {
				t.Logf("the kernel has taken %d bytes meanwhile", before-conn.Buffered())
			}
		})
		clock.pass(t, l, time.Second)
		clock.pass(t, l, time.Second)
		if !ended(t, l, ends, TimeoutWrite) {
			t.Error("not given up when it stopped reading")
		}
	})
}

// A handler may keep a connection, whose time then begins anew, and may write to it.
func TestTimedOutMayKeep(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		ends := make(chan error, 1)
		o.Timeouts = Timeouts{Idle: time.Second}
		asks := 0
		l, clock, c := timed(t, o, asked{
			handler: handler{closed: func(_ *Conn, err error) { ends <- err }},
			keep: func(c *Conn, which Timeout) bool {
				asks++
				if which != TimeoutIdle {
					t.Errorf("asked about %s", which)
				}
				_, _ = io.WriteString(c, "still there?") // the client sees it
				return asks < 3
			},
		})
		buf := make([]byte, 12)
		for i := range 3 {
			if ended(t, l, ends, TimeoutIdle) {
				t.Fatalf("it ended after %d s", i)
			}
			clock.pass(t, l, time.Second)
			if i < 2 {
				if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "still there?" {
					t.Fatalf("got %q and %v", buf, err)
				}
			}
		}
		if !ended(t, l, ends, TimeoutIdle) {
			t.Error("it did not end when the handler said so")
		}
		onLoop(t, l, func() {
			if asks != 3 {
				t.Errorf("asked %d times", asks)
			}
		})
	})
}

// A timeout costs no operation on timers for a message: the alarm stays where it
// is, and looks when it rings.
func TestTimeoutsCostNothingAMessage(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.Timeouts = Timeouts{Idle: time.Hour, Read: time.Hour, Write: time.Hour, Handshake: time.Hour}
		l, peer := turnByHand(t, o, echo)
		c := l.conns[0]
		if c.alarm == notSet {
			t.Fatal("no alarm is set")
		}
		at := l.alarms[c.alarm].at
		buf := make([]byte, 8)
		for range 100 {
			if _, err := unix.Write(peer, buf); err != nil {
				t.Fatal(err)
			}
			l.turn()
			if _, err := unix.Read(peer, buf); err != nil {
				t.Fatal(err)
			}
		}
		if l.alarms[c.alarm].at != at || len(l.alarms) != 1 || l.counts.Alarms != 0 {
			t.Errorf("after 100 messages: %d alarms, moved by %v, %d rang", len(l.alarms), l.alarms[c.alarm].at-at, l.counts.Alarms)
		}
	})
}

// Timeouts that cannot be are refused, for a group, a listener, a dial and a
// connection.
func TestBadTimeouts(t *testing.T) {
	bad := Timeouts{Read: -1}
	if _, err := Open(Options{Timeouts: bad}); !errors.Is(err, ErrOption) {
		t.Errorf("Open: %v, want ErrOption", err)
	}
	g, _, _ := serve(t, Options{Loops: 1}, NopHandler{})
	if _, err := g.Listen("tcp://127.0.0.1:0", echo, ListenOptions{Timeouts: bad}); !errors.Is(err, ErrOption) {
		t.Errorf("Listen: %v, want ErrOption", err)
	}
	if _, err := g.Dial("tcp://127.0.0.1:1", echo, DialOptions{Timeouts: bad}, func(error) {}); !errors.Is(err, ErrOption) {
		t.Errorf("Dial: %v, want ErrOption", err)
	}
}
