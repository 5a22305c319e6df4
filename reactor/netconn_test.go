//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	mathrand "math/rand/v2"

	"golang.org/x/sys/unix"
)

// acceptOne is a NetConn that a listener at an address has accepted, and its peer. What
// it holds is given back when the group has ended, or the test fails.
func acceptOne(t *testing.T, o Options, address string) (*Group, *NetConn, net.Conn) {
	t.Helper()
	var g *Group
	var n *NetConn
	t.Cleanup(func() { // behind the group's end
		if n == nil {
			return
		}
		_ = n.Close()
		if held := g.memory.Load(); held != 0 {
			t.Errorf("%d bytes are still counted as held", held)
		}
	})
	g, _ = openGroup(t, o)
	conns := make(chan *NetConn, 1)
	ln := listenAt(t, g, address, &threaded{func(n *NetConn) { n.own(); conns <- n }}, ListenOptions{})
	peer := connect(t, ln)
	n = receive(t, conns)
	return g, n, peer
}

const anyPort = "tcp://127.0.0.1:0"

// within gives a test's blocking calls an end.
func within(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
}

// parked waits until so many goroutines wait in a direction.
func parked(t *testing.T, d *direction, want int) {
	t.Helper()
	for end := time.Now().Add(patience); ; runtime.Gosched() {
		d.mu.Lock()
		n := d.waiting
		d.mu.Unlock()
		if n == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d wait, want %d", n, want)
		}
	}
}

// stuck waits until a Write waits for the peer, whose kernel and this one take no more.
func stuck(t *testing.T, n *NetConn) {
	t.Helper()
	until(t, n.loop, "a Write is stuck", func() bool { return n.starved && n.conn.blocked })
}

// later runs f on a goroutine and gives what it returns.
func later[T any](f func() T) <-chan T {
	ch := make(chan T, 1)
	go func() { ch <- f() }()
	return ch
}

// outcomeOf is what a Read or a Write has returned.
type outcomeOf struct {
	n   int
	err error
}

func reading(c net.Conn, p []byte) <-chan outcomeOf {
	return later(func() outcomeOf { n, err := c.Read(p); return outcomeOf{n, err} })
}

func writing(c net.Conn, p []byte) <-chan outcomeOf {
	return later(func() outcomeOf { n, err := c.Write(p); return outcomeOf{n, err} })
}

// netErrorOf is err as libraries look at it: crypto/tls and net/http unwrap nothing.
// Both answers are false of anything else.
func netErrorOf(err error) (ok, timeout, temporary bool) {
	e, ok := err.(net.Error) //nolint:errorlint // see above
	if !ok {
		return false, false, false
	}
	return true, e.Timeout(), err.(interface{ Temporary() bool }).Temporary()
}

// wantDeadline wants the error that libraries take for a deadline.
func wantDeadline(t *testing.T, err error) {
	t.Helper()
	if _, timeout, temporary := netErrorOf(err); !timeout || !temporary || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %T: %v, want a net.Error that is os.ErrDeadlineExceeded", err, err)
	}
}

// wantClosed wants net.ErrClosed, in a form that is no timeout.
func wantClosed(t *testing.T, what string, err error) {
	t.Helper()
	if ok, timeout, temporary := netErrorOf(err); !ok || timeout || temporary || !errors.Is(err, net.ErrClosed) {
		t.Errorf("%s: got %T: %v, want a net.Error that is net.ErrClosed", what, err, err)
	}
}

// pattern is what a large test sends.
func pattern(size int) []byte {
	p := make([]byte, size)
	_, _ = mathrand.NewChaCha8([32]byte{1}).Read(p)
	return p
}

// 16 MiB go each way at the same time, through little room, to a peer that echoes only
// as long as it is read from, and to readers and writers that take odd pieces: had one
// direction to wait for the other, all would stand still.
func TestNetConnBothWaysAtOnce(t *testing.T) {
	const size = 16 << 20
	everywhere(t, func(t *testing.T, o Options) {
		o.HighWater, o.LowWater, o.WriteLimit = 100_000, 10_000, 100_000
		_, n, peer := acceptOne(t, o, anyPort)
		if err := peer.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		echoed := later(func() error { // by a peer whose one goroutine waits to write
			_, err := io.CopyBuffer(struct{ io.Writer }{peer}, struct{ io.Reader }{peer}, make([]byte, 300<<10))
			return errors.Join(err, peer.(*net.TCPConn).CloseWrite())
		})
		p := pattern(size)
		sent := later(func() error {
			for rest := p; len(rest) > 0; {
				k := min(len(rest), 1+len(rest)%400_000)
				if got, err := n.Write(rest[:k]); got != k || err != nil {
					return fmt.Errorf("wrote %d of %d: %w", got, k, err)
				}
				rest = rest[k:]
			}
			return n.CloseWrite()
		})
		back := sha256.New()
		got, err := io.CopyBuffer(back, struct{ io.Reader }{n}, make([]byte, 10_007))
		if got != size || err != nil || [32]byte(back.Sum(nil)) != sha256.Sum256(p) {
			t.Errorf("%d bytes came back, %v, or others", got, err)
		}
		if err := receive(t, sent); err != nil {
			t.Error(err)
		}
		if err := receive(t, echoed); err != nil {
			t.Error(err)
		}
	})
}

