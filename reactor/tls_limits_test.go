//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// A client that reads slowly is waited for: what waits stays in bounds, its own input
// is not read meanwhile, and all arrives.
func TestTLSBackpressure(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		for high, size := range map[int]int{256 << 10: 16 << 20, 20_000: 1 << 20} {
			o.HighWater, o.LowWater = high, high/2
			most := 0
			g, ln, _ := serveTLS(t, o, handler{data: func(c *Conn, p []byte) int {
				n := echo.data(c, p)
				most = max(most, c.Buffered())
				return n
			}}, serverTLS())
			c := dialTLS(t, ln, client)
			p := random(size)
			go func() {
				_, _ = c.Write(p) // the sum tells
				_ = c.CloseWrite()
			}()
			if l := g.loops[0]; size > 10<<20 { // else the kernel may hold all of it
				await(t, g, func() bool { return len(l.conns) == 1 && l.conns[0].choked })
			}
			h := sha256.New()
			n, err := io.Copy(h, c)
			if n != int64(size) || err != nil || [32]byte(h.Sum(nil)) != sha256.Sum256(p) {
				t.Errorf("%d bytes came back, and not the same, %v", n, err)
			}
			onLoop(t, g.loops[0], func() {
				// One read's worth may come on top of the mark.
				if limit := high + 2*readSize; most > limit {
					t.Errorf("%d bytes waited, want at most %d", most, limit)
				}
			})
		}
	})
}

// Of a Write beyond the limit, with a peer that takes nothing, the policy decides.
func TestTLSWriteLimit(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		o.HighWater, o.LowWater, o.WriteLimit = 50_000, 10_000, 100_000
		for _, overflow := range []Overflow{CloseSlow, Refuse} {
			o.Overflow = overflow
			ends, refused, told := make(chan error, 1), make(chan int, 1), make(chan struct{}, 1)
			g, ln, _ := serveTLS(t, o, drained{
				handler: handler{
					opened: func(c *Conn) {
						sent := 0
						for {
							n, err := c.Write(make([]byte, 1000))
							if err != nil {
								if n != 0 || !errors.Is(err, ErrWriteLimit) {
									t.Errorf("Write: %d, %v", n, err)
								}
								break
							}
							sent += n
							if c.Buffered() > o.WriteLimit+o.WriteLimit/20 {
								t.Fatalf("%d bytes wait", c.Buffered())
							}
						}
						refused <- sent
					},
					closed: func(_ *Conn, err error) { ends <- err },
				},
				drained: func(c *Conn) {
					_, _ = io.WriteString(c, "and now")
					c.Close()
					told <- struct{}{}
				},
			}, serverTLS())
			c := dialTLS(t, ln, client)
			sent := receive(t, refused)
			if overflow == CloseSlow {
				if err := receive(t, ends); !errors.Is(err, ErrWriteLimit) {
					t.Errorf("closed with %v", err)
				}
				continue
			}
			all, err := io.ReadAll(c)
			if want := string(make([]byte, sent)) + "and now"; err != nil || string(all) != want {
				t.Errorf("%d bytes came, want %d, %v", len(all), len(want), err)
			}
			receive(t, told)
			_ = c.Close()
			if err := receive(t, ends); err != nil {
				t.Errorf("closed with %v", err)
			}
			settle(t, g)
		}
	})
}

// A Write larger than everything goes as far as the kernel takes it.
func TestTLSLargeWrite(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		const size = 300_000
		o.HighWater, o.LowWater, o.WriteLimit = 1000, 500, size
		_, ln, _ := serveTLS(t, o, handler{opened: func(c *Conn) {
			if n, err := c.Write(random(size)); n != size || err != nil {
				t.Errorf("Write: %d, %v", n, err)
			}
			c.Close()
		}}, serverTLS())
		if all, err := io.ReadAll(dialTLS(t, ln, client)); err != nil || !bytes.Equal(all, random(size)) {
			t.Errorf("%d bytes came, %v", len(all), err)
		}

		for _, overflow := range []Overflow{CloseSlow, Refuse} { // which does not refuse what has been begun
			o.Overflow = overflow
			ends := make(chan error, 1)
			_, ln, _ = serveTLS(t, o, handler{
				opened: func(c *Conn) {
					if n, err := c.Write(make([]byte, 16<<20)); n != 0 || !errors.Is(err, ErrWriteLimit) {
						t.Errorf("Write: %d, %v", n, err)
					}
				},
				closed: func(_ *Conn, err error) { ends <- err },
			}, serverTLS())
			dialTLS(t, ln, client)
			if err := receive(t, ends); !errors.Is(err, ErrWriteLimit) {
				t.Errorf("closed with %v", err)
			}
		}
	})
}

