//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tap is a client's socket that keeps what came out of it, and what is to go in while
// it holds that back.
type tap struct {
	*net.TCPConn
	got  []byte
	hold bool
	held []byte

	onRead func() // called at the first one; nil: nothing
}

func (t *tap) Write(p []byte) (int, error) {
	if t.hold {
		t.held = append(t.held, p...)
		return len(p), nil
	}
	return t.TCPConn.Write(p)
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.TCPConn.Read(p)
	if t.onRead != nil {
		t.onRead()
		t.onRead = nil
	}
	t.got = append(t.got, p[:n]...)
	return n, err
}

// tapped is dialTLS over a tap.
func tapped(t *testing.T, ln *Listener, config *tls.Config) (*tls.Conn, *tap) {
	t.Helper()
	raw := &tap{TCPConn: dial(t, ln)}
	c := tls.Client(raw, config)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c, raw
}

// orderly expects all the rest to be text, then close_notify, then the end of file.
func orderly(t *testing.T, c *tls.Conn, raw *tap, text string) {
	t.Helper()
	got, err := io.ReadAll(c)
	if err != nil || string(got) != text {
		t.Errorf("got %.99q and %v, want %.99q", got, err, text)
	}
	if n, err := raw.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%d bytes and %v after the last record, want the end of file", n, err)
	}
	list := records(raw.got)
	last, alert := list[len(list)-1], "23:19" // one of 1.3 looks like data
	if c.ConnectionState().Version == tls.VersionTLS12 {
		alert = "21:26"
	}
	if last != alert {
		t.Errorf("the last record is %s, want the alert close_notify, %s", last, alert)
	}
}

// Each way to close in order sends what was written, then close_notify, then the end
// of file; and the peer's close_notify is the end of file that ends the connection.
func TestTLSCloses(t *testing.T) {
	for name, end := range map[string]func(c *Conn){
		"Close":      func(c *Conn) { c.Close(); c.Close() },
		"CloseWrite": func(c *Conn) { c.CloseWrite(); c.CloseWrite() },
		"drain": func(c *Conn) {
			go func() { _ = c.loop().group.Shutdown(context.Background()) }() // the end of the test waits for it
		},
	} {
		t.Run(name, func(t *testing.T) {
			everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
				ends := make(chan error, 1)
				text := strings.Repeat("the last words; ", 10_000)
				_, ln, _ := serveTLS(t, o, handler{
					data: func(c *Conn, p []byte) int {
						_, _ = io.WriteString(c, text) // the client sees what becomes of it
						end(c)
						return len(p)
					},
					closed: func(_ *Conn, err error) { ends <- err },
				}, serverTLS())
				c, raw := tapped(t, ln, client)
				_, _ = io.WriteString(c, "x")
				orderly(t, c, raw, text)
				if name == "CloseWrite" { // input still comes
					_, _ = io.WriteString(c, "x")
					_ = c.CloseWrite()
					if err := receive(t, ends); !errors.Is(err, io.EOF) {
						t.Errorf("closed with %v, want io.EOF", err)
					}
					return
				}
				_ = c.Close()
				if err := receive(t, ends); err != nil {
					t.Errorf("closed with %v, want nil", err)
				}
			})
		})
	}
}

// A peer that ends with close_notify has its answer, with or without HalfCloser.
func TestTLSHalfClose(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		for _, keep := range []bool{false, true} {
			var got strings.Builder
			told := 0
			ends := make(chan error, 1)
			var h Handler = handler{
				data:   func(c *Conn, p []byte) int { got.Write(p); _, _ = c.Write(bytes.ToUpper(p)); return len(p) },
				closed: func(_ *Conn, err error) { ends <- err },
			}
			if keep {
				h = half{h.(handler), func(c *Conn) {
					told++
					c.Loop().After(0, func() {
						_, _ = io.WriteString(c, "more") // the client looks for it
						c.CloseWrite()
					})
				}}
			}
			_, ln, _ := serveTLS(t, o, h, serverTLS())
			c, raw := tapped(t, ln, client)
			text := strings.Repeat("abc", 100_000)
			want := strings.ToUpper(text)
			if keep {
				want += "more"
			}
			go func() {
				_, _ = io.WriteString(c, text)
				_ = c.CloseWrite()
			}()
			orderly(t, c, raw, want)
			if err := receive(t, ends); !errors.Is(err, io.EOF) || got.String() != text {
				t.Errorf("closed with %v after %d bytes, want io.EOF", err, got.Len())
			}
			if keep != (told == 1) {
				t.Errorf("HalfClosed was called %d times", told)
			}
		}
	})
}