// While nobody reads, no more waits than the bounds say, in either direction, and then
// all of it comes.
func TestNetConnIsBounded(t *testing.T) {
	const size = 16 << 20
	everywhere(t, func(t *testing.T, o Options) {
		o.HighWater, o.LowWater, o.WriteLimit = 200_000, 50_000, 300_000
		g, n, peer := acceptOne(t, o, anyPort)
		p := pattern(size)
		in := writing(peer, p)
		out := writing(n, p)
		stuck(t, n)
		until(t, g.loops[0], "reading has stopped", func() bool {
			n.in.mu.Lock()
			defer n.in.mu.Unlock()
			if n.in.data.size >= readAhead+readSize {
				t.Errorf("%d bytes are held unread", n.in.data.size)
			}
			return n.in.full && n.conn.paused && n.conn.interest&1 == 0
		})
		until(t, g.loops[0], "the queue is full", func() bool {
			n.out.mu.Lock()
			defer n.out.mu.Unlock()
			if waits := n.conn.out.len() + n.out.small.size; waits > o.HighWater {
				t.Errorf("%d bytes wait", waits)
			}
			return n.conn.out.len() == o.HighWater && n.conn.blocked
		})
		select {
		case w := <-out:
			t.Fatalf("Write has returned %d, %v", w.n, w.err)
		default:
		}
		got := make([]byte, size)
		for _, c := range []net.Conn{peer, n} {
			clear(got)
			if k, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, p) {
				t.Errorf("%d bytes came, %v, or others", k, err)
			}
		}
		for _, ch := range []<-chan outcomeOf{in, out} {
			if w := receive(t, ch); w.n != size || w.err != nil {
				t.Errorf("Write has returned %d, %v", w.n, w.err)
			}
		}
	})
}

// What small Writes have copied counts as well, beside what waits already.
func TestNetConnSmallWritesAreBounded(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, high := range []int{100, 20_000, 200_000} {
			o.HighWater, o.LowWater, o.WriteLimit = high, high/4, high
			g, n, peer := acceptOne(t, o, anyPort)
			first := writing(n, make([]byte, 32<<20))
			stuck(t, n)
			_ = n.SetWriteDeadline(time.Unix(1, 0))
			filled := receive(t, first)
			wantDeadline(t, filled.err)
			_ = n.SetWriteDeadline(time.Time{})

			p := pattern(33)
			const writes = 2000
			all := later(func() error {
				for range writes {
					if _, err := n.Write(p); err != nil {
						return err
					}
				}
				return n.Close()
			})
			most := 0
			look := func() {
				onLoop(t, g.loops[0], func() {
					n.out.mu.Lock()
					defer n.out.mu.Unlock()
					most = max(most, n.conn.out.len()+n.out.small.size)
				})
			}
			parked(t, &n.out.direction, 1)
			look()
			got := later(func() []byte {
				got, err := io.ReadAll(peer)
				if err != nil {
					t.Error(err)
				}
				return got
			})
			for end := time.Now().Add(patience); len(all) == 0 && time.Now().Before(end); {
				look()
			}
			if err := receive(t, all); err != nil {
				t.Error(err)
			}
			if most > high {
				t.Errorf("%d bytes waited, more than %d", most, high)
			}
			if got := receive(t, got); len(got) != filled.n+33*writes || !bytes.Equal(got[filled.n:], bytes.Repeat(p, writes)) {
				t.Errorf("%d bytes came of %d, or others", len(got), filled.n+33*writes)
			}
		}
	})
}

