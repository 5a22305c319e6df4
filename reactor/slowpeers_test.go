//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A client sends a hundred mebibytes to an echo server and does not read: what waits
// for it stays within the high mark and one read, it costs no turn, and all comes
// back when it begins to read, the server reading on at the low mark: B2.
func TestAHundredMebibytesUnread(t *testing.T) {
	const total = 100 << 20
	everywhere(t, func(t *testing.T, o Options) {
		most, drains := 0, 0
		conns := make(chan *Conn, 1)
		g, _, _ := serve(t, o, NopHandler{})
		ln := listenAt(t, g, "tcp://127.0.0.1:0", drained{
			handler: handler{
				opened: func(c *Conn) { conns <- c },
				data: func(c *Conn, p []byte) int {
					if c.choked {
						t.Error("read from while too much waits")
					}
					_, _ = c.Write(p) // the client counts
					most = max(most, c.Buffered())
					return len(p)
				},
			},
			drained: func(c *Conn) {
				drains++
				if low := c.options().LowWater; c.Buffered() > low {
					t.Errorf("Drained with %d bytes waiting, the low mark is %d", c.Buffered(), low)
				}
			},
		}, ListenOptions{Socket: SocketOptions{ReadBuffer: 4 << 20, WriteBuffer: 128 << 10}}) // there is always input, and output goes in parts
		l := g.loops[0]
		client := dial(t, ln)
		conn := receive(t, conns)
		goOn := standStill(t, l)
		sum := crc32.NewIEEE()
		sent := make(chan error, 1)
		go func() {
			piece := make([]byte, 1<<20)
			random := rand.NewChaCha8([32]byte{2})
			for range total / len(piece) {
				_, _ = random.Read(piece) // neither fails
				_, _ = sum.Write(piece)
				if _, err := client.Write(piece); err != nil {
					sent <- err
					return
				}
			}
			sent <- client.CloseWrite()
		}()
		filled(t, conn)
		goOn()
		until(t, l, "the server stops reading", func() bool { return conn.choked && conn.blocked })
		quiet(t, l, 200*time.Millisecond)
		onLoop(t, l, func() {
			if limit := 256<<10 + 64<<10; most > limit {
				t.Errorf("%d bytes waited, want at most %d", most, limit)
			}
			if held := int(g.memory.Load()); held > 256<<10+64<<10+chunkSize+page {
				t.Errorf("%d bytes are held for it", held)
			}
		})
		back := crc32.NewIEEE()
		if n, err := io.Copy(back, client); n != total || err != nil {
			t.Fatalf("%d bytes and %v came back, want %d", n, err, total)
		}
		if err := receive(t, sent); err != nil {
			t.Fatal(err)
		}
		if back.Sum32() != sum.Sum32() {
			t.Error("what came back is not what was sent")
		}
		onLoop(t, l, func() {
			if drains == 0 {
				t.Error("it was never read on: the test shows nothing")
			}
		})
	})
}

// filled waits until the kernel takes no more input for a connection whose loop stands
// still.
func filled(t *testing.T, c *Conn) {
	t.Helper()
	for last, same := 0, 0; same < 20; time.Sleep(time.Millisecond) { // the kernels have no word for it
		if n := inputOf(t, c); n > last {
			last, same = n, 0
		} else if n > 0 {
			same++
		}
	}
}

// quiet fails if the loop makes turns while nothing happens, but for a few of the
// sweep's and of what was still under way.
func quiet(t *testing.T, l *Loop, span time.Duration) {
	t.Helper()
	over := make(chan struct{})
	onLoop(t, l, func() {})
	before := l.Stats().Turns
	onLoop(t, l, func() { l.After(span, func() { close(over) }) })
	receive(t, over)
	if n := l.Stats().Turns - before; n > 10 {
		t.Errorf("%d turns in %v in which nothing happened", n, span)
	}
}

// The peer of a connection that is not read, because too much waits for it, resets:
// that is noticed, soon, without a look at it every turn: B2.
func TestAChokedConnectionNoticesAHangUp(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		conns, ends := make(chan *Conn, 1), make(chan error, 1)
		g, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) { conns <- c },
			data:   echo.data,
			closed: func(_ *Conn, err error) { ends <- err },
		})
		l := g.loops[0]
		client := dial(t, ln)
		conn := receive(t, conns)
		full := make(chan struct{})
		go func() {
			defer close(full)
			for err := error(nil); err == nil; {
				_, err = client.Write(make([]byte, 64<<10)) // until it is reset
			}
		}()
		until(t, l, "the server stops reading", func() bool { return conn.choked && conn.blocked })
		if err := client.SetLinger(0); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		before := l.Stats().Turns
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		if err := receive(t, ends); !errors.Is(err, unix.ECONNRESET) && !errors.Is(err, unix.EPIPE) {
			t.Errorf("closed with %v, want ECONNRESET or EPIPE", err)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("noticed after %v", took)
		}
		if n := l.Stats().Turns - before; n > 50 {
			t.Errorf("%d turns until then", n)
		}
		receive(t, full)
	})
}

