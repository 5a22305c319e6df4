//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// Every system call of opening a group and a listener fails once in turn: an
// error comes back that names it, and nothing stays open.
func TestStartUpFaults(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.Logger = slog.New(slog.DiscardHandler)
		o.Loops = 2
		k := 1
		for more := true; more; k++ {
			t.Run(fmt.Sprint("call ", k), func(t *testing.T) { more = startUpFault(t, o, k) })
		}
		if k < 8 {
			t.Errorf("only %d calls at start: the test shows nothing", k-1)
		}
	})
}

// startUpFault has the kth call fail; false: there are not so many.
func startUpFault(t *testing.T, o Options, k int) (more bool) {
	leaktest.Check(t)
	var calls atomic.Int64
	var failed sys.Call
	restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		// A wait is no part of the start, nor is a close that cleans up.
		switch c.Op {
		case sys.OpClose, sys.OpRead, sys.OpWrite, sys.OpKevent, sys.OpPoll, sys.OpSelect:
			return 0
		}
		if strings.HasPrefix(string(c.Op), "epoll_pwait") || calls.Add(1) != int64(k) {
			return 0
		}
		failed = c
		return unix.ENOMEM
	}})
	g, err := Open(o)
	if err == nil {
		_, err = g.Listen("tcp://127.0.0.1:0", NopHandler{}, ListenOptions{})
	}
	more = calls.Load() >= int64(k)
	restore()
	if g != nil {
		if err := g.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if !more {
		return false
	}
	named := errors.Is(err, unix.ENOMEM)
	switch {
	case failed.Args == "F_GETFD": // asked whether a descriptor is open, any failure is a no
		named = errors.Is(err, unix.EBADF)
	case failed.Op == sys.OpOpen: // the reserve descriptor can be done without
		named = err == nil
	}
	if !named {
		t.Errorf("%v failed: got %v", failed, err)
	}
	return true
}

// Errors that are about one connection do not stop accepting.
func TestAcceptErrorsOfAConnection(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		_, ln, _ := serve(t, o, echo)
		errnos := []sys.Errno{unix.ECONNABORTED, unix.EPROTO, unix.ENETDOWN, unix.EHOSTUNREACH, unix.EPERM, unix.EINTR}
		var calls, injected atomic.Int64
		hook(t, &sys.Hooks{Fault: func(c sys.Call) sys.Errno {
			if c.Op == sys.OpAccept && calls.Add(1)%3 == 0 {
				return errnos[int(injected.Add(1))%len(errnos)]
			}
			return 0
		}})
		for range 100 {
			c := dial(t, ln)
			roundTrip(t, c, "hello")
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if injected.Load() < 20 {
			t.Errorf("only %d errors were injected", injected.Load())
		}
	})
}

// Out of descriptors: connections that wait are refused, those there are go on,
// accepting pauses, and goes on when it can.
func TestOutOfDescriptors(t *testing.T) {
	for _, errno := range []sys.Errno{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM} {
		t.Run(errno.Error(), func(t *testing.T) {
			everywhere(t, func(t *testing.T, o Options) {
				_, ln, log := serve(t, o, echo)
				held := dial(t, ln)
				roundTrip(t, held, "before")
				var out atomic.Bool
				var accepts atomic.Int64
				spareClosed := false // on the loop only
				out.Store(true)
				hook(t, &sys.Hooks{Fault: func(c sys.Call) sys.Errno {
					// As the kernel would: there is room only in place of the reserve.
					switch {
					case !out.Load():
					case c.Op == sys.OpClose && c.FD == ln.group.reserve.fd:
						spareClosed = true
					case c.Op == sys.OpAccept:
						accepts.Add(1)
						if !spareClosed {
							return errno
						}
						spareClosed = false
					}
					return 0
				}})
				surplus := dial(t, ln)
				expectEnd(t, surplus)
				roundTrip(t, held, "meanwhile")
				if n := accepts.Load(); n > 2*acceptBudget {
					t.Errorf("%d calls of accept for one surplus connection", n)
				}
				out.Store(false)
				roundTrip(t, dial(t, ln), "after") // when the pause is over
				onLoop(t, ln.acceptors[0].loop, func() {
					if a := ln.acceptors[0]; a.paused || a.backoff != 0 || a.loop.pausedAcceptors != 0 {
						t.Errorf("after recovery: paused %v, back-off %v, count %d", a.paused, a.backoff, a.loop.pausedAcceptors)
					}
				})
				if n := log.count("accepting pauses"); n != 1 {
					t.Errorf("%d log lines, want 1", n)
				}
			})
		})
	}
}