// What one Write sends is never mixed with another's, whatever their sizes, and several
// readers get each byte once.
func TestNetConnManyWritersAndReaders(t *testing.T) {
	const writers, frames = 8, 60
	everywhere(t, func(t *testing.T, o Options) {
		_, n, peer := acceptOne(t, o, anyPort)
		within(t, n)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				r := mathrand.New(mathrand.NewPCG(uint64(w), 1))
				for i := range frames {
					size := 8 + r.IntN(100)
					if r.IntN(4) == 0 {
						size = 8 + r.IntN(3*writeBehind)
					}
					frame := bytes.Repeat([]byte{byte(w)}, size)
					binary.BigEndian.PutUint32(frame, uint32(size))
					frame[4], frame[5] = byte(w), byte(i)
					if k, err := n.Write(frame); k != size || err != nil {
						t.Errorf("wrote %d of %d: %v", k, size, err)
						return
					}
				}
			})
		}
		next := [writers]byte{}
		in := bufio.NewReader(peer)
		for range writers * frames {
			head, err := in.Peek(8)
			if err != nil {
				t.Fatal(err)
			}
			frame := make([]byte, binary.BigEndian.Uint32(head))
			if _, err := io.ReadFull(in, frame); err != nil {
				t.Fatal(err)
			}
			w, i := frame[4], frame[5]
			if int(w) >= writers || next[w] != i || len(bytes.TrimLeft(frame[6:], string([]byte{w}))) > 0 {
				t.Fatalf("frame %d of writer %d is torn, or out of order", i, w)
			}
			next[w]++
		}
		wg.Wait()

		p := pattern(1 << 20)
		counts := [256]int{}
		for _, b := range p {
			counts[b]++
		}
		sent := writing(peer, p)
		var mu sync.Mutex
		left := len(p)
		for range 4 {
			wg.Go(func() {
				buf := make([]byte, 1000)
				for {
					k, err := n.Read(buf)
					mu.Lock()
					left -= k
					for _, b := range buf[:k] {
						counts[b]--
					}
					if left == 0 {
						_ = n.SetReadDeadline(time.Unix(1, 0)) // for the others
					}
					mu.Unlock()
					if err != nil {
						wantDeadline(t, err)
						return
					}
				}
			})
		}
		wg.Wait()
		receive(t, sent)
		if left != 0 || counts != [256]int{} {
			t.Errorf("%d bytes are missing, or others came", left)
		}
	})
}

func TestNetConnDeadlines(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, n, peer := acceptOne(t, o, anyPort)
		past, far := time.Unix(1, 0), time.Unix(1<<40, 0)
		one, large := make([]byte, 1), make([]byte, 8<<20)

		// Over before the call: nothing is read or written, also where it could be.
		_, _ = io.WriteString(peer, "x")
		until(t, g.loops[0], "it has arrived", func() bool { return n.in.data.size == 1 })
		_ = n.SetDeadline(past)
		for range 2 {
			k, err := n.Read(one)
			wantDeadline(t, err)
			m, err := n.Write(one)
			wantDeadline(t, err)
			if k != 0 || m != 0 {
				t.Errorf("read %d and wrote %d", k, m)
			}
		}
		// One direction's is not the other's, and both can be cleared.
		_ = n.SetWriteDeadline(time.Time{})
		if _, err := n.Write([]byte("w")); err != nil {
			t.Error(err)
		}
		expect(t, peer, "w")
		_, err := n.Read(one)
		wantDeadline(t, err)
		_ = n.SetReadDeadline(far)
		if _, err := n.Read(one); err != nil || one[0] != 'x' {
			t.Errorf("read %q, %v", one, err)
		}
		_ = n.SetReadDeadline(past)
		_ = n.SetReadDeadline(time.Time{})

		// Set, moved and cleared while others wait.
		r, w := reading(n, one), writing(n, large)
		parked(t, &n.in.direction, 1)
		stuck(t, n)
		for _, end := range []time.Time{far, {}, time.Now().Add(time.Hour), time.Now().Add(time.Minute), far} {
			if err := n.SetDeadline(end); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case got := <-r:
			t.Fatalf("Read: %v", got)
		case got := <-w:
			t.Fatalf("Write: %v", got)
		default:
		}
		_ = n.SetReadDeadline(past)
		got := receive(t, r)
		wantDeadline(t, got.err)
		_ = n.SetWriteDeadline(time.Now().Add(time.Millisecond))
		part := receive(t, w)
		wantDeadline(t, part.err)
		if part.n <= 0 || part.n >= len(large) {
			t.Errorf("wrote %d of %d", part.n, len(large))
		}
		r = reading(n, one)
		_ = n.SetReadDeadline(time.Now().Add(time.Millisecond)) // before it waits, or while it does
		got = receive(t, r)
		wantDeadline(t, got.err)

		// What was written is there, and it goes on behind that.
		_ = n.SetDeadline(time.Time{})
		w = writing(n, []byte("end"))
		if k, err := io.ReadFull(peer, large[:part.n]); err != nil {
			t.Errorf("%d of %d bytes, %v", k, part.n, err)
		}
		expect(t, peer, "end")
		if got := receive(t, w); got.err != nil {
			t.Error(got.err)
		}
	})
}

// What happens while a Write asks the loop, and so before it waits, is not missed.
func TestNetConnDeadlineBeforeTheWait(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, n, _ := acceptOne(t, o, anyPort)
		l := g.loops[0]
		l.mu.Lock() // so that it cannot post
		w := writing(n, make([]byte, 64<<20))
		for posts := false; !posts; runtime.Gosched() {
			n.out.mu.Lock()
			posts = n.out.posted
			n.out.mu.Unlock()
		}
		_ = n.SetWriteDeadline(time.Unix(1, 0))
		l.mu.Unlock()
		wantDeadline(t, receive(t, w).err)
	})
}