// While a handler does not want to read, no more is decrypted than it was given, and
// what has come waits in bounds; then all of it comes, and the end of file too.
func TestTLSPause(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		var got bytes.Buffer
		conns, ends := make(chan *Conn, 1), make(chan error, 1)
		g, ln, _ := serveTLS(t, o, handler{
			opened: func(c *Conn) { conns <- c },
			data: func(c *Conn, p []byte) int {
				if c.paused {
					t.Error("Data was called in a pause")
				}
				n := (len(p) + 1) / 2
				got.Write(p[:n])
				c.PauseReading()
				return n
			},
			closed: func(_ *Conn, err error) { ends <- err },
		}, serverTLS())
		l := g.loops[0]
		c := dialTLS(t, ln, client)
		conn := receive(t, conns)
		text := random(300_000)
		go func() {
			for p := range bytes.SplitAfterSeq(text, []byte{0}) { // records of many sizes
				_, _ = c.Write(p)
			}
			if client.MaxVersion == tls.VersionTLS13 {
				_ = c.CloseWrite()
			} else {
				_ = c.Close() // with the socket's end behind close_notify
			}
		}()
		for end := false; !end; {
			onLoop(t, l, func() {
				if s := conn.service.tls; s.kept != nil && len(s.kept.buf) > readSize+maxRecord {
					t.Errorf("%d bytes of ciphertext wait", len(s.kept.buf))
				}
				if conn.in != nil && len(conn.in.buf) > readSize { // half of two reads

					t.Errorf("%d bytes of plaintext wait", len(conn.in.buf))
				}
				conn.ResumeReading()
			})
			select {
			case err := <-ends:
				if end = true; !errors.Is(err, io.EOF) {
					t.Errorf("closed with %v, want io.EOF", err)
				}
			default:
			}
		}
		if !bytes.Equal(got.Bytes(), text) {
			t.Errorf("got %d bytes, and not the same", got.Len())
		}
		if n := g.memory.Load(); n != 0 {
			t.Errorf("%d bytes of memory count that are gone", n)
		}
	})
}

// What comes with the last message of the handshake, and is not wanted at once, is not
// lost: not when reading goes on, nor when the loop is to end at that moment.
func TestTLSPauseAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, drain := range []bool{false, true} {
			conns := make(chan *Conn, 1)
			g, ln, _ := serveTLS(t, o, half{
				handler: handler{
					opened: func(c *Conn) { c.PauseReading(); conns <- c },
					data:   echo.data,
				},
				halfClosed: func(c *Conn) {
					if !drain { // which does not wait for that
						c.Close()
					}
				},
			}, serverTLS())
			raw := &tap{TCPConn: dial(t, ln)}
			raw.onRead = func() { raw.hold = true } // what it sends once it has its answer
			c := tls.Client(raw, clientTLS())       // of 1.3, whose client may speak first
			if err := c.Handshake(); err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, "the first word")
			_ = c.CloseWrite() // which lets nothing be written any more
			if err := raw.SetWriteDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			_, _ = raw.TCPConn.Write(raw.held)
			conn := receive(t, conns)
			goOn := standStill(t, g.loops[0])
			down := make(chan error, 1)
			_ = conn.Loop().Post(conn.ResumeReading) // not conn.Post, which would have it settled before the drain
			if drain {
				go func() { down <- g.Shutdown(t.Context()) }()
				for !shuttingDown(g) {
					time.Sleep(time.Millisecond)
				}
			}
			goOn()
			orderly(t, c, raw, "the first word")
			_ = raw.Close()
			if drain {
				if err := receive(t, down); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// shuttingDown reports whether Shutdown has told the loops.
func shuttingDown(g *Group) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// Ciphertext that waits counts as memory that a connection holds.
func TestTLSMemoryLimit(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.MemoryLimit = 10_000
		ends := make(chan error, 1)
		g, ln, _ := serveTLS(t, o, handler{closed: func(_ *Conn, err error) { ends <- err }}, serverTLS())
		c, raw := tapped(t, ln, clientTLS())
		greet(t, g, c)
		conn := g.loops[0].conns[0]
		_, _ = raw.Write([]byte{23, 3, 3, 64, 10}) // the head of a long record
		_, _ = raw.Write(make([]byte, 1000))
		await(t, g, func() bool {
			s := g.loops[0].conns[0].service.tls
			return s.kept != nil && len(s.kept.buf) == 1005
		})
		settle(t, g)
		if n := g.memory.Load(); n != 4096 {
			t.Errorf("%d bytes are counted, want a page", n)
		}
		_, _ = raw.Write(make([]byte, 15_000)) // the buffer grows beyond the limit
		expectEnd(t, c)
		if err := receive(t, ends); !errors.Is(err, ErrMemoryLimit) {
			t.Errorf("closed with %v", err)
		}
		if s := conn.service.tls; g.memory.Load() != 0 || s.kept != nil || s.plain != nil {
			t.Errorf("%d bytes of memory count that are gone, or are not: %v", g.memory.Load(), s.kept)
		}
	})
}

