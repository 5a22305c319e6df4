//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// half is a handler that goes on when the peer has sent its end.
type half struct {
	handler
	halfClosed func(c *Conn)
}

func (h half) HalfClosed(c *Conn) { h.halfClosed(c) }

// The peer's end is told once, behind all its data; writing goes on until this
// side ends too, and then the connection closes by itself.
func TestHalfClose(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		var got strings.Builder
		told := 0
		ends := make(chan error, 1)
		_, ln, _ := serve(t, o, half{
			handler: handler{
				data:   func(_ *Conn, p []byte) int { got.Write(p); return len(p) },
				closed: func(_ *Conn, err error) { ends <- err },
			},
			halfClosed: func(c *Conn) {
				told++
				text := strings.ToUpper(got.String())
				// Later, as a handler does that has work to do first.
				c.Loop().After(0, func() {
					if _, err := io.WriteString(c, text); err != nil {
						t.Error(err)
					}
					c.CloseWrite()
					c.CloseWrite() // twice is fine
					if _, err := c.Write([]byte("more")); !errors.Is(err, ErrClosed) {
						t.Errorf("Write after CloseWrite: %v, want ErrClosed", err)
					}
				})
			},
		})
		c := dial(t, ln)
		text := strings.Repeat("abc", 100_000)
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if all, err := io.ReadAll(c); err != nil || string(all) != strings.ToUpper(text) {
			t.Errorf("got %d bytes and %v, want %d", len(all), err, len(text))
		}
		if err := receive(t, ends); !errors.Is(err, io.EOF) {
			t.Errorf("closed with %v, want io.EOF", err)
		}
		if told != 1 {
			t.Errorf("HalfClosed was called %d times", told)
		}
	})
}

// This side ends first; the peer's data still come, and its end closes all.
func TestCloseWriteFirst(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		got, ends := make(chan string, 10), make(chan error, 1)
		_, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) {
				_, _ = io.WriteString(c, "that is all") // the client sees what became of it
				c.CloseWrite()
			},
			data:   func(_ *Conn, p []byte) int { got <- string(p); return len(p) },
			closed: func(_ *Conn, err error) { ends <- err },
		})
		c := dial(t, ln)
		if all, err := io.ReadAll(c); err != nil || string(all) != "that is all" {
			t.Fatalf("got %q and %v", all, err)
		}
		if _, err := io.WriteString(c, "an answer"); err != nil {
			t.Fatal(err)
		}
		if s := receive(t, got); s != "an answer" {
			t.Errorf("got %q", s)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if err := receive(t, ends); !errors.Is(err, io.EOF) {
			t.Errorf("closed with %v, want io.EOF", err)
		}
	})
}

// Abort resets the connection: nothing that waits is sent.
func TestAbort(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		ends := make(chan error, 1)
		_, ln, _ := serve(t, o, handler{
			data: func(c *Conn, p []byte) int {
				_, _ = io.WriteString(c, "never sent") // gathered, and then dropped
				c.Abort()
				if _, err := c.Write(p); !errors.Is(err, ErrClosed) {
					t.Errorf("Write after Abort: %v, want ErrClosed", err)
				}
				c.Abort()
				return len(p)
			},
			closed: func(_ *Conn, err error) { ends <- err },
		})
		c := dial(t, ln)
		if _, err := io.WriteString(c, "x"); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 10)); n != 0 || !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("the peer got %d bytes and %v, want ECONNRESET", n, err)
		}
		if err := receive(t, ends); err != nil {
			t.Errorf("closed with %v, want nil", err)
		}
	})
}

// Close with input that nobody has read does not reset the connection: all that
// was written arrives, on every stream (N2).
func TestCloseInTheMiddleOfInput(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := serve(t, o, NopHandler{})
		for _, address := range []string{"tcp://127.0.0.1:0", "unix://" + socketPath(t)} {
			ends := make(chan error, 1)
			ln := listenAt(t, g, address, handler{
				data: func(c *Conn, p []byte) int {
					_, _ = c.Write(make([]byte, 1<<19)) // the client counts
					c.Close()
					return len(p)
				},
				closed: func(_ *Conn, err error) { ends <- err },
			}, ListenOptions{})
			c := connect(t, ln)
			sent := make(chan error, 1)
			go func() { // more than is read before the answer
				_, err := c.Write(make([]byte, 1<<20))
				sent <- err
			}()
			n, err := io.Copy(io.Discard, c)
			if n != 1<<19 || err != nil {
				t.Errorf("%s: got %d bytes and %v", address, n, err)
			}
			if err := receive(t, sent); err != nil {
				t.Errorf("%s: sending: %v", address, err)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if err := receive(t, ends); err != nil {
				t.Errorf("%s: closed with %v, want nil", address, err)
			}
			ln.Close()
		}
	})
}