// A timer that rings for a deadline that was replaced, or cleared, ends nothing.
func TestNetConnStaleTimer(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		_, n, peer := acceptOne(t, o, anyPort)
		for _, end := range []time.Time{time.Now().Add(time.Hour), {}} {
			_ = n.SetDeadline(time.Now().Add(time.Minute))
			_ = n.SetDeadline(end)
			n.in.ring()
			n.out.ring()
			if _, err := n.Write([]byte("x")); err != nil {
				t.Error(err)
			}
			roundTrip(t, &swapped{n, peer}, "y")
		}
	})
}

// swapped reads from one connection and writes to another.
type swapped struct {
	net.Conn
	to net.Conn
}

func (s *swapped) Write(p []byte) (int, error) { return s.to.Write(p) }

// Deadlines come and go while all is read and written, and not a byte is lost.
func TestNetConnDeadlineStorm(t *testing.T) {
	const size = 2 << 20
	everywhere(t, func(t *testing.T, o Options) {
		o.HighWater, o.LowWater = 30_000, 10_000
		_, n, peer := acceptOne(t, o, anyPort)
		p := pattern(size)
		over := make(chan struct{})
		var storm sync.WaitGroup
		for i := range 3 {
			storm.Go(func() {
				for k := i; ; k++ {
					select {
					case <-over:
						return
					default:
					}
					end := time.Now().Add(time.Duration(k%50) * 10 * time.Microsecond)
					switch k % 3 {
					case 0:
						_ = n.SetReadDeadline(end)
					case 1:
						_ = n.SetWriteDeadline(end)
					default:
						_ = n.SetDeadline(end)
					}
					runtime.Gosched()
				}
			})
		}
		in, fromPeer := writing(peer, p), later(func() []byte {
			got := make([]byte, size)
			if _, err := io.ReadFull(peer, got); err != nil {
				t.Error(err)
			}
			return got
		})
		var both sync.WaitGroup
		both.Go(func() {
			got, buf := make([]byte, 0, size), make([]byte, 5000)
			for len(got) < size {
				k, err := n.Read(buf)
				got = append(got, buf[:k]...)
				if err != nil {
					wantDeadline(t, err)
					_ = n.SetReadDeadline(time.Time{})
				}
				if t.Failed() {
					return
				}
			}
			if !bytes.Equal(got, p) {
				t.Error("what was read is not what was sent")
			}
		})
		both.Go(func() {
			for rest := p; len(rest) > 0; {
				k, err := n.Write(rest[:min(len(rest), 1+len(rest)%90_000)])
				rest = rest[k:]
				if err != nil {
					wantDeadline(t, err)
					_ = n.SetWriteDeadline(time.Time{})
				}
				if t.Failed() {
					return
				}
			}
		})
		both.Wait()
		close(over)
		storm.Wait()
		receive(t, in)
		if !bytes.Equal(receive(t, fromPeer), p) {
			t.Error("what came is not what was written")
		}
	})
}

// Close wakes all who wait, sends what was written, and can be called again and from
// everywhere; after it nothing works.
func TestNetConnClose(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, n, peer := acceptOne(t, o, anyPort)
		one := make([]byte, 1)
		_ = n.SetDeadline(time.Now().Add(time.Hour))
		readers := []<-chan outcomeOf{reading(n, one), reading(n, make([]byte, 1))}
		w := writing(n, make([]byte, 16<<20))
		stuck(t, n)
		behind := writing(n, one)
		parked(t, &n.out.direction, 2)
		parked(t, &n.in.direction, 2)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if err := n.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, r := range append(readers, behind) {
			got := receive(t, r)
			wantClosed(t, "while it waited", got.err)
			if got.n != 0 {
				t.Errorf("%d bytes", got.n)
			}
		}
		part := receive(t, w)
		wantClosed(t, "Write", part.err)
		for what, call := range map[string]func() error{
			"Read":             func() error { _, err := n.Read(one); return err },
			"Read nothing":     func() error { _, err := n.Read(nil); return err },
			"Write":            func() error { _, err := n.Write(one); return err },
			"Write nothing":    func() error { _, err := n.Write(nil); return err },
			"CloseWrite":       n.CloseWrite,
			"SetDeadline":      func() error { return n.SetDeadline(time.Time{}) },
			"SetReadDeadline":  func() error { return n.SetReadDeadline(time.Unix(1, 0)) },
			"SetWriteDeadline": func() error { return n.SetWriteDeadline(time.Now().Add(time.Hour)) },
		} {
			wantClosed(t, what, call())
		}
		if got, err := io.Copy(io.Discard, peer); got != int64(part.n) || err != nil {
			t.Errorf("%d bytes came, %v; %d were written", got, err, part.n)
		}
		_ = peer.Close()
		until(t, g.loops[0], "it has ended", func() bool { return len(g.loops[0].conns) == 0 })
		wantClosed(t, "SetOptions", n.SetOptions(SocketOptions{Nagle: true}))
		_, err := n.Credentials()
		wantClosed(t, "Credentials", err)
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		if n.RemoteAddr().String() != peer.LocalAddr().String() || n.LocalAddr().String() != peer.RemoteAddr().String() {
			t.Errorf("addresses %v and %v", n.LocalAddr(), n.RemoteAddr())
		}
	})
}

