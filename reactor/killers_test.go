//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// Defects that others have had, each named after the report of it.

// gnet issue 367: no descriptor for a new connection ended the whole server.
func TestGnet367EMFILEEndsTheServer(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, _ := serve(t, o, echo)
		held := dial(t, ln)
		roundTrip(t, held, "before")
		var out atomic.Bool
		out.Store(true)
		hook(t, &sys.Hooks{Fault: func(c sys.Call) sys.Errno {
			if out.Load() && c.Op == sys.OpAccept {
				return unix.EMFILE
			}
			return 0
		}})
		waiting := dial(t, ln)
		for g.Stats().Accepts < 2 { // the first was held's
			roundTrip(t, held, "meanwhile")
		}
		onLoop(t, g.loops[0], func() { out.Store(false) }) // not while it refuses somebody
		roundTrip(t, waiting, "served in the end")
	})
}

// gnet issue 453: a connection that its client had given up before it was accepted
// (ECONNABORTED) ended the server.
func TestGnet453ECONNABORTEDEndsTheServer(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		_, ln, _ := serve(t, o, echo)
		var once sync.Once
		aborted := false
		hook(t, &sys.Hooks{Fault: func(c sys.Call) (errno sys.Errno) {
			if c.Op == sys.OpAccept {
				once.Do(func() { errno, aborted = unix.ECONNABORTED, true })
			}
			return errno
		}})
		roundTrip(t, dial(t, ln), "served")
		onLoop(t, ln.acceptors[0].loop, func() {
			if !aborted {
				t.Error("nothing was aborted: the test shows nothing")
			}
		})
	})
}

// gnet issue 529: what a peer sent right before it closed was lost, the end being
// seen first.
func TestGnet529DataBeforeTheEndIsLost(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		var got atomic.Int64
		ends := make(chan error, 1)
		_, ln, _ := serve(t, o, handler{
			data:   func(_ *Conn, p []byte) int { got.Add(int64(len(p))); return len(p) },
			closed: func(_ *Conn, err error) { ends <- err },
		})
		for i := range 50 {
			goOn := standStill(t, ln.acceptors[0].loop) // data and end arrive before the loop looks
			c := dial(t, ln)
			size := 1 + i*1000
			if _, err := c.Write(make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			goOn()
			if err := receive(t, ends); !errors.Is(err, io.EOF) {
				t.Errorf("closed with %v, want io.EOF", err)
			}
			if n := got.Swap(0); n != int64(size) {
				t.Fatalf("got %d bytes of %d", n, size)
			}
		}
	})
}

// gnet issue 621: the descriptor was closed before the handler was told, so that
// what it then wrote went to another client, who had the number by then.
func TestGnet621WriteReachesAnotherClient(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		var reused atomic.Int64
		ends := make(chan struct{}, 1)
		_, ln, _ := serve(t, o, handler{
			closed: func(c *Conn, _ error) {
				// Somebody takes the next number. It must not be the connection's.
				fd, err := unix.Dup(0)
				if err != nil {
					t.Error(err)
				}
				if fd == int(c.fd) {
					reused.Add(1)
				}
				if err := unix.Close(fd); err != nil {
					t.Error(err)
				}
				if _, err := c.Write([]byte("secret")); !errors.Is(err, ErrClosed) && !errors.Is(err, io.EOF) {
					t.Errorf("Write in Closed: %v, want an error", err)
				}
				ends <- struct{}{}
			},
		})
		for range 20 {
			if err := dial(t, ln).Close(); err != nil {
				t.Fatal(err)
			}
			receive(t, ends)
		}
		if n := reused.Load(); n > 0 {
			t.Errorf("%d times the descriptor was closed before Closed was called", n)
		}
	})
}