// While accept fails and connections wait, the listener is always readable; that
// must not keep the loop busy.
func TestAcceptDoesNotSpin(t *testing.T) {
	for _, errno := range []sys.Errno{unix.ENFILE, unix.EPERM} {
		t.Run(errno.Error(), func(t *testing.T) { acceptDoesNotSpin(t, errno) })
	}
}

func acceptDoesNotSpin(t *testing.T, errno sys.Errno) {
	everywhere(t, func(t *testing.T, o Options) {
		_, ln, _ := serve(t, o, echo)
		held := dial(t, ln)
		roundTrip(t, held, "before")
		var accepts atomic.Int64
		restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
			if c.Op == sys.OpAccept {
				accepts.Add(1)
				return errno // in place of the reserve too: others may be faster
			}
			return 0
		}})
		waiting := dial(t, ln)
		const turns = 500
		for range turns {
			roundTrip(t, held, "a turn")
		}
		restore()
		if n := accepts.Load(); n == 0 || n > turns/2 {
			t.Errorf("%d calls of accept in %d turns", n, turns)
		}
		roundTrip(t, waiting, "served in the end")
	})
}

// The pauses grow, but not beyond a second.
func TestAcceptBackoff(t *testing.T) {
	leaktest.Check(t)
	_, ln, _ := serve(t, Options{Loops: 1}, echo)
	a := ln.acceptors[0]
	onLoop(t, a.loop, func() {
		hook(t, &sys.Hooks{Fault: func(c sys.Call) sys.Errno {
			if c.Op == sys.OpAccept {
				return unix.EMFILE
			}
			return 0
		}})
		var got []time.Duration
		for range 10 {
			a.refuse(unix.EMFILE)
			got = append(got, a.backoff)
		}
		for i, d := range got {
			if want := min(minBackoff<<i, maxBackoff); d != want {
				t.Errorf("pause %d lasts %v, want %v", i+1, d, want)
			}
		}
	})
}

// A closed connection lets a paused listener accept at once.
func TestAClosedConnectionEndsThePause(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		_, ln, _ := serve(t, o, echo)
		held := dial(t, ln)
		roundTrip(t, held, "before")
		a := ln.acceptors[0]
		onLoop(t, a.loop, func() { a.pause(time.Hour) })
		waiting := dial(t, ln)
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
		roundTrip(t, waiting, "served")
	})
}

// Faults of reading and writing end the connection they hit, with their errno;
// those that mean "not now" end none.
func TestReadAndWriteFaults(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, f := range []struct {
			op    sys.Op
			errno sys.Errno
			fatal bool
		}{
			{sys.OpRead, unix.EAGAIN, false},
			{sys.OpRead, unix.EINTR, false},
			{sys.OpRead, unix.ECONNRESET, true},
			{sys.OpRead, unix.ETIMEDOUT, true},
			{sys.OpWrite, unix.EAGAIN, false},
			{sys.OpWrite, unix.EINTR, false},
			{sys.OpWrite, unix.EPIPE, true},
			{sys.OpWrite, unix.ECONNRESET, true},
			{sys.OpWrite, unix.ENOBUFS, true},
		} {
			t.Run(string(f.op)+" "+f.errno.Error(), func(t *testing.T) {
				end := make(chan error, 2)
				conns := make(chan *Conn, 2)
				_, ln, _ := serve(t, o, handler{
					opened: func(c *Conn) { conns <- c },
					data:   echo.data,
					closed: func(_ *Conn, err error) { end <- err },
				})
				honest := dial(t, ln)
				receive(t, conns)
				hit := dial(t, ln)
				fd := int(receive(t, conns).fd)
				var times atomic.Int64
				hook(t, &sys.Hooks{Fault: func(c sys.Call) sys.Errno {
					if c.Op == f.op && c.FD == fd && times.Add(1)%2 == 1 {
						return f.errno
					}
					return 0
				}})
				if f.fatal {
					if _, err := io.WriteString(hit, "x"); err != nil {
						t.Fatal(err)
					}
					expectEnd(t, hit)
					if err := receive(t, end); !errors.Is(err, f.errno) {
						t.Errorf("Closed got %v, want %v", err, f.errno)
					}
				} else {
					for range 10 {
						roundTrip(t, hit, "nothing is lost")
					}
				}
				roundTrip(t, honest, "unharmed")
				if times.Load() == 0 {
					t.Error("no fault was injected")
				}
			})
		}
	})
}

