//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// Every SetTimeouts used to hang a service of its own on the last one: a connection
// that changes its timeouts with each message kept them all.
func TestSetTimeoutsLeavesNothingBehind(t *testing.T) {
	leaktest.Check(t)
	conns := make(chan *Conn, 1)
	g, ln, _ := serve(t, Options{Loops: 1}, handler{opened: func(c *Conn) { conns <- c }})
	dial(t, ln)
	c := receive(t, conns)
	onLoop(t, g.loops[0], func() {
		for i := range 1000 {
			if err := c.SetTimeouts(Timeouts{Idle: time.Duration(i%2+1) * time.Minute}); err != nil {
				t.Error(err)
			}
		}
		n := 0
		for s := ln.services[0]; s != nil; s = s.derived {
			n++
		}
		if n > 2 {
			t.Errorf("the listener holds %d services after 1000 changes, want its own and the last", n)
		}
		if err := c.SetTimeouts(Timeouts{}); err != nil || c.service != ln.services[0] {
			t.Errorf("with the listener's timeouts again it is not served by the listener's service (%v)", err)
		}
	})
}

// A timeout that is switched on late counts from then: nobody has noted before when
// what it is about began, and it used to be over at once.
func TestTimeoutsThatAreSetLateCountFromThen(t *testing.T) {
	const d = 10 * time.Second
	for _, test := range []struct {
		which    Timeout
		timeouts Timeouts
		send     string
		data     func(c *Conn, p []byte) (used int)
	}{
		{TimeoutHandshake, Timeouts{Handshake: d}, "", nil},
		{TimeoutIdle, Timeouts{Idle: d}, "busy", func(_ *Conn, p []byte) int { return len(p) }},
		{TimeoutRead, Timeouts{Read: d}, "half", func(*Conn, []byte) int { return 0 }},
		{TimeoutWrite, Timeouts{Write: d}, "more", func(c *Conn, p []byte) int {
			_, _ = c.Write(make([]byte, 1000<<10)) // nobody reads it
			return len(p)
		}},
	} {
		t.Run(string(test.which), func(t *testing.T) {
			everywhere(t, func(t *testing.T, o Options) {
				clock := &fakeClock{now: time.Unix(1_000_000, 0)}
				o.clock = clock.read
				conns, took, ends := make(chan *Conn, 1), make(chan struct{}), make(chan error, 1)
				g, _, _ := serve(t, o, NopHandler{})
				l := g.loops[0]
				// Over TCP the kernels might take some more at any time.
				ln := listenAt(t, g, "unix://"+socketPath(t), handler{
					opened: func(c *Conn) { smallBuffers(t, c); conns <- c },
					data:   func(c *Conn, p []byte) int { defer func() { took <- struct{}{} }(); return test.data(c, p) },
					closed: func(_ *Conn, err error) { ends <- err },
				}, ListenOptions{})
				client := connect(t, ln)
				c := receive(t, conns)
				clock.pass(t, l, time.Hour) // the loop is older than any timeout
				if test.send != "" {
					sendTo(t, l, client, took, test.send)
				}
				clock.pass(t, l, time.Hour)
				onLoop(t, l, func() {
					if c.blocked != (test.which == TimeoutWrite) {
						t.Errorf("output waits: %v", c.blocked)
					}
					if err := c.SetTimeouts(test.timeouts); err != nil {
						t.Error(err)
					}
				})
				if clock.pass(t, l, d-1); ended(t, l, ends, test.which) {
					t.Fatal("it ended early: its time ran before it was set")
				}
				if clock.pass(t, l, 1); !ended(t, l, ends, test.which) {
					t.Error("it did not end in time")
				}
			})
		})
	}
}

// What Data left before a pause is the handler's to keep, not the peer's: the read
// timeout used to end the connection as soon as reading went on.
func TestReadTimeoutDoesNotCountAPause(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		const d = 10 * time.Second
		took, ends := make(chan struct{}, 2), make(chan error, 1)
		o.Timeouts = Timeouts{Read: d}
		paused := false
		l, clock, client := timed(t, o, handler{
			data: func(c *Conn, _ []byte) (used int) {
				if !paused {
					paused, used = true, 1
					c.PauseReading()
				}
				took <- struct{}{}
				return used
			},
			closed: func(_ *Conn, err error) { ends <- err },
		})
		sendTo(t, l, client, took, "ab")
		if clock.pass(t, l, time.Hour); ended(t, l, ends, TimeoutRead) {
			t.Fatal("it ended in the handler's own pause")
		}
		onLoop(t, l, l.conns[0].ResumeReading)
		receive(t, took)        // the rest, of which it wants more
		onLoop(t, l, func() {}) // its callback is over, so that the peer's time runs
		if clock.pass(t, l, d-1); ended(t, l, ends, TimeoutRead) {
			t.Fatal("the pause counted")
		}
		if clock.pass(t, l, 1); !ended(t, l, ends, TimeoutRead) {
			t.Error("the peer's time did not run after the pause")
		}
	})
}

// What Data left because of a pause comes back when the pause is over, though the
// peer, which waits for an answer, sends nothing more.
func TestResumeReadingBringsBackTheRest(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		calls := make(chan string, 10)
		var conn *Conn
		g, ln, _ := serve(t, o, handler{data: func(c *Conn, p []byte) int {
			conn = c
			calls <- string(p)
			c.PauseReading()
			return 1
		}})
		l := g.loops[0]
		if _, err := io.WriteString(dial(t, ln), "abc"); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"abc", "bc", "c"} {
			if got := receive(t, calls); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			onLoop(t, l, func() { conn.ResumeReading(); conn.PauseReading() }) // no time between
			onLoop(t, l, func() {})
			if len(calls) > 0 {
				t.Errorf("got %q in a pause", <-calls)
			}
			onLoop(t, l, func() { conn.ResumeReading() })
		}
		onLoop(t, l, func() {})
		if len(calls) > 0 {
			t.Errorf("got %q, and there was nothing left", <-calls)
		}
	})
}

