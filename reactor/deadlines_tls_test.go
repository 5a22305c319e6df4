//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// Packages that unwrap nothing, crypto/tls for one, see that a deadline of a Stream was
// one, and go on afterwards.
func TestStreamDeadlineBelowTLS(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		ends := make(chan error, 2)
		_, ln, _ := serve(t, o, Blocking(func(s *Stream) error {
			c := tls.Server(s, serverTLS())
			if err := c.HandshakeContext(context.Background()); err != nil {
				return err
			}
			if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
				return err
			}
			var buf [10]byte
			_, err := c.Read(buf[:])
			if e, ok := err.(net.Error); !ok || !e.Timeout() { //nolint:errorlint // as others look at it
				t.Errorf("no timeout: %v", err)
			}
			ends <- err
			if err := c.SetReadDeadline(time.Time{}); err != nil {
				return err
			}
			n, err := c.Read(buf[:])
			if string(buf[:n]) != "late" {
				t.Errorf("read %q, %v", buf[:n], err)
			}
			ends <- err
			return c.Close()
		}))
		c := dialTLS(t, ln, clientTLS())
		if err := receive(t, ends); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		_, _ = io.WriteString(c, "late")
		if err := receive(t, ends); err != nil {
			t.Error(err)
		}
	})
}

// Two sides that both write much over TLS, and read meanwhile, do not wait for each
// other, however low their marks are.
func TestNetConnsBothWriteOverTLS(t *testing.T) {
	const size = 4 << 20
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		o.HighWater, o.LowWater, o.WriteLimit = 4<<10, 1<<10, 1<<20
		p := make([]byte, size)
		for i := range p {
			p[i] = byte(i * i >> 8)
		}
		both := func(n *NetConn) error {
			var wrote sync.WaitGroup
			var werr error
			wrote.Go(func() { _, werr = n.Write(p) })
			h := sha256.New()
			_, err := io.CopyN(h, n, size)
			wrote.Wait()
			if [32]byte(h.Sum(nil)) != sha256.Sum256(p) {
				err = errors.Join(err, errors.New("it is not what was sent"))
			}
			return errors.Join(err, werr)
		}
		served := make(chan error, 1)
		g, ln, _ := serveTLS(t, o, Threaded(func(n *NetConn) error {
			err := both(n)
			served <- err
			return err
		}), serverTLS())
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		n, err := g.DialConn(ctx, ln.URL(), DialOptions{TLS: client})
		if err != nil {
			t.Fatal(err)
		}
		within(t, n)
		if err := both(n); err != nil {
			t.Error(err)
		}
		if err := receive(t, served); err != nil {
			t.Error(err)
		}
		_ = n.Close()
	})
}

// Other goroutines may use Loop and Post while the loop changes the timeouts.
func TestPostBesideSetTimeouts(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		conns := make(chan *Conn, 1)
		g, ln, _ := serve(t, o, handler{opened: func(c *Conn) { conns <- c }})
		dial(t, ln)
		c := receive(t, conns)
		l := g.loops[0]
		onLoop(t, l, func() {
			var other sync.WaitGroup
			other.Go(func() {
				for range 1000 {
					if err := c.Post(func() {}); err != nil || c.Loop() != l {
						t.Errorf("Post: %v", err)
					}
				}
			})
			for i := range 1000 {
				if err := c.SetTimeouts(Timeouts{Idle: time.Hour + time.Duration(i)}); err != nil {
					t.Error(err)
				}
			}
			other.Wait()
		})
	})
}
