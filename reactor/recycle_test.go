//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const tagSize = 8

// tagged is a connection, and what alone may be written to it. Writers keep it
// long after its end.
type tagged struct {
	conn   *Conn
	tag    [tagSize]byte
	closed bool // Closed was called; of the loop
}

// recycler is a server that puts each connection into a place where the writers
// find it, and ends it when its client says so.
type recycler struct {
	NopHandler
	t      *testing.T
	places [32]atomic.Pointer[tagged]
	seen   [1 << 16]atomic.Bool // descriptors
	again  atomic.Int64         // connections whose descriptor another had before
	late   atomic.Int64         // writes after the end, all refused
	wrote  atomic.Int64
}

func (r *recycler) Opened(c *Conn) {
	if r.seen[c.fd].Swap(true) {
		r.again.Add(1)
	}
}

// Data gets the tag, and perhaps how this side is to end the connection.
func (r *recycler) Data(c *Conn, p []byte) int {
	if c.Context() == nil {
		if len(p) < tagSize {
			return 0
		}
		own := &tagged{conn: c, tag: [tagSize]byte(p)}
		c.SetContext(own)
		r.places[binary.NativeEndian.Uint64(p)%uint64(len(r.places))].Store(own)
		_, _ = c.Write(p[:tagSize]) // the client waits for it
		return tagSize
	}
	switch p[0] {
	case 'e':
		_, _ = c.Write(c.Context().(*tagged).tag[:]) // as above
	case 'c':
		c.Close()
	case 'a':
		c.Abort()
	}
	return len(p)
}

func (r *recycler) Closed(c *Conn, _ error) {
	if own, ok := c.Context().(*tagged); ok {
		own.closed = true
	}
}

// write is what the writers post.
func (r *recycler) write(own *tagged) {
	_, err := own.conn.Write(own.tag[:])
	switch {
	case own.closed && !errors.Is(err, ErrClosed):
		r.t.Errorf("write after the end: %v, want ErrClosed", err)
	case own.closed:
		r.late.Add(1)
	case err == nil:
		r.wrote.Add(1)
	}
}

// write posts writes to whatever connections there are or were, a few at a time,
// until over is closed.
func (r *recycler) writer(over <-chan struct{}) {
	for i := 0; ; i++ {
		var wg sync.WaitGroup
		for k := range 8 {
			own := r.places[(i*7+k*5)%len(r.places)].Load()
			if own == nil {
				continue
			}
			wg.Add(1)
			// In the connection's name, or in nobody's.
			post := own.conn.Post
			if k%2 == 0 {
				post = own.conn.Loop().Post
			}
			if err := post(func() { defer wg.Done(); r.write(own) }); err != nil {
				r.t.Error(err)
				wg.Done()
			}
		}
		wg.Wait()
		select {
		case <-over:
			return
		default:
		}
	}
}

// Connections come and go while eight goroutines write to them, also to those that
// are gone and whose descriptors others have by now: no client ever gets a byte
// that is not its own, and a write after the end is refused: F4. The plan's million
// cycles in a minute are an hour's worth with the race detector on two processors;
// these are as many as fit 20 seconds there.
func TestWritesNeverReachAnotherClient(t *testing.T) {
	cycles := 30_000 // on the first backend; the others show that it is the same there
	if testing.Short() {
		cycles = 2_000
	}
	everywhere(t, func(t *testing.T, o Options) {
		o.Loops = 2
		r := &recycler{t: t}
		g, tcp, _ := serve(t, o, r)
		ln := listenAt(t, g, "unix://"+socketPath(t), r, ListenOptions{})
		over := make(chan struct{})
		var writers, clients sync.WaitGroup
		for range 8 {
			writers.Go(func() { r.writer(over) })
		}
		var next atomic.Uint64
		for range 8 {
			clients.Go(func() {
				for {
					n := next.Add(1)
					if n > uint64(cycles) || t.Failed() {
						return
					}
					// TCP's ports are few: it gets one cycle in eight.
					listener := ln
					if n%8 == 0 {
						listener = tcp
					}
					if err := cycle(listener.Addr(), n); err != nil {
						t.Errorf("cycle %d: %v", n, err)
						return
					}
				}
			})
		}
		clients.Wait()
		close(over)
		writers.Wait()
		if n := r.again.Load(); n < int64(cycles)/2 {
			t.Errorf("only %d of %d connections had a descriptor that was used before", n, cycles)
		}
		if r.late.Load() == 0 || r.wrote.Load() == 0 {
			t.Errorf("%d writes after the end and %d before: the test shows nothing", r.late.Load(), r.wrote.Load())
		}
		t.Logf("%d cycles, %d descriptors used again, %d writes, %d after the end", cycles, r.again.Load(), r.wrote.Load(), r.late.Load())
		cycles = 1_000
	})
}

// cycle connects, checks every byte that it gets, and ends the connection in one of
// four ways.
func cycle(to net.Addr, n uint64) error {
	c, err := net.Dial(to.Network(), to.String())
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		if err := tcp.SetLinger(0); err != nil { // no port is to linger
			return err
		}
	}
	var tag [tagSize]byte
	binary.NativeEndian.PutUint64(tag[:], n)
	if _, err := c.Write(tag[:]); err != nil {
		return err
	}
	check := mine{tag: tag}
	if err := check.read(c, tagSize); err != nil {
		return err
	}
	switch n % 4 {
	case 0: // it goes without a word
		return nil
	case 1: // it has seen some more, of the writers or not
		if _, err := c.Write([]byte("e")); err != nil {
			return err
		}
		return check.read(c, tagSize)
	case 2:
		_, err = c.Write([]byte("c"))
	case 3:
		_, err = c.Write([]byte("a"))
	}
	if err != nil {
		return err
	}
	for err == nil {
		err = check.read(c, 1)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}

// mine checks that a stream is a tag again and again.
type mine struct {
	tag [tagSize]byte
	got int
}

// read reads at least n bytes.
func (m *mine) read(c net.Conn, n int) error {
	var buf [256]byte
	k, err := io.ReadAtLeast(c, buf[:], n)
	for _, b := range buf[:k] {
		if want := m.tag[m.got%tagSize]; b != want {
			return fmt.Errorf("byte %d is %#x, want %#x: it is somebody else's", m.got, b, want)
		}
		m.got++
	}
	return err
}