// A thousand clients that never read are written to again and again. The loop does
// not wait for any of them: no descriptor of theirs can block, a full one costs no
// system call, and a timer goes on beating: B3.
func TestAThousandStuckClients(t *testing.T) {
	const clients, beats, beat = 1000, 100, 10 * time.Millisecond
	everywhere(t, func(t *testing.T, o Options) {
		stuck := make(chan *Conn, clients)
		g, ln, _ := serve(t, o, handler{opened: func(c *Conn) {
			smallBuffers(t, c)
			for !c.blocked && c.Buffered() < 200<<10 {
				_, _ = c.Write(make([]byte, 32<<10)) // what becomes of it is looked at
			}
			stuck <- c
		}})
		l := g.loops[0]
		for range clients {
			if err := dial(t, ln).SetReadBuffer(2304); err != nil {
				t.Fatal(err)
			}
			receive(t, stuck)
		}
		until(t, l, "all are stuck", func() bool {
			for _, c := range l.conns {
				if !c.blocked {
					c.settle()
					_, _ = c.Write(make([]byte, 32<<10)) // as above
				}
			}
			return !slices.ContainsFunc(l.conns, func(c *Conn) bool { return !c.blocked })
		})
		var late []time.Duration
		over := make(chan struct{})
		var before Stats
		onLoop(t, l, func() {
			for _, c := range l.conns {
				if flags, err := unix.FcntlInt(uintptr(c.fd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
					t.Fatalf("a descriptor that may block: flags %#x, %v", flags, err)
				}
			}
			before = l.counts
			due := l.now() + beat
			var timer *Timer
			timer = l.After(beat, func() {
				late = append(late, l.now()-due)
				for _, c := range l.conns {
					_, _ = c.Write([]byte("heartbeat")) // it waits with the rest
				}
				if len(late) == beats {
					close(over)
					return
				}
				due = l.now() + beat
				timer.Reset(beat)
			})
		})
		receive(t, over)
		onLoop(t, l, func() {
			if n := l.counts.Writes - before.Writes; n > 5*clients { // some may take a last bit, and another
				t.Errorf("%d writes to %d clients that take nothing, in %d beats", n, clients, beats)
			}
			if n := l.counts.Turns - before.Turns; n > 3*beats {
				t.Errorf("%d turns in %d beats", n, beats)
			}
			if n := len(l.conns); n != clients {
				t.Errorf("%d clients are left", n)
			}
		})
		slices.Sort(late)
		t.Logf("a beat of %v is late by %v at most, 99 %% by %v", beat, late[beats-1], late[beats*99/100-1])
		if late[0] < 0 || late[beats*99/100-1] > time.Second { // a second is a machine's load, more is a wait
			t.Errorf("beats are late by %v to %v", late[0], late[beats-1])
		}
	})
}

// What the kernel takes only in small parts arrives whole and in order, on every
// kind of stream, accepted and dialled: B4. The test is void with less than a
// thousand parts.
func TestPartialWritesOnEveryStream(t *testing.T) {
	const size = 6 << 20
	small := SocketOptions{WriteBuffer: 1} // as little as the kernel allows
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := serve(t, o, NopHandler{})
		l := g.loops[0]
		for _, to := range []struct{ network, where string }{{"tcp", "127.0.0.1:0"}, {"unix", socketPath(t)}} {
			for _, dials := range []bool{false, true} {
				var client net.Conn
				end := func() {}
				if dials {
					far, err := (&net.ListenConfig{Control: tight}).Listen(t.Context(), to.network, to.where)
					if err != nil {
						t.Fatal(err)
					}
					url := to.network + "://" + far.Addr().String()
					if _, err := l.Dial(url, echo, DialOptions{Socket: small}, func(err error) { t.Error(err) }); err != nil {
						t.Fatal(err)
					}
					if client, err = far.Accept(); err != nil {
						t.Fatal(err)
					}
					_ = far.Close() // it has done its work
				} else {
					ln := listenAt(t, g, to.network+"://"+to.where, echo, ListenOptions{Socket: small})
					var err error
					if client, err = (&net.Dialer{Control: tight}).Dial(to.network, ln.Addr().String()); err != nil {
						t.Fatal(err)
					}
					end = ln.Close
				}
				before := l.Stats().Writes
				through(t, client, size)
				if n := l.Stats().Writes - before; n < 1000 { // in one piece, they would be a hundred
					t.Errorf("%s, dialled %v: %d writes: too few to test anything", to.network, dials, n)
				}
				_ = client.Close() // both ends have ended
				end()
			}
		}
	})
}

// tight makes a socket take little at a time, in small segments: the loopback's of
// 64 KiB would go out whole, whatever the buffers are.
func tight(network, _ string, c syscall.RawConn) error {
	var errno error
	err := c.Control(func(fd uintptr) {
		if errno = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10); errno == nil && network != "unix" {
			errno = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 536)
		}
	})
	return errors.Join(err, errno)
}

// through sends random bytes to an echo server, takes what comes back in small
// pieces, and wants it to be the same.
func through(t *testing.T, c net.Conn, size int) {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(6 * patience)); err != nil {
		t.Fatal(err)
	}
	there, back := sha256.New(), sha256.New()
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.MultiWriter(c, there), io.LimitReader(rand.NewChaCha8([32]byte{4}), int64(size)))
		if err == nil {
			err = c.(interface{ CloseWrite() error }).CloseWrite()
		}
		sent <- err
	}()
	buf := make([]byte, 4000)
	for err := error(nil); !errors.Is(err, io.EOF); {
		var n int
		n, err = c.Read(buf[:1+rand.IntN(len(buf))])
		_, _ = back.Write(buf[:n]) // never fails
		if size -= n; err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	if err := receive(t, sent); err != nil {
		t.Error(err)
	}
	if size != 0 || !bytes.Equal(there.Sum(nil), back.Sum(nil)) {
		t.Errorf("%d bytes are missing, or bytes differ", size)
	}
}