// What a Write left to another's post, which has not come yet, is sent before the end.
func TestNetConnCloseBeforeAPost(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		_, n, peer := acceptOne(t, o, anyPort)
		n.out.mu.Lock()
		n.out.posted = true // by one that is about to post
		n.out.mu.Unlock()
		if _, err := n.Write([]byte("all the same")); err != nil {
			t.Error(err)
		}
		_ = n.Close()
		all, err := io.ReadAll(peer)
		if string(all) != "all the same" || err != nil {
			t.Errorf("%q came, %v", all, err)
		}
	})
}

// What is unread when the connection is closed is held by nobody, nor is what arrives
// before the loop hears of it.
func TestNetConnInputBehindAClose(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, n, peer := acceptOne(t, o, anyPort)
		_, _ = io.WriteString(peer, "unread")
		until(t, g.loops[0], "it has arrived", func() bool { return n.in.data.size > 0 })
		goOn := standStill(t, g.loops[0])
		_, _ = io.WriteString(peer, "too late")
		arrived(t, []*Conn{n.conn}) // as the loop will see before what is posted
		_ = n.Close()
		goOn()
		expectEnd(t, peer)
		if held := g.memory.Load(); held != 0 {
			t.Errorf("%d bytes are held", held)
		}
	})
}

// A Write that waits goes on when the low mark is reached, and not at each byte.
func TestNetConnWaitsForTheLowMark(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.HighWater, o.LowWater = 3000, 1000
		g, n, _ := acceptOne(t, o, anyPort)
		l := g.loops[0]
		onLoop(t, l, func() {
			c := n.conn
			c.out.append(&l.pool, make([]byte, 3000))
			n.starved = true
			for _, waits := range []int{2999, 1001, 1000} {
				c.out.sent(&l.pool, c.out.len()-waits)
				n.eased()
				if n.starved != (waits > 1000) {
					t.Errorf("with %d bytes, it waits: %v", waits, n.starved)
				}
			}
			c.out.clear(&l.pool)
		})
	})
}

// Abort sends a reset and not what waits, also after a Close that waits for the peer.
func TestNetConnAbort(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, closed := range []bool{false, true} {
			g, n, peer := acceptOne(t, o, anyPort)
			w := writing(n, make([]byte, 64<<20))
			stuck(t, n)
			if closed {
				_ = n.Close()
			}
			n.Abort()
			got := receive(t, w)
			wantClosed(t, "Write", got.err)
			until(t, g.loops[0], "it has ended", func() bool { return len(g.loops[0].conns) == 0 })
			if k, err := io.Copy(io.Discard, peer); !errors.Is(err, unix.ECONNRESET) {
				t.Errorf("%d bytes and %v, want a reset", k, err)
			}
			_, err := n.Read(make([]byte, 1))
			wantClosed(t, "Read", err)
		}
	})
}

// Each side can end its half, and the other goes on for as long as it likes.
func TestNetConnHalfCloses(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, first := range []string{"peer", "this"} {
			g, n, c := acceptOne(t, o, anyPort)
			peer := c.(*net.TCPConn)
			within(t, n)
			p := pattern(3 << 20)
			sides := []interface {
				net.Conn
				CloseWrite() error
			}{n, peer}
			if first == "peer" {
				sides[0], sides[1] = sides[1], sides[0]
			}
			if _, err := io.WriteString(sides[0], "that was all"); err != nil {
				t.Error(err)
			}
			if err := sides[0].CloseWrite(); err != nil {
				t.Error(err)
			}
			all, err := io.ReadAll(sides[1])
			if string(all) != "that was all" || err != nil {
				t.Errorf("%s: read %q, %v", first, all, err)
			}
			if first == "this" {
				_, err := n.Write([]byte("x"))
				wantClosed(t, "Write after CloseWrite", err)
				if err := n.CloseWrite(); err != nil {
					t.Errorf("CloseWrite again: %v", err)
				}
			}
			sent := later(func() error {
				_, err := sides[1].Write(p)
				return errors.Join(err, sides[1].CloseWrite())
			})
			if got, err := io.ReadAll(sides[0]); err != nil || !bytes.Equal(got, p) {
				t.Errorf("%s: %d bytes, %v", first, len(got), err)
			}
			if err := receive(t, sent); err != nil {
				t.Error(err)
			}
			// Both have said all, so that there is no connection any more.
			until(t, g.loops[0], "it has ended", func() bool { return len(g.loops[0].conns) == 0 })
			if k, err := n.Read(make([]byte, 1)); k != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("%s: read %d, %v, want EOF", first, k, err)
			}
			_, err = n.Write([]byte("x"))
			wantClosed(t, "Write", err)
			if err := n.CloseWrite(); err != nil {
				t.Errorf("CloseWrite: %v", err)
			}
		}
	})
}