// greet says a word, and waits until it is heard.
func greet(t *testing.T, g *Group, c *tls.Conn) {
	t.Helper()
	_, _ = io.WriteString(c, "x")
	await(t, g, func() bool { return len(g.loops[0].conns) == 1 && g.loops[0].conns[0].greeted })
}

// The rest of a record is waited for as the rest of a message is: more bytes of it do
// not extend the time, a record does, and so does a pause of this side.
func TestTLSReadTimeout(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		clock := &fakeClock{now: time.Unix(1_000_000, 0)}
		o.clock, o.Timeouts = clock.read, Timeouts{Read: 4 * time.Second}
		ends := make(chan error, 1)
		got := ""
		asked := 0
		g, ln, _ := serveTLS(t, o, asks{
			handler{
				data:   func(_ *Conn, p []byte) int { got += string(p); return len(p) },
				closed: func(_ *Conn, err error) { ends <- err },
			},
			func(*Conn, Timeout) bool { asked++; return asked == 1 },
		}, serverTLS())
		l := g.loops[0]
		c, raw := tapped(t, ln, clientTLS())
		greet(t, g, c)
		clock.pass(t, l, time.Hour) // nothing is unfinished
		raw.hold = true
		_, _ = io.WriteString(c, "one")
		one := raw.held
		raw.held = nil
		_, _ = io.WriteString(c, "two")
		two := raw.held

		conn := l.conns[0]
		kept := func(n int) func() bool {
			return func() bool { s := conn.service.tls; return s.kept != nil && len(s.kept.buf) == n }
		}
		alive := func(when string) {
			t.Helper()
			select {
			case err := <-ends:
				t.Fatalf("%s: closed early with %v", when, err)
			default:
			}
		}
		_, _ = raw.TCPConn.Write(one[:5])
		await(t, g, kept(5))
		clock.pass(t, l, 3*time.Second)
		_, _ = raw.TCPConn.Write(append(one[5:], two[:4]...))
		await(t, g, kept(4))
		if got != "xone" {
			t.Errorf("got %q", got)
		}
		clock.pass(t, l, 4*time.Second-1)
		alive("behind a record")
		onLoop(t, l, conn.PauseReading)
		clock.pass(t, l, time.Hour)
		alive("in a pause")
		onLoop(t, l, conn.ResumeReading)
		settle(t, g)
		for i := range 3 {
			clock.pass(t, l, time.Second)
			_, _ = raw.TCPConn.Write(two[4+i : 5+i])
			await(t, g, kept(5+i))
		}
		clock.pass(t, l, time.Second-1)
		alive("behind a pause")
		clock.pass(t, l, 1) // the handler is asked, and says yes
		clock.pass(t, l, 4*time.Second-1)
		alive("behind the question")
		clock.pass(t, l, 1)
		if err := receive(t, ends); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), string(TimeoutRead)) {
			t.Errorf("closed with %v", err)
		}
	})
}

// A peer that takes nothing is given up by the Write timeout, one that is silent by
// the Idle timeout, and the handler may be asked before.
func TestTLSTimeouts(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, which := range []Timeout{TimeoutIdle, TimeoutWrite} {
			clock := &fakeClock{now: time.Unix(1_000_000, 0)}
			o.clock = clock.read
			o.Timeouts = Timeouts{Idle: 5 * time.Second}
			if which == TimeoutWrite {
				o.Timeouts = Timeouts{Write: 5 * time.Second}
			}
			ends, opened := make(chan error, 1), make(chan struct{}, 1)
			asked := 0
			g, ln, _ := serveTLS(t, o, asks{
				handler: handler{
					opened: func(c *Conn) {
						for which == TimeoutWrite && c.Buffered() < 500_000 {
							_, _ = c.Write(make([]byte, 100_000))
						}
						opened <- struct{}{}
					},
					closed: func(_ *Conn, err error) { ends <- err },
				},
				keep: func(_ *Conn, w Timeout) bool {
					if w != which {
						t.Errorf("asked about %s", w)
					}
					asked++
					return asked == 1
				},
			}, serverTLS())
			l := g.loops[0]
			dialTLS(t, ln, clientTLS())
			receive(t, opened)
			settle(t, g)         // so that its time runs
			for len(ends) == 0 { // while the kernels still move some output, the time begins anew
				clock.pass(t, l, 5*time.Second-1)
				if n := len(ends); which == TimeoutIdle && n > 0 {
					t.Fatalf("closed early with %v", <-ends)
				}
				clock.pass(t, l, 1)
			}
			onLoop(t, l, func() {
				if asked != 2 {
					t.Errorf("%s: asked %d times, want 2", which, asked)
				}
			})
			if err := receive(t, ends); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), string(which)) {
				t.Errorf("%s: closed with %v", which, err)
			}
		}
	})
}

