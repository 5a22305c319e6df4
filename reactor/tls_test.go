//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// random is size bytes, the same each time.
func random(size int) []byte {
	p := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(p) // never fails
	return p
}

// A handler that knows nothing of TLS serves over it, and what comes back is what
// was sent, whatever its size.
func TestTLSEcho(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		states := make(chan *tls.ConnectionState, 1)
		g, ln, log := serveTLS(t, o, handler{
			opened: func(c *Conn) { states <- c.TLS() },
			data:   echo.data,
		}, serverTLS())
		c := dialTLS(t, ln, client)
		if s := receive(t, states); s == nil || s.Version != client.MaxVersion || s.ServerName != "localhost" {
			t.Errorf("the handler sees the state %+v", s)
		}
		for _, size := range []int{1, 100, 16<<10 - 1, 16 << 10, 16<<10 + 1, 100_000, 3 << 20} {
			p := random(size)
			sent := make(chan error, 1)
			go func() { _, err := c.Write(p); sent <- err }()
			got := make([]byte, size)
			if _, err := io.ReadFull(c, got); err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			if !bytes.Equal(got, p) {
				t.Errorf("%d bytes are not what was sent", size)
			}
			if err := receive(t, sent); err != nil {
				t.Error(err)
			}
		}
		settle(t, g)
		if s := g.Stats(); s.Handshakes != 1 || s.HandshakeErrors != 0 {
			t.Errorf("%d handshakes, %d errors", s.Handshakes, s.HandshakeErrors)
		}
		_ = c.CloseWrite()
		expectEnd(t, c)
		if log.count("level=WARN")+log.count("level=ERROR") > 0 {
			t.Error("something is in the log")
		}
	})
}

// A connection without TLS has no state of it.
func TestNoTLS(t *testing.T) {
	states := make(chan *tls.ConnectionState, 1)
	_, ln, _ := serve(t, Options{Loops: 1}, handler{opened: func(c *Conn) { states <- c.TLS() }})
	dial(t, ln)
	if s := receive(t, states); s != nil {
		t.Errorf("got %+v", s)
	}
}

// line is a client's socket in the hands of a test: what the client sends waits until
// the test has it, and it reads what the test gives it.
type line struct {
	net.Conn
	sent chan []byte
	got  *io.PipeReader
	give *io.PipeWriter
}

func newLine() *line {
	l := &line{sent: make(chan []byte, 1000)}
	l.got, l.give = io.Pipe()
	return l
}

func (l *line) Write(p []byte) (int, error) {
	l.sent <- bytes.Clone(p)
	return len(p), nil
}

func (l *line) Read(p []byte) (int, error) { return l.got.Read(p) }
func (l *line) Close() error               { return l.got.Close() }

// tlsByHand is turnByHand with TLS below h.
func tlsByHand(t testing.TB, o Options, h Handler) (l *Loop, c *Conn, peer int) {
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
	g.loops = []*Loop{l}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	s := newService(l, nil, h, o.Timeouts, address{scheme: "tcp"})
	s.config = serverTLS()
	c = l.open(fds[0], netip.AddrPort{}, s, false)
	t.Cleanup(func() {
		_ = unix.Close(fds[1])
		if len(l.conns) > 0 { // else the loop has closed it
			_ = unix.Close(fds[0])
		}
		l.release()
	})
	return l, c, fds[1]
}

// Ciphertext comes in pieces of any size, one a read, and each is all there is for a
// while: what comes out is the same.
func TestTLSInPieces(t *testing.T) {
	text := random(20_000)
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		for _, size := range []int{1, 6, 333, 17_000, 1 << 20} {
			var got []byte
			l, c, peer := tlsByHand(t, o, handler{data: func(c *Conn, p []byte) int {
				got = append(got, p...)
				return echo.data(c, p)
			}})
			in := newLine()
			session := tls.Client(in, client)
			back := make(chan []byte, 1)
			go func() { // the client, which sends its text in records of many sizes
				for rest := text; len(rest) > 0; {
					n := min(len(rest), 1+len(rest)*7%9000)
					if _, err := session.Write(rest[:n]); err != nil {
						t.Error(err)
						break
					}
					rest = rest[n:]
				}
				p := make([]byte, len(text))
				_, _ = io.ReadFull(session, p)
				back <- p
			}()
			buf := make([]byte, 1<<20)
			for done := false; !done; {
				var p []byte
				select {
				case p = <-in.sent:
				case answer := <-back:
					if !bytes.Equal(answer, text) {
						t.Errorf("pieces of %d: what came back is not what was sent", size)
					}
					done = true
				}
				for len(in.sent) > 0 && size > 1000 { // several flights in one piece
					p = append(p, <-in.sent...)
				}
				for piece := range slices.Chunk(p, size) {
					if _, err := unix.Write(peer, piece); err != nil {
						t.Fatal(err)
					}
					l.turn()
					if n, _ := unix.Read(peer, buf); n > 0 {
						_, _ = in.give.Write(buf[:n])
					}
				}
			}
			if !bytes.Equal(got, text) || c.state != connOpen {
				t.Errorf("pieces of %d: %d bytes arrived, the state is %d", size, len(got), c.state)
			}
			in.Close()
		}
	})
}

// What a callback writes, in however many pieces, is one record and one system call,
// and what one read brings costs no other.
func TestTLSCalls(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		l, c, peer := tlsByHand(t, o, handler{data: func(c *Conn, p []byte) int {
			for i := range p {
				_, _ = c.Write(p[i : i+1])
			}
			return len(p)
		}})
		client.DynamicRecordSizingDisabled = true
		session := shake(t, l, c, peer, client)
		message := random(64)
		buf := make([]byte, 1<<16)
		once := func() {
			if _, err := session.Write(message); err != nil {
				t.Fatal(err)
			}
			l.turn()
			if _, err := io.ReadFull(session, buf[:len(message)]); err != nil {
				t.Fatal(err)
			}
		}
		once()
		before := l.counts
		for range 10 {
			once()
		}
		reads, writes, out := l.counts.Reads-before.Reads, l.counts.Writes-before.Writes, l.counts.BytesOut-before.BytesOut
		if overhead := int(out)/10 - len(message); reads != 10 || writes != 10 || overhead > 40 {
			t.Errorf("10 messages took %d reads and %d writes, and %d bytes more than their own", reads, writes, overhead)
		}
	})
}

// shake has a client shake hands with what tlsByHand made.
func shake(t testing.TB, l *Loop, c *Conn, peer int, config *tls.Config) *tls.Conn {
	t.Helper()
	fd, err := unix.Dup(peer)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "peer")
	conn, err := net.FileConn(f)
	_ = f.Close() // conn has a duplicate
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	session := tls.Client(conn, config)
	over := make(chan error, 1)
	go func() { over <- session.Handshake() }()
	for c.TLS() == nil {
		l.turn()
	}
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	return session
}

// BenchmarkTLSTurn is BenchmarkTurn with TLS, the client's part included.
func BenchmarkTLSTurn(b *testing.B) {
	for _, size := range []int{64, 16 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			l, c, peer := tlsByHand(b, Options{}, echo)
			session := shake(b, l, c, peer, clientTLS())
			p := make([]byte, size)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := session.Write(p); err != nil {
					b.Fatal(err)
				}
				l.turn()
				if _, err := io.ReadFull(session, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
