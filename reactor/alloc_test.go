//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"log/slog"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// turnByHand makes a loop whose turns the caller makes, with one connection, and
// returns the other end of that.
func turnByHand(t testing.TB, o Options, h Handler) (l *Loop, peer int) {
	t.Helper()
	o.Loops, o.Logger = 1, slog.New(slog.DiscardHandler)
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	g := &Group{options: o}
	if l, err = newLoop(g, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.release)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if errno := sys.SetNonblock(fds[0]); errno != 0 {
		t.Fatal(errno)
	}
	t.Cleanup(func() {
		for i, fd := range fds {
			if i == 0 && len(l.conns) == 0 {
				continue // the loop has closed it
			}
			if err := unix.Close(fd); err != nil {
				t.Error(err)
			}
		}
	})
	g.loops = []*Loop{l}
	l.open(fds[0], netip.AddrPort{}, newService(l, nil, h, o.Timeouts, address{scheme: "tcp"}), false)
	return l, fds[1]
}

// allocates says of a backend why it is left out.
var allocates = map[iomux.Backend]string{}

// Echoing allocates nothing, whether one message comes at a time or a part of
// one is left over.
func TestEchoAllocatesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		if why := allocates[o.Backend]; why != "" {
			t.Skip(why)
		}
		for name, h := range map[string]Handler{
			"whole": echo,
			"left over": handler{data: func(c *Conn, p []byte) int {
				if len(p) < 128 { // half of two messages
					return 0
				}
				return echo.data(c, p)
			}},
		} {
			t.Run(name, func(t *testing.T) {
				l, peer := turnByHand(t, o, h)
				out, in := make([]byte, 64), make([]byte, 256)
				message := func() {
					for range 2 {
						if _, err := unix.Write(peer, out); err != nil {
							t.Fatal(err)
						}
						l.turn()
					}
					for got := 0; got < 2*len(out); {
						n, err := unix.Read(peer, in)
						if err != nil {
							t.Fatal(err)
						}
						got += n
					}
				}
				message() // buffers are made with the first
				if n := testing.AllocsPerRun(500, message); n != 0 {
					t.Errorf("%v allocations a message, want 0", n/2)
				}
			})
		}
	})
}

// BenchmarkTurn is what a message costs without the network: a turn of the loop
// over a socketpair, read, Data, write.
func BenchmarkTurn(b *testing.B) {
	for _, v := range variants() {
		b.Run(fmt.Sprintf("%s/%s", v.backend, v.wait), func(b *testing.B) {
			l, peer := turnByHand(b, Options{Backend: v.backend, Wait: v.wait}, echo)
			buf := make([]byte, 64)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := unix.Write(peer, buf); err != nil {
					b.Fatal(err)
				}
				l.turn()
				if _, err := unix.Read(peer, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