// An end of file that no close_notify announced may be anybody's: it is an error,
// behind what had come; what was written is still sent.
func TestTLSBareEnd(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		text := strings.Repeat("an answer, ", 60_000)
		got, ends := make(chan string, 1), make(chan error, 1)
		g, ln, _ := serveTLS(t, o, half{
			handler: handler{
				data: func(c *Conn, p []byte) int {
					got <- string(p)
					_, _ = io.WriteString(c, text) // more than the socket takes at a time, perhaps
					return len(p)
				},
				closed: func(_ *Conn, err error) { ends <- err },
			},
			halfClosed: func(*Conn) { t.Error("HalfClosed was called") },
		}, serverTLS())
		c, raw := tapped(t, ln, client)
		_, _ = io.WriteString(c, "x")
		if err := raw.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if all, err := io.ReadAll(c); string(all) != text || err != nil {
			t.Errorf("got %d bytes and %v, want %d", len(all), err, len(text))
		}
		if err := receive(t, ends); !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			t.Errorf("closed with %v, want io.ErrUnexpectedEOF", err)
		}
		if s := receive(t, got); s != "x" {
			t.Errorf("got %q", s)
		}

		// In the middle of a record.
		c, raw = tapped(t, ln, client)
		r := &recorder{}
		_, _ = tls.Client(r, client).Write([]byte("x")) // a ClientHello, which is no record of this session
		_, _ = raw.Write(r.sent[:20])
		_ = raw.CloseWrite()
		expectEnd(t, c)
		if err := receive(t, ends); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("closed with %v, want io.ErrUnexpectedEOF", err)
		}
		settle(t, g)
	})
}

// A record that has been tampered with ends the connection: both sides learn why. What
// the peer said before is delivered, and cannot be answered any more.
func TestTLSTampered(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		for _, before := range []string{"", "good", strings.Repeat("good", 10_000)} {
			ends := make(chan error, 1)
			var got strings.Builder
			_, ln, log := serveTLS(t, o, handler{
				data:   func(c *Conn, p []byte) int { got.Write(p); return echo.data(c, p) },
				closed: func(_ *Conn, err error) { ends <- err },
			}, serverTLS())
			c, raw := tapped(t, ln, client)
			raw.hold = true
			_, _ = io.WriteString(c, before)
			_, _ = raw.TCPConn.Write(append(append(raw.held, 23, 3, 3, 0, 40), random(40)...))
			_, err := io.ReadAll(c)
			if err == nil || !strings.Contains(err.Error(), "bad record MAC") {
				t.Errorf("the client is told %v", err)
			}
			_ = raw.Close()
			if err := receive(t, ends); err == nil || !strings.Contains(err.Error(), "bad record MAC") || !strings.Contains(err.Error(), "read from") {
				t.Errorf("closed with %v", err)
			}
			if got.String() != before {
				t.Errorf("%d bytes were delivered, want %d", got.Len(), len(before))
			}
			if log.count("level=WARN") > 0 {
				t.Error("there is a warning in the log")
			}
		}
	})
}

// Abort, and what ends a connection at once, sends no close_notify: the peer knows
// that something is missing.
func TestTLSAbort(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		ends := make(chan error, 1)
		_, ln, _ := serveTLS(t, o, handler{
			data: func(c *Conn, p []byte) int {
				_, _ = io.WriteString(c, "never sent") // gathered, and then dropped
				c.Abort()
				if _, err := c.Write(p); !errors.Is(err, ErrClosed) {
					t.Errorf("Write after Abort: %v, want ErrClosed", err)
				}
				return len(p)
			},
			closed: func(_ *Conn, err error) { ends <- err },
		}, serverTLS())
		c := dialTLS(t, ln, client)
		_, _ = io.WriteString(c, "x")
		if n, err := c.Read(make([]byte, 10)); n != 0 || !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("the peer got %d bytes and %v, want ECONNRESET", n, err)
		}
		if err := receive(t, ends); err != nil {
			t.Errorf("closed with %v, want nil", err)
		}
	})
}

// Shutdown answers what has arrived, lets nobody wait who has nothing to say, and has
// no patience with handshakes.
func TestTLSDrains(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		g, ln, _ := serveTLS(t, o, echo, serverTLS())
		idle, idleRaw := tapped(t, ln, client)
		busy, busyRaw := tapped(t, ln, client)
		roundTrip(t, busy, "before")
		var shaking []net.Conn
		for _, n := range []int{0, 3, 100, len(hello(t, client))} {
			c := dial(t, ln)
			_, _ = c.Write(hello(t, client)[:n])
			shaking = append(shaking, c)
		}
		await(t, g, func() bool {
			l := g.loops[0]
			return len(l.conns) == 6 && l.handshakes.running == 1
		})
		goOn := standStill(t, g.loops[0])
		text := strings.Repeat("at the last moment; ", 3000)
		_, _ = io.WriteString(busy, text)
		down := make(chan error, 1)
		go func() { down <- g.Shutdown(context.Background()) }()
		goOn()
		orderly(t, busy, busyRaw, text)
		_ = busy.Close()
		orderly(t, idle, idleRaw, "")
		_ = idle.Close()
		for _, c := range shaking {
			_, _ = io.Copy(io.Discard, c) // what there was of an answer
			_ = c.Close()
		}
		if err := receive(t, down); err != nil {
			t.Error(err)
		}
		if s := g.Stats(); s.Handshakes != 2 || s.HandshakeErrors != 4 {
			t.Errorf("%d handshakes, %d errors, want 2 and 4", s.Handshakes, s.HandshakeErrors)
		}
	})
}

