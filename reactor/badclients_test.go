//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// lines is a handler that answers each whole line with its number and itself.
type lines struct {
	NopHandler
	took   atomic.Int64 // calls of Data
	most   int          // bytes of one, of the loop
	closed chan error
}

func (h *lines) Data(c *Conn, p []byte) (used int) {
	h.took.Add(1)
	h.most = max(h.most, len(p))
	for {
		i := bytes.IndexByte(p[used:], '\n')
		if i < 0 {
			return used
		}
		n, _ := c.Context().(int)
		c.SetContext(n + 1)
		fmt.Fprintf(c, "%d %s\n", n, p[used:used+i])
		used += i + 1
	}
}

func (h *lines) Closed(_ *Conn, err error) {
	if h.closed != nil && err != nil {
		h.closed <- err
	}
}

// A thousand clients send a byte every ten seconds and never a whole line. All are
// closed when a line has taken 30 seconds, none before, and meanwhile honest clients,
// also those that come late, are served: B6.
func TestAThousandSlowClients(t *testing.T) {
	const clients, limit = 1000, 30 * time.Second
	everywhere(t, func(t *testing.T, o Options) {
		clock := &fakeClock{now: time.Unix(1_000_000, 0)}
		o.clock, o.Timeouts = clock.read, Timeouts{Read: limit}
		h := &lines{closed: make(chan error, clients+1)}
		g, ln, _ := serve(t, o, h)
		l := g.loops[0]
		honest := dial(t, ln)
		roundTrips := func(c net.Conn, from, to int) {
			for i := from; i < to; i++ {
				if _, err := fmt.Fprintln(c, "hello"); err != nil {
					t.Fatal(err)
				}
				expect(t, c, fmt.Sprintf("%d hello\n", i))
			}
		}
		roundTrips(honest, 0, 1)
		var slow []net.Conn
		for range clients {
			slow = append(slow, dial(t, ln))
		}
		drip := func() {
			before := h.took.Load()
			for _, c := range slow {
				if _, err := io.WriteString(c, "x"); err != nil {
					t.Fatal(err)
				}
			}
			until(t, l, "all bytes are taken", func() bool { return h.took.Load() == before+clients })
		}
		for i := range 3 {
			drip()
			roundTrips(honest, i+1, i+2)
			roundTrips(dial(t, ln), 0, 2)
			if i < 2 {
				clock.pass(t, l, 10*time.Second)
			}
		}
		clock.pass(t, l, 10*time.Second-1)
		if n := len(h.closed); n > 0 {
			t.Errorf("%d closed a nanosecond early, the first with %v", n, <-h.closed)
		}
		clock.pass(t, l, 1)
		onLoop(t, l, func() {
			if n := l.counts.Timeouts; n != clients {
				t.Errorf("%d timeouts, want %d", n, clients)
			}
			// One look at a connection when its time is over, and none before.
			if n := l.counts.Alarms; n > clients+10 {
				t.Errorf("%d alarms for %d timeouts", n, clients)
			}
		})
		for range clients {
			if err := receive(t, h.closed); !errors.Is(err, ErrTimeout) {
				t.Fatalf("closed with %v, want ErrTimeout", err)
			}
		}
		roundTrips(honest, 4, 6)
		roundTrips(dial(t, ln), 0, 2)
	})
}

// A hundred mebibytes without a newline: the connection is closed at the limit, and
// until then no more is read or held than that and one read; the others do not notice:
// B8.
func TestALineWithoutEnd(t *testing.T) {
	const total = 100 << 20
	for _, limit := range []int{4 << 10, 0} { // 0: the default
		everywhere(t, func(t *testing.T, o Options) {
			o.ReadLimit = limit
			h := &lines{closed: make(chan error, 10)}
			g, ln, _ := serve(t, o, h)
			l := g.loops[0]
			other, c := dial(t, ln), dial(t, ln)
			if _, err := io.WriteString(other, "half a line"); err != nil {
				t.Fatal(err)
			}
			until(t, l, "half a line is there", func() bool { return h.took.Load() == 1 })
			sent := 0
			for piece := make([]byte, 1<<20); sent < total; {
				n, err := c.Write(piece)
				sent += n
				if err != nil {
					break
				}
			}
			if err := receive(t, h.closed); !errors.Is(err, ErrReadLimit) {
				t.Errorf("closed with %v, want ErrReadLimit", err)
			}
			onLoop(t, l, func() {
				most := l.options.ReadLimit + readSize
				if n := int(l.counts.BytesIn); n > most+11 {
					t.Errorf("%d bytes were read, want at most %d", n, most)
				}
				if h.most > most {
					t.Errorf("%d bytes were held, want at most %d", h.most, most)
				}
				for _, in := range l.inputs {
					if cap(in.buf) > inputKeepSize {
						t.Errorf("a buffer of %d bytes is kept", cap(in.buf))
					}
				}
			})
			if sent == total {
				t.Error("all was taken")
			}
			if _, err := io.WriteString(other, " and the rest\n"); err != nil {
				t.Fatal(err)
			}
			expect(t, other, "0 half a line and the rest\n")
		})
	}
}

// Ten thousand commands come at once, cut anywhere, and lines of nothing: every one is
// answered, in order, with a write for a read and for each full buffer: B8.
func TestTenThousandPipelinedCommands(t *testing.T) {
	const commands = 10_000
	everywhere(t, func(t *testing.T, o Options) {
		for _, text := range []string{"command", ""} {
			h := &lines{}
			g, ln, _ := serve(t, o, h)
			c := dial(t, ln)
			all := strings.Repeat(text+"\n", commands)
			sent := make(chan error, 1)
			go func() {
				var err error
				for size := 1; len(all) > 0 && err == nil; size = size*7%1009 + 1 {
					n := min(size, len(all))
					_, err = io.WriteString(c, all[:n])
					all = all[n:]
				}
				sent <- err
			}()
			answers := bufio.NewReader(c)
			for i := range commands {
				want := fmt.Sprintf("%d %s\n", i, text)
				if got, err := answers.ReadString('\n'); got != want {
					t.Fatalf("answer %d is %q, %v, want %q", i, got, err, want)
				}
			}
			if err := receive(t, sent); err != nil {
				t.Fatal(err)
			}
			onLoop(t, g.loops[0], func() {})
			s := g.Stats()
			if most := s.Reads + s.BytesOut/directSize + 1; s.Writes > most || s.Writes > commands/10 {
				t.Errorf("%d reads and %d writes for %d commands, want at most %d", s.Reads, s.Writes, commands, most)
			}
		}
	})
}
