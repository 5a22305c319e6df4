//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// A reset comes while output waits, so that a poller says all at once: readable,
// writable, an error, a hang-up. What the error is, is found out by one call, and
// nothing is written behind it; Closed comes once, with the errno. So it is for a
// connection that is read from and for one that is not, because too much waits: F9.
func TestNothingIsWrittenBehindAnError(t *testing.T) {
	for _, choked := range []bool{false, true} {
		everywhere(t, func(t *testing.T, o Options) {
			size := 40 << 10
			if choked {
				o.LowWater, o.HighWater = 1000, 2000
				size = 300 << 10
			}
			conns, ends := make(chan *Conn, 1), make(chan error, 2)
			_, ln, _ := serve(t, o, handler{
				opened: func(c *Conn) { smallBuffers(t, c); conns <- c },
				closed: func(_ *Conn, err error) { ends <- err },
			})
			client := dial(t, ln)
			if err := client.SetReadBuffer(2304); err != nil {
				t.Fatal(err)
			}
			c := receive(t, conns)
			l := c.Loop()
			until(t, l, "the socket is full", func() bool {
				if c.Buffered() < size {
					_, _ = c.Write(make([]byte, size)) // what becomes of it is looked at
				}
				c.settle()
				return c.blocked && c.Buffered() > 0
			})
			var errno, behind int
			onLoop(t, l, func() {
				if c.choked != choked {
					t.Errorf("choked %v, want %v", c.choked, choked)
				}
				fd := int(c.fd)
				hook(t, &sys.Hooks{Trace: func(call sys.Call) {
					if call.FD != fd {
						return
					}
					switch call.Op {
					case sys.OpWrite, sys.OpWritev:
						if errno > 0 {
							behind++
						}
					case sys.OpRead:
					default:
						return
					}
					if call.Errno != 0 && call.Errno != unix.EAGAIN {
						errno++
					}
				}})
			})
			goOn := standStill(t, l)
			if _, err := io.WriteString(client, "input"); err != nil {
				t.Fatal(err)
			}
			if err := client.SetLinger(0); err != nil {
				t.Fatal(err)
			}
			if err := client.Close(); err != nil {
				t.Fatal(err)
			}
			goOn()
			if err := receive(t, ends); !errors.Is(err, unix.ECONNRESET) && !errors.Is(err, unix.EPIPE) {
				t.Errorf("closed with %v, want ECONNRESET or EPIPE", err)
			}
			onLoop(t, l, func() {})
			onLoop(t, l, func() {
				if errno != 1 || behind != 0 {
					t.Errorf("%d calls failed and %d writes came behind, want 1 and 0", errno, behind)
				}
				if len(ends) > 0 {
					t.Error("Closed was called twice")
				}
			})
		})
	}
}