// A peer that ends in the middle of a shutdown is not waited for, though its handler
// would go on.
func TestTLSDrainsWhoEnds(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		ends := make(chan error, 1)
		g, ln, _ := serveTLS(t, o, half{
			handler:    handler{data: echo.data, closed: func(_ *Conn, err error) { ends <- err }},
			halfClosed: func(*Conn) {},
		}, serverTLS())
		c, raw := tapped(t, ln, client)
		roundTrip(t, c, "before")
		goOn := standStill(t, g.loops[0])
		_, _ = io.WriteString(c, "the last")
		_ = c.CloseWrite()
		down := make(chan error, 1)
		go func() { down <- g.Shutdown(context.Background()) }()
		goOn()
		orderly(t, c, raw, "the last")
		_ = raw.Close()
		if err := receive(t, down); err != nil {
			t.Error(err)
		}
		if err := receive(t, ends); err != nil {
			t.Errorf("closed with %v, want nil", err)
		}
	})
}

// By force, connections end in every state: in the handshake, with output that the
// peer does not take, with ciphertext that nobody has read.
func TestTLSForced(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		ends := make(chan error, 10)
		g, ln, _ := serveTLS(t, o, handler{
			data: func(c *Conn, p []byte) int {
				if p[0] == 'p' {
					c.PauseReading()
				}
				return echo.data(c, p)
			},
			closed: func(_ *Conn, err error) { ends <- err },
		}, serverTLS())
		stuck, paused := dialTLS(t, ln, client), dialTLS(t, ln, client)
		_ = stuck.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		for { // until nothing moves any more
			if _, err := stuck.Write(make([]byte, 1<<20)); err != nil {
				break
			}
		}
		_, _ = paused.Write(append([]byte("p"), make([]byte, 300<<10)...))
		c := dial(t, ln)
		_, _ = c.Write(hello(t, client))
		await(t, g, func() bool { return g.loops[0].handshakes.running == 1 })
		now, cancel := context.WithCancel(context.Background())
		cancel()
		var forced *ForcedError
		if err := g.Shutdown(now); !errors.As(err, &forced) || forced.Count != 3 {
			t.Errorf("Shutdown: %v", err)
		}
		for range 2 {
			if err := receive(t, ends); !errors.Is(err, ErrForced) {
				t.Errorf("closed with %v", err)
			}
		}
		if s := g.Stats(); s.HandshakeErrors != 1 || s.Buffered != 0 {
			t.Errorf("%d handshakes failed, %d bytes wait", s.HandshakeErrors, s.Buffered)
		}
	})
}

// Detach cannot work, and says so.
func TestTLSDetach(t *testing.T) {
	errs := make(chan error, 1)
	_, ln, _ := serveTLS(t, Options{Loops: 1}, handler{opened: func(c *Conn) {
		_, err := c.Detach()
		errs <- err
	}}, serverTLS())
	dialTLS(t, ln, clientTLS())
	if err := receive(t, errs); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v, want ErrUnsupported", err)
	}
}

// What must not be paired with TLS, or cannot work, is refused.
func TestTLSBadOptions(t *testing.T) {
	g, _, _ := serve(t, Options{Loops: 1}, NopHandler{})
	for address, config := range map[string]*tls.Config{
		"tcp://127.0.0.1:0":             {},
		"unixpacket://" + socketPath(t): serverTLS(),
	} {
		if _, err := g.Listen(address, NopHandler{}, ListenOptions{TLS: config}); !errors.Is(err, ErrOption) && !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Listen %s: %v, want ErrOption", address, err)
		}
		if strings.HasPrefix(address, "unixpacket") {
			if _, err := os.Stat(strings.TrimPrefix(address, "unixpacket://")); err == nil {
				t.Error("there is a socket all the same")
			}
		}
	}
	if _, err := g.ListenPacket("udp://127.0.0.1:0", packetHandler{}, ListenOptions{TLS: serverTLS()}); !errors.Is(err, ErrOption) {
		t.Errorf("ListenPacket: %v, want ErrOption", err)
	}
	for _, c := range []struct {
		address string
		config  *tls.Config
	}{
		{"unixpacket:///tmp/x", clientTLS()},
		{"unix:///tmp/x", &tls.Config{}},
		{"tcp://127.0.0.1:1", &tls.Config{Renegotiation: tls.RenegotiateOnceAsClient}},
	} {
		if _, err := g.Dial(c.address, NopHandler{}, DialOptions{TLS: c.config}, func(error) { t.Error("failed was called") }); !errors.Is(err, ErrOption) && !errors.Is(err, ErrAddress) {
			t.Errorf("Dial %s: %v, want ErrOption", c.address, err)
		}
	}
}