// A paused connection whose peer resets it is ended within a second or so, though
// nobody reads or writes; one whose peer only ends its side stays, with its input.
func TestPausedConnectionsNoticeAHangUp(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		conns, ends := make(chan *Conn, 2), make(chan error, 2)
		g, ln, _ := serve(t, o, half{
			handler: handler{
				opened: func(c *Conn) { c.PauseReading(); conns <- c },
				closed: func(_ *Conn, err error) { ends <- err },
			},
			halfClosed: func(c *Conn) { c.Close() },
		})
		gone := dial(t, ln)
		receive(t, conns)
		ended := dial(t, ln)
		conn := receive(t, conns)
		if _, err := io.WriteString(ended, "input"); err != nil {
			t.Fatal(err)
		}
		if err := ended.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if err := gone.SetLinger(0); err != nil {
			t.Fatal(err)
		}
		before := g.Stats()
		if err := gone.Close(); err != nil {
			t.Fatal(err)
		}
		if err := receive(t, ends); !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("closed with %v, want ECONNRESET", err)
		}
		if n := g.Stats().Turns - before.Turns; n > 20 {
			t.Errorf("%d turns while nothing but the hang-up happened: it spins", n)
		}
		onLoop(t, conn.Loop(), func() {
			if conn.state != connOpen {
				t.Error("a connection with input left was ended")
			}
			conn.ResumeReading()
		})
		if err := receive(t, ends); err != nil {
			t.Errorf("the other closed with %v, want nil", err)
		}
	})
}

// What the peer wrote before it hung up is delivered before anything else, at
// every combination of what the poller may say: F9.
func TestEveryCombinationOfEvents(t *testing.T) {
	const in, out, err, hup, rdhup = 1, 2, 4, 8, 16
	everywhere(t, func(t *testing.T, o Options) {
		for set := 1; set < 32; set++ {
			var log []string
			l, peer := turnByHand(t, o, handler{
				data:   func(_ *Conn, p []byte) int { log = append(log, "data "+string(p)); return len(p) },
				closed: func(_ *Conn, err error) { log = append(log, "closed") },
			})
			c := l.conns[0]
			if set&in != 0 {
				if _, err := unix.Write(peer, []byte("x")); err != nil {
					t.Fatal(err)
				}
			}
			if set&(hup|rdhup) != 0 {
				if err := unix.Shutdown(peer, unix.SHUT_WR); err != nil {
					t.Fatal(err)
				}
			}
			events, raw := combination(set)
			l.phase = phaseDispatch
			l.found, l.next = 0, 0
			c.ready(events, raw)
			c.ready(events, raw) // once more, as a stale event would
			l.turn()
			want := ""
			if set&in != 0 {
				want = "data x"
			}
			if set&(hup|rdhup) != 0 {
				want = strings.TrimSpace(want + " closed")
			}
			if got := strings.Join(log, " "); got != want {
				t.Errorf("in %t out %t err %t hup %t rdhup %t: got %q, want %q",
					set&in != 0, set&out != 0, set&err != 0, set&hup != 0, set&rdhup != 0, got, want)
			}
		}
	})
}

// A shutdown or an option that the kernel refuses ends the connection with its
// errno, and nothing else.
func TestFaultsOfClosing(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		conns, ends := make(chan *Conn, 1), make(chan error, 1)
		_, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) { conns <- c },
			closed: func(_ *Conn, err error) { ends <- err },
		})
		dial(t, ln)
		conn := receive(t, conns)
		hook(t, &sys.Hooks{Fault: func(c sys.Call) sys.Errno {
			if c.Op == sys.OpShutdown {
				return unix.ENOBUFS
			}
			return 0
		}})
		onLoop(t, conn.Loop(), conn.CloseWrite)
		if err := receive(t, ends); !errors.Is(err, unix.ENOBUFS) {
			t.Errorf("closed with %v, want ENOBUFS", err)
		}
	})
}

// Methods of a closed connection answer, from any goroutine those that may: F5.
func TestMethodsAfterTheEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		conns, ends := make(chan *Conn, 1), make(chan error, 1)
		_, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) { c.SetContext("mine"); conns <- c },
			closed: func(_ *Conn, err error) { ends <- err },
		})
		c := dial(t, ln)
		conn := receive(t, conns)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		receive(t, ends)
		wrote := make(chan error, 1)
		if err := conn.Post(func() {
			_, err := conn.Write([]byte("x"))
			wrote <- err
		}); err != nil {
			t.Error(err)
		}
		if err := receive(t, wrote); !errors.Is(err, ErrClosed) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write: %v, want ErrClosed", err)
		}
		onLoop(t, conn.Loop(), func() {
			conn.Close()
			conn.CloseWrite()
			conn.Abort()
			conn.PauseReading()
			conn.ResumeReading()
			if err := conn.SetTimeouts(Timeouts{Idle: 1}); err != nil {
				t.Error(err)
			}
			if err := conn.SetOptions(SocketOptions{}); !errors.Is(err, ErrClosed) {
				t.Errorf("SetOptions: %v, want ErrClosed", err)
			}
			if _, err := conn.Credentials(); !errors.Is(err, ErrClosed) {
				t.Errorf("Credentials: %v, want ErrClosed", err)
			}
			if conn.RemoteAddr().String() != c.LocalAddr().String() || conn.LocalAddr() != nil || conn.Context() != "mine" || conn.Buffered() != 0 {
				t.Error("what stays known, or does not, is wrong")
			}
			if len(conn.loop().alarms) != 0 {
				t.Error("a closed connection has an alarm")
			}
		})
	})
}