// asks is a Handler that is asked about timeouts.
type asks struct {
	handler
	keep func(c *Conn, which Timeout) bool
}

func (a asks) TimedOut(c *Conn, which Timeout) bool { return a.keep(c, which) }

// Straight-line handlers work over TLS as over TCP.
func TestTLSBlocking(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		states := make(chan *tls.ConnectionState, 2)
		g, ln, _ := serveTLS(t, o, Blocking(func(s *Stream) error {
			states <- s.TLS()
			return answerLines(s)
		}), serverTLS())
		a, b := dialTLS(t, ln, client), dialTLS(t, ln, client)
		for i := range 3 {
			for _, c := range []*tls.Conn{a, b} { // each waits while the other is served
				_, _ = io.WriteString(c, "hel")
				settle(t, g)
				_, _ = fmt.Fprintf(c, "lo %d\nnext", i)
				expect(t, c, fmt.Sprintf("[hello %d]\n", i))
				_, _ = io.WriteString(c, "\n")
				expect(t, c, "[next]\n")
			}
		}
		if s := receive(t, states); s == nil || s.Version != client.MaxVersion {
			t.Errorf("the handler sees %+v", s)
		}
		_, _ = io.WriteString(a, "last")
		_ = a.CloseWrite()
		expectEnd(t, a) // no newline, no answer
	})
}

// What is larger than every buffer goes both ways through a Stream, and pauses of the
// coroutine lose nothing.
func TestTLSBlockingWithLittleRoom(t *testing.T) {
	const size = 2 << 20
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		o.HighWater, o.LowWater, o.WriteLimit = 32<<10, 8<<10, 32<<10
		sum := make(chan [32]byte, 1)
		_, ln, _ := serveTLS(t, o, Blocking(func(s *Stream) error {
			h := sha256.New()
			p := make([]byte, 70_000)
			for n := 0; n < size; {
				k, err := s.Read(p[:min(len(p), size-n)])
				if err != nil {
					return err
				}
				h.Write(p[:k])
				if n += k; n%3 == 0 {
					_ = s.Sleep(time.Microsecond)
				}
			}
			sum <- [32]byte(h.Sum(nil))
			n, err := s.Write(random(size))
			if n != size {
				t.Errorf("wrote %d of %d: %v", n, size, err)
			}
			return err
		}), serverTLS())
		c := dialTLS(t, ln, client)
		p := random(size)
		if _, err := c.Write(p); err != nil {
			t.Fatal(err)
		}
		if receive(t, sum) != sha256.Sum256(p) {
			t.Error("what arrived is not what was sent")
		}
		if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, p) {
			t.Errorf("%d bytes came back, %v", len(got), err)
		}
	})
}

// A coroutine for each message, and none in between.
func TestTLSBlockingOnInput(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		g, ln, _ := serveTLS(t, o, BlockingOnInput(func(s *Stream) error {
			var p [4]byte
			if _, err := io.ReadFull(s, p[:]); err != nil {
				return err
			}
			_, err := s.Write(p[:])
			return err
		}), serverTLS())
		c := dialTLS(t, ln, client)
		for range 3 {
			_, _ = io.WriteString(c, "fo")
			settle(t, g)
			_, _ = io.WriteString(c, "ur5678an")
			expect(t, c, "four5678")
			_, _ = io.WriteString(c, "d9")
			expect(t, c, "and9")
			await(t, g, func() bool { return len(g.loops[0].coroutines) == 0 })
		}
	})
}

// A bare end of file wakes a coroutine with what it is.
func TestTLSBlockingBareEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		ends := make(chan error, 1)
		_, ln, _ := serveTLS(t, o, Blocking(func(s *Stream) error {
			all, err := io.ReadAll(s)
			if string(all) != "to the end" {
				t.Errorf("read %q", all)
			}
			ends <- err
			return err
		}), serverTLS())
		c, raw := tapped(t, ln, clientTLS())
		_, _ = io.WriteString(c, "to the end")
		_ = raw.CloseWrite()
		if err := receive(t, ends); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Read: %v, want io.ErrUnexpectedEOF", err)
		}
	})
}

// So do those on goroutines of their own.
func TestTLSThreaded(t *testing.T) {
	const size = 1 << 20
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		_, ln, _ := serveTLS(t, o, Threaded(func(c *NetConn) error {
			_, err := io.Copy(struct{ io.Writer }{c}, c)
			return err
		}), serverTLS())
		c, raw := tapped(t, ln, client)
		p := random(size)
		go func() {
			_, _ = c.Write(p) // what comes back tells
			_ = c.CloseWrite()
		}()
		orderly(t, c, raw, string(p))
	})
}