// gnet issue 712: a client that sends and does not read had the server keep all of
// it, without bound.
func TestGnet712UnboundedBuffers(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		const total = 16 << 20
		g, ln, _ := serve(t, o, echo)
		c := dial(t, ln)
		if err := c.SetReadBuffer(128 << 10); err != nil {
			t.Fatal(err)
		}
		sent := make(chan error, 1)
		go func() {
			buf := make([]byte, 64<<10)
			var err error
			for n := 0; n < total && err == nil; n += len(buf) {
				_, err = c.Write(buf)
			}
			if err == nil {
				err = c.CloseWrite()
			}
			sent <- err
		}()
		choked := func() (yes bool) {
			onLoop(t, g.loops[0], func() {
				for _, conn := range g.loops[0].conns {
					yes = conn.choked
					if most := o.HighWater + readsPerEvent*readSize; o.HighWater > 0 && conn.Buffered() > most {
						t.Errorf("%d bytes wait, more than %d", conn.Buffered(), most)
					}
				}
			})
			return yes
		}
		for !choked() {
			time.Sleep(time.Millisecond) // the kernels' buffers fill
		}
		if n := g.memory.Load(); n > 256<<10+readsPerEvent*readSize+chunkSize {
			t.Errorf("%d bytes are held for one client that does not read", n)
		}
		if n, err := io.Copy(io.Discard, c); n != total || err != nil {
			t.Errorf("got %d bytes and %v, want %d", n, err, total)
		}
		if err := receive(t, sent); err != nil {
			t.Error(err)
		}
	})
}

// evio issue 51: ENOENT of epoll_ctl ended the process by a panic.
func TestEvio51ENOENTPanics(t *testing.T) {
	for _, errno := range []sys.Errno{unix.ENOENT, unix.EBADF, unix.ENOMEM, unix.ENOSPC, unix.EEXIST} {
		leaktest.Check(t)
		conns, ends := make(chan *Conn, 2), make(chan error, 2)
		g, ln, _ := serve(t, Options{Loops: 1}, handler{
			opened: func(c *Conn) { conns <- c },
			closed: func(_ *Conn, err error) { ends <- err },
		})
		other := dial(t, ln)
		kept := receive(t, conns)
		dial(t, ln)
		conn := receive(t, conns)
		var failed bool
		onLoop(t, g.loops[0], func() {
			restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
				if c.Op == "epoll_ctl" && c.FD >= 0 && !failed {
					failed = true
					return errno
				}
				return 0
			}})
			conn.PauseReading()
			conn.settle() // takes it out of the selector
			conn.ResumeReading()
			conn.settle() // and puts it back
			restore()
		})
		if !failed {
			t.Log("the backend here is not epoll, whose calls this test breaks")
			return
		}
		onLoop(t, kept.Loop(), func() { // the other goes on
			_, _ = io.WriteString(kept, "alive")
		})
		expect(t, other, "alive")
	}
}

// netpoll issue 143: two connections came to share a buffer when one was closed and
// its buffer used again. Free buffers are poisoned, and clients check every byte.
func TestNetpoll143SharedBuffers(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, _ := serve(t, o, handler{data: func(c *Conn, p []byte) int {
			// Lines of 1,000 bytes, so that there is always input left over; each
			// is answered a hundred times, so that there is output waiting.
			used := len(p) / 1000 * 1000
			for i := 0; i < used; i += 1000 {
				for range 100 {
					if _, err := c.Write(p[i : i+1000]); err != nil {
						return used
					}
				}
			}
			return used
		}})
		poison := func() {
			l := g.loops[0]
			for _, free := range []chunkStack{l.pool.small, l.pool.large} {
				for c := free.top; c != nil; c = c.next {
					for i := range c.buf {
						c.buf[i] = 0xdb
					}
				}
			}
			for _, in := range l.inputs {
				b := in.buf[:cap(in.buf)]
				for i := range b {
					b[i] = 0xdb
				}
			}
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for round := range 10 {
					c, err := net.Dial("tcp", ln.Addr().String())
					if err != nil {
						t.Error(err)
						return
					}
					mine := byte(1 + i*10 + round)
					if err := exchange(c, mine, round%2 == 0); err != nil {
						t.Errorf("client %d, round %d: %v", i, round, err)
					}
					_ = c.Close() // half of them in the middle, on purpose
				}
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		for {
			select {
			case <-done:
				return
			default:
				onLoop(t, g.loops[0], poison)
				runtime.Gosched()
			}
		}
	})
}