// CloseWrite ends a Write that waits, and sends what that got rid of.
func TestNetConnCloseWriteDuringWrite(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		_, n, peer := acceptOne(t, o, anyPort)
		w := writing(n, make([]byte, 32<<20))
		stuck(t, n)
		if err := n.CloseWrite(); err != nil {
			t.Error(err)
		}
		part := receive(t, w)
		wantClosed(t, "Write", part.err)
		if got, err := io.Copy(io.Discard, peer); got != int64(part.n) || err != nil {
			t.Errorf("%d bytes came, %v; %d were written", got, err, part.n)
		}
		_, _ = io.WriteString(peer, "still heard")
		within(t, n)
		expect(t, n, "still heard")
	})
}

// What had arrived when a connection ended is read, and then comes the reason.
func TestNetConnReadsWhatCameBeforeTheEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.MemoryLimit = 100_000
		for name, end := range map[string]struct {
			do   func(g *Group, n *NetConn, peer *net.TCPConn)
			want error
		}{
			"end":   {func(_ *Group, n *NetConn, peer *net.TCPConn) { _, _ = peer.CloseWrite(), n.CloseWrite() }, io.EOF},
			"reset": {func(_ *Group, _ *NetConn, peer *net.TCPConn) { _, _ = peer.SetLinger(0), peer.Close() }, unix.ECONNRESET},
			"timeout": {func(_ *Group, n *NetConn, _ *net.TCPConn) {
				if err := n.SetTimeouts(Timeouts{Idle: time.Millisecond}); err != nil {
					t.Error(err)
				}
			}, ErrTimeout},
			"memory": {func(_ *Group, _ *NetConn, peer *net.TCPConn) { _, _ = peer.Write(make([]byte, 200_000)) }, ErrMemoryLimit},
			"force": {func(g *Group, _ *NetConn, _ *net.TCPConn) {
				now, cancel := context.WithCancel(context.Background())
				cancel()
				_ = g.Shutdown(now)
			}, ErrForced},
		} {
			g, n, peer := acceptOne(t, o, anyPort)
			_, _ = io.WriteString(peer, "before the end")
			until(t, g.loops[0], "it has arrived", func() bool { return n.in.data.size > 0 })
			end.do(g, n, peer.(*net.TCPConn))
			if name != "force" {
				until(t, g.loops[0], "it has ended", func() bool { return len(g.loops[0].conns) == 0 })
			}
			expect(t, n, "before the end")
			if name == "memory" {
				_, _ = io.CopyN(io.Discard, n, int64(n.in.data.size))
			}
			for range 2 {
				_, err := n.Read(make([]byte, 1))
				if !errors.Is(err, end.want) {
					t.Errorf("%s: Read gave %v, want %v", name, err, end.want)
				}
				if ok, timeout, temporary := netErrorOf(err); name != "end" && (!ok || timeout != (name == "timeout") || temporary) {
					t.Errorf("%s: Read gave %T: %v", name, err, err)
				}
				_, err = n.Write([]byte("x"))
				if want := end.want; name == "end" && !errors.Is(err, net.ErrClosed) || name != "end" && !errors.Is(err, want) {
					t.Errorf("%s: Write gave %v", name, err)
				}
			}
			_ = n.Close()
		}
	})
}

// The end of a connection wakes all who wait.
func TestNetConnIsWokenByTheEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for name, end := range map[string]struct {
			do   func(g *Group, n *NetConn, peer *net.TCPConn)
			want error
		}{
			"reset": {func(_ *Group, _ *NetConn, peer *net.TCPConn) { _, _ = peer.SetLinger(0), peer.Close() }, unix.ECONNRESET},
			"force": {func(g *Group, _ *NetConn, _ *net.TCPConn) {
				now, cancel := context.WithCancel(context.Background())
				cancel()
				_ = g.Shutdown(now)
			}, ErrForced},
			"loop": {func(_ *Group, n *NetConn, _ *net.TCPConn) { _ = n.post(n.conn.Abort) }, net.ErrClosed},
			"just before a flush": {func(_ *Group, n *NetConn, _ *net.TCPConn) {
				_ = n.post(func() {
					n.conn.fail("test", unix.EPIPE)
					n.flush()
					n.out.mu.Lock()
					defer n.out.mu.Unlock()
					if n.out.wrong != nil {
						t.Errorf("before it is known why it has ended, it has for %v", n.out.wrong)
					}
				})
			}, unix.EPIPE},
		} {
			g, n, peer := acceptOne(t, o, anyPort)
			r, w := reading(n, make([]byte, 1)), writing(n, make([]byte, 64<<20))
			parked(t, &n.in.direction, 1)
			stuck(t, n)
			end.do(g, n, peer.(*net.TCPConn))
			for _, ch := range []<-chan outcomeOf{r, w} {
				if got := receive(t, ch); !errors.Is(got.err, end.want) {
					t.Errorf("%s: %v, want %v", name, got.err, end.want)
				}
			}
		}
	})
}

