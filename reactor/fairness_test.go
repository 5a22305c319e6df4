//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// fillUp writes to a socket until the kernels take no more, and returns how much they
// took.
func fillUp(t *testing.T, c *net.TCPConn) (n int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	piece := make([]byte, 64<<10)
	if err := raw.Write(func(fd uintptr) bool {
		for {
			k, errno := sys.Write(int(fd), piece)
			if errno != 0 {
				return true
			}
			n += k
		}
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// inputOf is how much there is to read from a connection whose loop stands still.
func inputOf(t *testing.T, c *Conn) int {
	t.Helper()
	n, err := unix.IoctlGetInt(int(c.fd), inputSize)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// arrived waits until there is input on all of them.
func arrived(t *testing.T, conns []*Conn) {
	t.Helper()
	end := time.Now().Add(patience)
	for _, c := range conns {
		for inputOf(t, c) == 0 {
			if time.Now().After(end) {
				t.Fatal("what was sent does not arrive")
			}
			runtime.Gosched()
		}
	}
}

// One client sends all it can, 99 others a few bytes each, and all are ready at once:
// the one gets its readsPerEvent reads and the rest its turn, whoever is first in the
// batch. So it is turn after turn, and so the one has its share as well: B5, as
// counts.
func TestAFirehoseAmongPings(t *testing.T) {
	const pings, rounds = 99, 20
	everywhere(t, func(t *testing.T, o Options) {
		var hose *Conn
		var reads, pinged, behind int // in a round; reads of the hose behind which a ping came
		opened := make(chan struct{}, pings+1)
		g, _, _ := serve(t, o, NopHandler{})
		ln := listenAt(t, g, "tcp://127.0.0.1:0", handler{
			opened: func(c *Conn) {
				if hose == nil {
					hose = c
				}
				opened <- struct{}{}
			},
			data: func(c *Conn, p []byte) int {
				if c == hose {
					reads++
					return len(p)
				}
				pinged++
				behind = reads
				_, _ = c.Write(p) // the client reads it
				return len(p)
			},
		}, ListenOptions{Socket: SocketOptions{ReadBuffer: 4 << 20}})
		l := g.loops[0]
		fire := dial(t, ln)
		receive(t, opened)
		var clients []net.Conn
		for range pings {
			clients = append(clients, dial(t, ln))
			receive(t, opened)
		}
		rich := 0
		for range rounds {
			goOn := standStill(t, l)
			reads, pinged, behind = 0, 0, 0
			fillUp(t, fire) // first, so that it is the first to be ready
			for _, c := range clients {
				if _, err := io.WriteString(c, "ping"); err != nil {
					t.Fatal(err)
				}
			}
			arrived(t, l.conns)
			waiting := inputOf(t, hose)
			first := make(chan int, 1) // reads of the hose in the turn that has the pings
			if err := l.Post(func() { first <- reads }); err != nil {
				t.Fatal(err)
			}
			goOn()
			got := receive(t, first)
			for _, c := range clients {
				expect(t, c, "ping")
			}
			onLoop(t, l, func() {
				if pinged != pings || behind > readsPerEvent {
					t.Errorf("the last of %d pings came behind %d reads of one connection, want at most %d", pinged, behind, readsPerEvent)
				}
			})
			if waiting >= readsPerEvent*readSize {
				rich++
				if got != readsPerEvent {
					t.Errorf("with %d bytes waiting it was read %d times in a turn, want %d", waiting, got, readsPerEvent)
				}
			}
		}
		if rich == 0 {
			t.Error("the kernel never held enough for a turn: the test shows nothing")
		}
	})
}

// A crowd connects while others are served: in a turn no more than acceptBudget of
// them come in between: B5.
func TestAnAcceptStormAmongPings(t *testing.T) {
	const crowd, pings = 200, 20
	everywhere(t, func(t *testing.T, o Options) {
		var accepted, behind, pinged int
		opened := make(chan struct{}, crowd+pings)
		g, ln, _ := serve(t, o, handler{
			opened: func(*Conn) { accepted++; opened <- struct{}{} },
			data: func(c *Conn, p []byte) int {
				pinged++
				behind = accepted
				_, _ = c.Write(p) // the client reads it
				return len(p)
			},
		})
		l := g.loops[0]
		var clients []net.Conn
		for range pings {
			clients = append(clients, dial(t, ln))
			receive(t, opened)
		}
		goOn := standStill(t, l)
		accepted = 0
		for range crowd {
			dial(t, ln) // the kernel takes it
		}
		for _, c := range clients {
			if _, err := io.WriteString(c, "ping"); err != nil {
				t.Fatal(err)
			}
		}
		arrived(t, l.conns)
		goOn()
		for _, c := range clients {
			expect(t, c, "ping")
		}
		for range crowd {
			receive(t, opened)
		}
		onLoop(t, l, func() {
			if pinged != pings || behind > acceptBudget {
				t.Errorf("the last of %d pings came behind %d of the crowd, want at most %d", pinged, behind, acceptBudget)
			}
		})
	})
}

// Functions that post themselves again, and timers that set themselves for now, have
// their place in every turn, and so has everybody else.
func TestEndlessPostsAndTimersAmongPings(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, _ := serve(t, o, echo)
		l := g.loops[0]
		over := false
		var posts, rings int
		var again, ring func()
		again = func() {
			if posts++; !over {
				_ = l.Post(again) // the loop goes on
			}
		}
		ring = func() {
			if rings++; !over {
				l.After(0, ring)
			}
		}
		c := dial(t, ln)
		roundTrip(t, c, "before")
		onLoop(t, l, func() { again(); ring() })
		for range 100 {
			roundTrip(t, c, "meanwhile")
		}
		onLoop(t, l, func() {
			over = true
			turns := int(l.counts.Turns)
			if posts < 90 || rings < 90 || posts > turns+1 || rings > turns+1 {
				t.Errorf("%d posts and %d timers in %d turns with 100 pings", posts, rings, turns)
			}
		})
	})
}