// The kernel refuses to watch a connection, when it is new or later: that one is
// closed, the loop lives.
func TestWatchFaults(t *testing.T) {
	leaktest.Check(t)
	if iomux.Backends()[0] != iomux.Epoll {
		t.Skip("epoll is not the backend here; its calls are the ones this test breaks")
	}
	for _, errno := range []sys.Errno{unix.ENOMEM, unix.ENOSPC, unix.EPERM} {
		opened, end := make(chan struct{}, 3), make(chan error, 3)
		_, ln, log := serve(t, Options{Loops: 1}, handler{
			opened: func(*Conn) { opened <- struct{}{} },
			data:   func(c *Conn, p []byte) int { c.PauseReading(); return len(p) },
			closed: func(_ *Conn, err error) { end <- err },
		})
		later := dial(t, ln)
		receive(t, opened)
		var left atomic.Int64
		left.Store(1)
		restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
			if c.Op == "epoll_ctl" && left.Add(-1) == 0 {
				return errno
			}
			return 0
		}})
		expectEnd(t, dial(t, ln))
		if n := log.count("cannot register a connection"); n != 1 {
			t.Errorf("%d log lines, want 1", n)
		}
		left.Store(1)
		if _, err := io.WriteString(later, "x"); err != nil {
			t.Fatal(err)
		}
		// To pause reading is to remove the interest, which now fails.
		if err := receive(t, end); !errors.Is(err, errno) {
			t.Errorf("Closed got %v, want %v", err, errno)
		}
		restore()
	}
}

// A failing wait is logged, and the loop goes on when it works again.
func TestWaitFault(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, log := serve(t, o, echo)
		c := dial(t, ln)
		roundTrip(t, c, "before")
		var left atomic.Int64
		left.Store(3)
		hook(t, &sys.Hooks{Fault: func(c sys.Call) sys.Errno {
			switch c.Op {
			case "epoll_pwait", "epoll_pwait2", sys.OpPoll, sys.OpSelect, sys.OpKevent:
				if left.Add(-1) >= 0 {
					return unix.ENOMEM
				}
			}
			return 0
		}})
		_ = g.loops[0].Post(func() {}) // ends the wait at hand, which began before
		roundTrip(t, c, "after")
		for left.Load() >= 0 {
			runtime.Gosched()
		}
		if n := log.count("cannot wait for events"); n != 1 {
			t.Errorf("%d log lines for 3 failures within a second, want 1", n)
		}
	})
}

func TestAddresses(t *testing.T) {
	leaktest.Check(t)
	g, _, _ := serve(t, Options{Loops: 1}, echo)
	for address, want := range map[string]string{
		"":                          "want tcp://HOST:PORT",
		"127.0.0.1:7000":            "want tcp://HOST:PORT",
		"tcp:127.0.0.1":             "want tcp://HOST:PORT",
		"http://127.0.0.1:80":       `scheme "http" is not supported`,
		"udp://127.0.0.1:80":        "which ListenPacket takes",
		"tcp://127.0.0.1":           "no port",
		"tcp://127.0.0.1:":          "no port",
		"tcp://:7000":               "no host",
		"tcp://127.0.0.1:65536":     "not between 0 and 65535",
		"tcp://127.0.0.1:x":         "want tcp://HOST:PORT",
		"tcp://127.0.0.1:0/path":    "more than HOST:PORT",
		"tcp://u@127.0.0.1:0":       "more than HOST:PORT",
		"tcp://127.0.0.1:0?q":       "more than HOST:PORT",
		"tcp://[fe80::1%25nope]:0":  `no network interface "nope"`,
		"tcp://no.such.invalid:0":   "does not resolve",
		"tcp://\x1b[2J:0":           "want tcp://HOST:PORT",
		"tcp://300.300.300.300:700": "does not resolve",
	} {
		_, err := g.Listen(address, echo, ListenOptions{})
		if !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q: %v, want ErrAddress and %q on one clean line", address, err, want)
		}
	}
	// An address of a network reserved for documentation (RFC 5737).
	if _, err := g.Listen("tcp://192.0.2.1:0", echo, ListenOptions{}); !errors.Is(err, unix.EADDRNOTAVAIL) {
		t.Errorf("not our address: %v", err)
	}
}