// Over unixpacket, messages stay what they are, both ways.
func TestNetConnKeepsMessages(t *testing.T) {
	if !seqpackets {
		t.Skip("this system has no such sockets")
	}
	everywhere(t, func(t *testing.T, o Options) {
		o.HighWater, o.LowWater, o.WriteLimit = 4000, 1000, 20_000
		g, n, peer := acceptOne(t, o, "unixpacket://"+socketPath(t))
		within(t, n)
		const messages = 300
		message := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 1+i*i%5000) }
		sent := later(func() error {
			for i := range messages {
				if _, err := peer.Write(message(i)); err != nil {
					return err
				}
			}
			return nil
		})
		buf := make([]byte, 6000)
		for i := range messages {
			p := buf
			if i%7 == 3 {
				p = buf[:1] // the rest of it is lost
			}
			k, err := n.Read(p)
			if want := message(i); err != nil || k != min(len(want), len(p)) || !bytes.Equal(p[:k], want[:k]) {
				t.Fatalf("message %d: %d bytes, %v", i, k, err)
			}
		}
		if err := receive(t, sent); err != nil {
			t.Error(err)
		}
		sent = later(func() error {
			for i := range messages {
				if i == messages/2 { // one that cannot be sent, and is the only one
					if k, err := n.Write(make([]byte, maxMessage+1)); k != 0 || !errors.Is(err, ErrMessageSize) {
						return fmt.Errorf("too long: wrote %d, %w", k, err)
					}
				}
				if k, err := n.Write(message(i)); k != len(message(i)) || err != nil {
					return fmt.Errorf("message %d: wrote %d, %w", i, k, err)
				}
			}
			return nil
		})
		stuck(t, n)
		onLoop(t, g.loops[0], func() {
			if waits := n.conn.out.len(); waits > 5000+messageHead { // the longest alone, or some within the mark
				t.Errorf("%d bytes wait", waits)
			}
		})
		for i := range messages {
			k, err := peer.Read(buf)
			if err != nil || !bytes.Equal(buf[:k], message(i)) {
				t.Fatalf("message %d: %d bytes, %v", i, k, err)
			}
		}
		if err := receive(t, sent); err != nil {
			t.Error(err)
		}
	})
}

// What is the loop's business is done there while others read and write.
func TestNetConnAsksItsLoop(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, n, peer := acceptOne(t, o, "unix://"+socketPath(t))
		within(t, n)
		go func() { _, _ = io.Copy(struct{ io.Writer }{peer}, struct{ io.Reader }{peer}) }()
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for k := range 50 {
					if err := n.SetTimeouts(Timeouts{Idle: time.Hour + time.Duration(i*k)}); err != nil {
						t.Error(err)
					}
					if err := n.SetOptions(SocketOptions{WriteBuffer: 50_000}); err != nil {
						t.Error(err)
					}
					if cred, err := n.Credentials(); err != nil || int(cred.UID) != os.Getuid() {
						t.Errorf("credentials %v, %v", cred, err)
					}
				}
			})
		}
		for range 200 {
			roundTrip(t, n, "meanwhile")
		}
		wg.Wait()
		if err := n.SetTimeouts(Timeouts{Idle: -1}); !errors.Is(err, ErrOption) {
			t.Errorf("got %v, want ErrOption", err)
		}
		if err := n.SetTimeouts(Timeouts{Idle: 90 * time.Minute}); err != nil {
			t.Error(err)
		}
		onLoop(t, g.loops[0], func() {
			if got := n.conn.service.timeouts.Idle; got != 90*time.Minute {
				t.Errorf("the timeout is %v", got)
			}
		})
		_ = peer.Close()
		if _, err := n.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
}

// To read and to write allocates nothing, on any goroutine.
func TestNetConnAllocatesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		if why := allocates[o.Backend]; why != "" {
			t.Skip(why)
		}
		_, n, peer := acceptOne(t, o, anyPort)
		go func() {
			var buf [64]byte
			for {
				k, err := n.Read(buf[:])
				if err != nil {
					return
				}
				if _, err := n.Write(buf[:k]); err != nil {
					return
				}
			}
		}()
		buf := make([]byte, 64)
		if got := testing.AllocsPerRun(500, func() {
			if _, err := peer.Write(buf); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(peer, buf); err != nil {
				t.Fatal(err)
			}
		}); got != 0 {
			t.Errorf("%v allocations a message", got)
		}
	})
}

