//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package itest

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A thousand clients at once, each with its own words.
func TestThousandConnections(t *testing.T) {
	ofPrograms(t)
	const clients, messages = 1000, 10
	eachBackend(t, func(t *testing.T, backend string) {
		s := serve(t, "--backend", backend)
		conns := make([]*net.TCPConn, clients)
		var wg sync.WaitGroup
		for i := range conns {
			wg.Go(func() {
				conn, err := dial(s.address, nil)
				if err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
				conns[i] = conn
			})
		}
		wg.Wait() // from here on all are there at once
		for i, conn := range conns {
			if conn == nil {
				continue
			}
			defer conn.Close()
			wg.Go(func() {
				for m := range messages {
					if err := exchange(conn, fmt.Sprintf("client %d says %d; ", i, m)); err != nil {
						t.Errorf("client %d: %v", i, err)
						return
					}
				}
			})
		}
		wg.Wait()
		s.end()
	})
}

// smallBuffers gives a socket the least buffers the kernel has (4,608 bytes to
// send on Linux). Small segments go with them: the loopback's of 64 KiB do not
// fit such a receive buffer, and then every window waits for a timer.
func smallBuffers(_, _ string, c syscall.RawConn) (err error) {
	cerr := c.Control(func(fd uintptr) {
		for _, o := range []struct{ level, name, value int }{
			{syscall.SOL_SOCKET, syscall.SO_SNDBUF, 1},
			{syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4 << 10},
			{syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 536},
		} {
			if err == nil {
				err = syscall.SetsockoptInt(int(fd), o.level, o.name, o.value)
			}
		}
	})
	if cerr != nil {
		return cerr
	}
	return err
}

// size is how much goes through the tests of large streams.
const size = 64 << 20

// 64 MiB through buffers of a few KiB, taken in random pieces, come back as they
// went out.
func TestLargeStreamThroughSmallBuffers(t *testing.T) {
	ofPrograms(t)
	eachBackend(t, func(t *testing.T, backend string) {
		s := serve(t, "--backend", backend)
		conn, err := dial(s.address, smallBuffers)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if partial := stream(t, conn); partial < 500 {
			t.Errorf("the kernel took only a part of %d writes: too few to test anything", partial)
		}
		s.end()
	})
}

// stream sends random bytes, wants them back, and returns how often the kernel
// took only a part of a write.
func stream(t *testing.T, conn *net.TCPConn) (partial int) {
	t.Helper()
	sum := sha256.New()
	sent := make(chan error, 1)
	go func() {
		var err error
		partial, err = sendStream(conn, io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{2}), size), sum))
		sent <- err
	}()
	back, n, err := receiveStream(conn)
	if err != nil || n != size {
		t.Fatalf("%d of %d bytes came back, %v", n, size, err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if want := [sha256.Size]byte(sum.Sum(nil)); back != want {
		t.Errorf("SHA-256 %x went out and %x came back", want, back)
	}
	return partial
}

// sendStream writes all of r and the end of file, and counts the writes of
// which the kernel took a part.
func sendStream(conn *net.TCPConn, r io.Reader) (partial int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	buf := make([]byte, 256<<10)
	for {
		n, err := io.ReadFull(r, buf)
		for p := buf[:n]; len(p) > 0; {
			var sent int
			var errno error
			werr := raw.Write(func(fd uintptr) bool {
				sent, errno = syscall.Write(int(fd), p)
				return errno != syscall.EAGAIN
			})
			if werr != nil || errno != nil {
				return partial, fmt.Errorf("write: %w, %w", werr, errno)
			}
			if sent < len(p) {
				partial++
			}
			p = p[sent:]
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return partial, conn.CloseWrite()
		}
		if err != nil {
			return partial, err
		}
	}
}

// receiveStream reads to the end of file in pieces of random sizes.
func receiveStream(r io.Reader) (sum [sha256.Size]byte, n int64, err error) {
	h := sha256.New()
	buf := make([]byte, 4000)
	for {
		k, err := r.Read(buf[:1+rand.IntN(len(buf))])
		_, _ = h.Write(buf[:k]) // never fails
		n += int64(k)
		if err == io.EOF {
			return [sha256.Size]byte(h.Sum(nil)), n, nil
		}
		if err != nil {
			return sum, n, err
		}
	}
}

// Hundreds of clients that reset, stop in the middle, never read or say nothing
// harm nobody but themselves.
func TestMisbehavingClients(t *testing.T) {
	const each = 150
	eachBackend(t, func(t *testing.T, backend string) {
		s := serve(t, "--backend", backend)
		good := s.dial()
		over := make(chan struct{})
		var exchanges atomic.Int64
		var wg sync.WaitGroup
		wg.Go(func() { // a good client that talks all the while
			for {
				select {
				case <-over:
					return
				default:
				}
				if err := exchange(good, message); err != nil {
					t.Errorf("good client: %v", err)
					return
				}
				exchanges.Add(1)
			}
		})
		crowd := make(chan *net.TCPConn, 4*each)
		misbehave := func(how func(conn *net.TCPConn) error) {
			for range each {
				wg.Go(func() {
					conn, err := dial(s.address, smallBuffers)
					if err == nil {
						crowd <- conn
						err = how(conn)
					}
					if err != nil {
						t.Errorf("bad client: %v", err)
					}
				})
			}
		}
		misbehave(func(*net.TCPConn) error { return nil }) // says nothing
		misbehave(func(conn *net.TCPConn) error {          // stops in the middle
			_, err := io.WriteString(conn, message[:20])
			return err
		})
		misbehave(func(conn *net.TCPConn) error { // resets, with its answer unread
			if _, err := io.WriteString(conn, message); err != nil {
				return err
			}
			if err := conn.SetLinger(0); err != nil {
				return err
			}
			return conn.Close()
		})
		misbehave(func(conn *net.TCPConn) error { // never reads, and sends what it can
			if err := conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
				return err
			}
			_, _ = conn.Write(make([]byte, 1<<20)) // the deadline ends it
			return nil
		})
		for range 4 * each {
			select {
			case conn := <-crowd:
				defer conn.Close()
			case <-time.After(patience):
				t.Fatal("not all bad clients could connect")
			}
		}
		// They are all there, or gone by reset: others are served.
		for range 20 {
			if err := exchange(s.dial(), message); err != nil {
				t.Errorf("new client: %v", err)
			}
		}
		close(over)
		wg.Wait()
		if n := exchanges.Load(); n < 20 {
			t.Errorf("the good client got %d answers in all that time", n)
		}
	})
}

// SIGTERM answers what has arrived and closes every connection in order, those
// of a client that is not ours as well.
func TestDrain(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		s := serve(t, "--backend", backend)
		var conns []*net.TCPConn
		for range 100 {
			conns = append(conns, s.dial())
		}
		for _, conn := range conns {
			if err := exchange(conn, message); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, "the last words"); err != nil {
				t.Fatal(err)
			}
		}
		s.end()
		for _, conn := range conns {
			if rest, err := io.ReadAll(conn); err != nil || string(rest) != "the last words" {
				t.Errorf("got %q, %v", rest, err)
			}
		}
		if strings.Contains(s.log.String(), "level=ERROR") {
			t.Errorf("log:\n%s", s.log.String())
		}
	})
}