func TestGoodAddresses(t *testing.T) {
	leaktest.Check(t)
	g, _, _ := serve(t, Options{Loops: 2}, echo)
	for _, address := range []string{"tcp://127.0.0.1:0", "tcp://localhost:0", "tcp://[::1]:0", "tcp://[::]:0", "tcp://0.0.0.0:0", "tcp://[::ffff:127.0.0.1]:0"} {
		ln, err := g.Listen(address, echo, ListenOptions{})
		if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT) {
			t.Logf("%s: this machine has no IPv6", address)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if again, err := g.Listen(ln.URL(), echo, ListenOptions{}); !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("%s: a second listener on %s: %v, %v, want EADDRINUSE", address, ln.URL(), again, err)
		}
		_, port, err := net.SplitHostPort(ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		host := "127.0.0.1"
		if ln.sockets.inet.Addr() == netip.IPv6Loopback() {
			host = "::1"
		}
		c, err := net.Dial("tcp", net.JoinHostPort(host, port))
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, c, "hello")
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		ln.Close()
		ln.Close()
		// It is closed on the loops, in their time.
		for {
			if c, err = net.Dial("tcp", net.JoinHostPort(host, port)); err != nil {
				break
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Connections are spread over all loops, by the kernel or by hand.
func TestConnectionsAreSpread(t *testing.T) {
	for _, byHand := range []bool{false, true} {
		everywhere(t, func(t *testing.T, o Options) {
			if byHand {
				defer func(v int) { reusePort = v }(reusePort)
				reusePort = 0
			}
			o.Loops = 3
			loops := make(chan *Loop, 300)
			_, ln, _ := serve(t, o, handler{opened: func(c *Conn) { loops <- c.Loop() }, data: echo.data})
			count := map[*Loop]int{}
			for range 120 {
				c := dial(t, ln)
				roundTrip(t, c, "x")
				count[receive(t, loops)]++
			}
			if len(count) != 3 {
				t.Errorf("120 connections went to %d of 3 loops", len(count))
			}
			for _, n := range count {
				if byHand && n != 40 {
					t.Errorf("a loop got %d of 120 connections, want 40", n)
				}
			}
		})
	}
}

func TestOptions(t *testing.T) {
	for want, o := range map[string]Options{
		"Loops is -1":          {Loops: -1},
		"HighWater is -5":      {HighWater: -5},
		"Backlog is -1":        {Backlog: -1},
		"LowWater 20":          {LowWater: 20, HighWater: 10},
		"WriteLimit 10":        {HighWater: 20, WriteLimit: 10},
		`Wait is "sometimes"`:  {Wait: "sometimes"},
		"needs a backend with": {Wait: Fair, Backend: iomux.Select},
	} {
		if _, err := Open(o); !errors.Is(err, ErrOption) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want ErrOption and %q", o, err, want)
		}
	}
	g, _, _ := serve(t, Options{Loops: 1}, NopHandler{})
	if _, err := g.Listen("tcp://127.0.0.1:0", nil, ListenOptions{}); !errors.Is(err, ErrOption) {
		t.Errorf("no handler: %v, want ErrOption", err)
	}
	if _, err := Open(Options{Backend: "carrier pigeon"}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("an unknown backend: %v, want errors.ErrUnsupported", err)
	}
}