// A peer of a Unix socket that is gone is noticed by the sweep, though the connection
// is paused; what it has sent before is read first.
func TestPausedUnixConnectionsNoticeThatThePeerIsGone(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		clock := &fakeClock{now: time.Unix(1_000_000, 0)}
		o.clock = clock.read
		conns, got, ends := make(chan *Conn, 1), make(chan string, 1), make(chan error, 1)
		g, _, _ := serve(t, o, NopHandler{})
		l := g.loops[0]
		ln := listenAt(t, g, "unix://"+socketPath(t), handler{
			opened: func(c *Conn) { c.PauseReading(); conns <- c },
			data:   func(_ *Conn, p []byte) int { got <- string(p); return len(p) },
			closed: func(_ *Conn, err error) { ends <- err },
		}, ListenOptions{})
		for _, input := range []string{"", "input"} {
			c := connect(t, ln)
			conn := receive(t, conns)
			onLoop(t, l, func() {}) // the sweep's timer is set
			if _, err := io.WriteString(c, input); err != nil {
				t.Fatal(err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			clock.pass(t, l, sweepEvery)
			if input != "" {
				onLoop(t, l, func() {
					if conn.state != connOpen {
						t.Error("a connection with input left was ended")
					}
					conn.ResumeReading()
				})
				if s := receive(t, got); s != input {
					t.Errorf("got %q, want %q", s, input)
				}
			}
			if err := receive(t, ends); !errors.Is(err, io.EOF) {
				t.Errorf("closed with %v, want io.EOF", err)
			}
		}
	})
}

// A Write that is refused while nothing waits leaves nothing behind: no buffer, and no
// interest in room that there is, on which the loop would spin while it lingers.
func TestARefusedWriteLeavesNothingBehind(t *testing.T) {
	for _, timeouts := range []Timeouts{{}, {Idle: time.Hour, Write: time.Hour}} {
		t.Run(fmt.Sprint("timeouts ", timeouts.any()), func(t *testing.T) {
			everywhere(t, func(t *testing.T, o Options) {
				o.Overflow, o.Timeouts = Refuse, timeouts
				conns := make(chan *Conn, 1)
				g, ln, _ := serve(t, o, handler{opened: func(c *Conn) { c.PauseReading(); conns <- c }})
				l := g.loops[0]
				client := dial(t, ln)
				c := receive(t, conns)
				full := false
				hook(t, &sys.Hooks{Fault: func(call sys.Call) sys.Errno {
					if call.Op == sys.OpWrite && call.FD == int(c.fd) && full {
						return unix.EAGAIN
					}
					return 0
				}})
				onLoop(t, l, func() {
					full = true
					if n, err := c.Write(make([]byte, 2<<20)); n != 0 || !errors.Is(err, ErrWriteLimit) {
						t.Errorf("got %d and %v, want ErrWriteLimit", n, err)
					}
					full = false
				})
				onLoop(t, l, func() {
					if c.blocked || c.interest&iomux.Writable != 0 || c.out.head != nil {
						t.Errorf("blocked: %v, interest: %v, a buffer is held: %v", c.blocked, c.interest, c.out.head != nil)
					}
				})
				if _, err := io.WriteString(client, "unread"); err != nil {
					t.Fatal(err)
				}
				until(t, l, "it has come", func() bool { return inputOf(t, c) > 0 })
				onLoop(t, l, func() {
					full = true
					_, _ = c.Write(make([]byte, 2<<20)) // refused, as above
					full = false
					c.Close()
				})
				expectEnd(t, client)
				onLoop(t, l, func() {
					if c.state != connLinger {
						t.Errorf("its state is %d, want that it lingers", c.state)
					}
				})
				quiet(t, l, 50*time.Millisecond)
			})
		})
	}
}

// A refused Write is followed by Drained when there is room, also where the high mark
// is the limit, so that what waits never was above it.
func TestDrainedAfterARefusedWrite(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.LowWater, o.HighWater, o.WriteLimit, o.Overflow = 1000, 4000, 4000, Refuse
		addresses := []string{"tcp://127.0.0.1:0"}
		if seqpackets {
			addresses = append(addresses, "unixpacket://"+socketPath(t))
		}
		g, _, _ := serve(t, o, NopHandler{})
		for _, address := range addresses {
			conns, drains := make(chan *Conn, 1), make(chan int, 10)
			ln := listenAt(t, g, address, drained{
				handler: handler{opened: func(c *Conn) { smallBuffers(t, c); conns <- c }},
				drained: func(c *Conn) { drains <- c.Buffered() },
			}, ListenOptions{})
			client := connect(t, ln)
			c := receive(t, conns)
			onLoop(t, c.Loop(), func() {
				var err error
				for n := 0; err == nil && n < 100_000; n++ {
					_, err = c.Write(make([]byte, 500))
					c.settle() // so that the kernel is full in the end
				}
				if !errors.Is(err, ErrWriteLimit) || c.Buffered() > o.HighWater || c.Buffered() <= o.LowWater {
					t.Errorf("%s: got %v with %d bytes waiting, want ErrWriteLimit", address, err, c.Buffered())
				}
			})
			go func() { _, _ = io.Copy(io.Discard, client) }() // until the end
			if n := receive(t, drains); n > o.LowWater {
				t.Errorf("%s: Drained with %d bytes waiting", address, n)
			}
			onLoop(t, c.Loop(), c.Close)
		}
	})
}