// exchange sends lines of one byte and checks that nothing else comes back; it
// stops in the middle if it is told to.
func exchange(c net.Conn, mine byte, whole bool) error {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.Write(bytes.Repeat([]byte{mine}, 1500)); err != nil {
		return err
	}
	want := 100 * 1000
	if whole {
		if _, err := c.Write(bytes.Repeat([]byte{mine}, 500)); err != nil {
			return err
		}
		want *= 2
	} else {
		want /= 2
	}
	got := make([]byte, want)
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	for i, b := range got {
		if b != mine {
			return fmt.Errorf("byte %d is %#x, want %#x: it is somebody else's", i, b, mine)
		}
	}
	return nil
}

// nbio 1.6: of what a peer had sent before its end, all behind the first 192 KiB
// was lost, for the end was taken in after three reads.
func TestNbioLostTailBehindTheEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		var got atomic.Int64
		ends := make(chan error, 1)
		g, _, _ := serve(t, o, NopHandler{})
		ln := listenAt(t, g, "unix://"+socketPath(t), handler{
			data:   func(_ *Conn, p []byte) int { got.Add(int64(len(p))); return len(p) },
			closed: func(_ *Conn, err error) { ends <- err },
		}, ListenOptions{Socket: SocketOptions{ReadBuffer: 1 << 20, WriteBuffer: 1 << 20}})
		goOn := standStill(t, g.loops[0])
		c := connect(t, ln)
		if err := c.(*net.UnixConn).SetWriteBuffer(4 << 20); err != nil {
			t.Fatal(err)
		}
		if err := c.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		size, err := c.Write(make([]byte, 1<<20)) // as much as the kernels hold
		if size < 200<<10 {
			t.Logf("only %d bytes fit (%v): more than 192 KiB were to wait", size, err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		goOn()
		if err := receive(t, ends); !errors.Is(err, io.EOF) {
			t.Errorf("closed with %v, want io.EOF", err)
		}
		if n := got.Load(); n != int64(size) {
			t.Errorf("got %d bytes of %d", n, size)
		}
	})
}

// libuv issue 1148: a descriptor that a child or a duplicate kept open was reported
// for ever after it had been closed, at the price of a whole processor.
func TestLibuv1148DuplicateSpins(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		ends := make(chan error, 1)
		dups := make(chan int, 1)
		g, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) {
				fd, err := unix.Dup(int(c.fd)) // as a child has it after fork
				if err != nil {
					t.Error(err)
				}
				dups <- fd
			},
			data:   func(c *Conn, p []byte) int { c.Close(); return len(p) },
			closed: func(_ *Conn, err error) { ends <- err },
		})
		c := dial(t, ln)
		dup := receive(t, dups)
		defer unix.Close(dup)
		if _, err := io.WriteString(c, "x"); err != nil {
			t.Fatal(err)
		}
		receive(t, ends)
		if _, err := io.WriteString(c, "more, which makes the duplicate readable"); err != nil {
			t.Fatal(err)
		}
		l := g.loops[0]
		onLoop(t, l, func() {})
		before := g.Stats().Turns
		heartbeat := make(chan struct{})
		onLoop(t, l, func() { l.After(200*time.Millisecond, func() { close(heartbeat) }) })
		receive(t, heartbeat)
		if n := g.Stats().Turns - before; n > 20 {
			t.Errorf("%d turns in 200 ms with nothing to do", n)
		}
	})
}