// A message costs one post, and a Read none.
func TestNetConnPostsOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, n, peer := acceptOne(t, o, anyPort)
		within(t, n)
		posts := func() (count uint64) {
			onLoop(t, g.loops[0], func() { count = g.loops[0].counts.Posted })
			return count
		}
		before := posts()
		const messages = 50
		for range messages {
			_, _ = io.WriteString(peer, "ping")
			expect(t, n, "ping")
			if _, err := n.Write([]byte("pong")); err != nil {
				t.Fatal(err)
			}
			expect(t, peer, "pong")
		}
		if got := posts() - before - 1; got > messages {
			t.Errorf("%d posts for %d messages", got, messages)
		}
		// Those that come while the loop is busy go together.
		goOn := standStill(t, g.loops[0])
		for range 1000 {
			if _, err := n.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		g.loops[0].mu.Lock()
		if got := len(g.loops[0].posted); got != 1 {
			t.Errorf("%d posts for 1000 Writes", got)
		}
		g.loops[0].mu.Unlock()
		goOn()
		expect(t, peer, strings.Repeat("x", 1000))
	})
}

// certificate is one for tests, and what trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// crypto/tls runs on a NetConn at either end, and goes on after a deadline.
func TestNetConnUnderTLS(t *testing.T) {
	cert, pool := certificate(t)
	everywhere(t, func(t *testing.T, o Options) {
		for _, server := range []bool{true, false} {
			_, n, peer := acceptOne(t, o, anyPort)
			within(t, n)
			ours, theirs := tls.Server(n, &tls.Config{Certificates: []tls.Certificate{cert}}), tls.Client(peer, &tls.Config{RootCAs: pool, ServerName: "localhost"})
			if !server {
				ours, theirs = tls.Client(n, &tls.Config{RootCAs: pool, ServerName: "localhost"}), tls.Server(peer, &tls.Config{Certificates: []tls.Certificate{cert}})
			}
			shaken := later(theirs.Handshake)
			if err := ours.Handshake(); err != nil {
				t.Fatal(err)
			}
			if err := receive(t, shaken); err != nil {
				t.Fatal(err)
			}
			p := pattern(2 << 20)
			got := make([]byte, len(p))
			for _, pair := range [][2]net.Conn{{ours, theirs}, {theirs, ours}} {
				sent := writing(pair[0], p)
				if _, err := io.ReadFull(pair[1], got); err != nil || !bytes.Equal(got, p) {
					t.Errorf("%v, or other bytes", err)
				}
				if w := receive(t, sent); w.err != nil {
					t.Error(w.err)
				}
			}
			_ = n.SetReadDeadline(time.Unix(1, 0))
			_, err := ours.Read(got)
			wantDeadline(t, err)
			within(t, n)
			sent := writing(theirs, []byte("later"))
			expect(t, ours, "later")
			receive(t, sent)
			closed := later(ours.Close)
			if _, err := theirs.Read(got); !errors.Is(err, io.EOF) {
				t.Errorf("the end: %v", err)
			}
			_ = theirs.Close()
			receive(t, closed)
		}
	})
}

func TestNetConnWithStandardPackages(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		_, n, peer := acceptOne(t, o, anyPort)
		within(t, n)
		served := later(func() error {
			in, out := gob.NewDecoder(n), gob.NewEncoder(n)
			for range 5 {
				var m map[string]int
				if err := in.Decode(&m); err != nil {
					return err
				}
				m["len"] = len(m)
				if err := out.Encode(m); err != nil {
					return err
				}
			}
			lines := bufio.NewScanner(n)
			buffered := bufio.NewWriter(n)
			for lines.Scan() {
				_, _ = fmt.Fprintf(buffered, "[%s]\n", lines.Text()) // Flush tells
			}
			return errors.Join(lines.Err(), buffered.Flush(), n.Close())
		})
		in, out := gob.NewDecoder(peer), gob.NewEncoder(peer)
		for k := range 5 {
			m := map[string]int{}
			for i := range k {
				m[fmt.Sprint(i)] = i
			}
			if err := out.Encode(m); err != nil {
				t.Fatal(err)
			}
			var got map[string]int
			if err := in.Decode(&got); err != nil || got["len"] != k {
				t.Fatalf("got %v, %v", got, err)
			}
		}
		_, _ = io.WriteString(peer, "a\nb\n")
		_ = peer.(*net.TCPConn).CloseWrite()
		rest, err := io.ReadAll(peer)
		if string(rest) != "[a]\n[b]\n" || err != nil {
			t.Errorf("%q, %v", rest, err)
		}
		if err := receive(t, served); err != nil {
			t.Error(err)
		}
	})
}

// The deadline of a Stream is a net.Error too, for those who look into what is wrapped.
func TestStreamDeadlineIsANetError(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		errs := make(chan error, 2)
		_, ln, _ := serve(t, o, Blocking(func(s *Stream) error {
			_ = s.SetDeadline(time.Unix(1, 0))
			_, err := s.Read(make([]byte, 1))
			errs <- err
			_, err = s.Write(make([]byte, 1))
			errs <- err
			return nil
		}))
		dial(t, ln)
		for range 2 {
			var timeout net.Error
			if err := receive(t, errs); !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("got %T: %v", err, err)
			}
		}
	})
}
