//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

func TestEchoReturnsEveryByte(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		_, ln, _ := serve(t, o, echo)
		var wg sync.WaitGroup
		for i := range 8 {
			c := dial(t, ln)
			wg.Go(func() { echoStream(t, c, 1<<20, rand.NewChaCha8([32]byte{byte(i)})) })
		}
		wg.Wait()
	})
}

// echoStream sends size random bytes in pieces of random length, ends its side
// of the connection, and checks that all of them come back before the end of the
// other side, as with nc -N.
func echoStream(t *testing.T, c *net.TCPConn, size int, random *rand.ChaCha8) {
	sent := sha256.New()
	go func() {
		buf := make([]byte, 64<<10)
		rnd := rand.New(random)
		for left := size; left > 0; {
			p := buf[:min(left, 1+rnd.IntN(len(buf)))]
			_, _ = random.Read(p) // never fails
			if _, err := c.Write(p); err != nil {
				t.Errorf("after %d bytes: %v", size-left, err)
				break
			}
			sent.Write(p)
			left -= len(p)
		}
		if err := c.CloseWrite(); err != nil {
			t.Error(err)
		}
	}()
	got := sha256.New()
	n, err := io.Copy(got, c)
	if err != nil || n != int64(size) {
		t.Errorf("got %d bytes and %v, want %d", n, err, size)
	} else if !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
		t.Error("the bytes differ")
	}
}

func TestDataKeepsWhatWasNotUsed(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		// The handler uses whole lines only and answers each with its length.
		lines := handler{data: func(c *Conn, p []byte) (used int) {
			for {
				i := bytes.IndexByte(p[used:], '\n')
				if i < 0 {
					return used
				}
				fmt.Fprintf(c, "%d\n", i)
				used += i + 1
			}
		}}
		_, ln, _ := serve(t, o, lines)
		c := dial(t, ln)
		for _, piece := range []string{"a", "bc\n", "\n\nxyz", "1", "2\nlast", strings.Repeat("y", 100000), "\n"} {
			if _, err := io.WriteString(c, piece); err != nil {
				t.Fatal(err)
			}
		}
		expect(t, c, "3\n0\n0\n5\n100004\n")
		onLoop(t, ln.acceptors[0].loop, func() {
			for _, conn := range ln.acceptors[0].loop.conns {
				if conn.in != nil {
					t.Errorf("a connection with nothing left over holds a buffer of %d bytes", cap(conn.in.buf))
				}
			}
		})
	})
}

func TestReadLimit(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.ReadLimit = 1000
		closed := make(chan error, 1)
		_, ln, _ := serve(t, o, handler{
			data:   func(*Conn, []byte) int { return 0 },
			closed: func(_ *Conn, err error) { closed <- err },
		})
		c := dial(t, ln)
		if _, err := c.Write(make([]byte, 1001)); err != nil {
			t.Fatal(err)
		}
		if err := receive(t, closed); !errors.Is(err, ErrReadLimit) {
			t.Errorf("Closed got %v, want ErrReadLimit", err)
		}
		expectEnd(t, c)
	})
}

// countWrites makes a trace hook that counts write calls by descriptor.
func countWrites(calls *sync.Map) *sys.Hooks {
	return &sys.Hooks{Trace: func(c sys.Call) {
		if c.Op == sys.OpWrite || c.Op == sys.OpWritev {
			n, _ := calls.LoadOrStore(c.FD, new(atomic.Int64))
			n.(*atomic.Int64).Add(1)
		}
	}}
}

func TestWritesOfACallbackGoOutInOneCall(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		fd := make(chan int, 1)
		_, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) { fd <- int(c.fd) },
			data: func(c *Conn, p []byte) int {
				for i := range p {
					_, _ = c.Write(p[i : i+1])
				}
				return len(p)
			},
		})
		c := dial(t, ln)
		server := receive(t, fd)
		var calls sync.Map
		hook(t, countWrites(&calls))
		roundTrip(t, c, "sixteen requests")
		onLoop(t, ln.acceptors[0].loop, func() {}) // the hook is told after the call
		n, _ := calls.Load(server)
		if got := n.(*atomic.Int64).Load(); got != 1 {
			t.Errorf("16 writes of a callback made %d system calls, want 1", got)
		}
	})
}

func TestABurstToOthersIsOneCallAMember(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		members := map[*Conn]bool{}
		joined := make(chan int, 8)
		_, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) { members[c] = true; joined <- int(c.fd) },
			data: func(_ *Conn, p []byte) int {
				for line := range bytes.Lines(p) {
					for m := range members {
						_, _ = m.Write(line)
					}
				}
				return len(p)
			},
			closed: func(c *Conn, _ error) { delete(members, c) },
		})
		var clients []net.Conn
		var fds []int
		for range 5 {
			clients = append(clients, dial(t, ln))
			fds = append(fds, receive(t, joined))
		}
		var calls sync.Map
		hook(t, countWrites(&calls))
		const burst = "one\ntwo\nthree\nfour\n"
		if _, err := io.WriteString(clients[0], burst); err != nil {
			t.Fatal(err)
		}
		for _, c := range clients {
			expect(t, c, burst)
		}
		onLoop(t, ln.acceptors[0].loop, func() {}) // the hook is told after the call
		for _, fd := range fds {
			n, _ := calls.Load(fd)
			if got := n.(*atomic.Int64).Load(); got != 1 {
				t.Errorf("a burst of 4 lines made %d system calls to fd %d, want 1", got, fd)
			}
		}
	})
}

func TestOrderOfSmallAndLargeWrites(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		var want bytes.Buffer
		sizes := []int{1, 100, directSize - 1, directSize, 3, 3 * directSize, 64 << 10, 1, 1}
		for i, n := range sizes {
			want.WriteString(strings.Repeat(string(rune('a'+i)), n))
		}
		_, ln, _ := serve(t, o, handler{data: func(c *Conn, p []byte) int {
			rest := want.Bytes()
			for _, n := range sizes {
				if _, err := c.Write(rest[:n]); err != nil {
					t.Error(err)
				}
				rest = rest[n:]
			}
			return len(p)
		}})
		c := dial(t, ln)
		if _, err := io.WriteString(c, "go"); err != nil {
			t.Fatal(err)
		}
		expect(t, c, want.String())
	})
}

// smallBuffers makes the socket of c take as little as the kernel allows.
func smallBuffers(t *testing.T, c *Conn) {
	if errno := sys.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 1); errno != 0 {
		t.Error(errno)
	}
}

func TestPartialWrites(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		var partial atomic.Int64
		_, ln, _ := serve(t, o, handler{opened: func(c *Conn) { smallBuffers(t, c) }, data: echo.data})
		hook(t, &sys.Hooks{Trace: func(c sys.Call) {
			var pieces, asked int
			switch c.Op {
			case sys.OpWrite:
				_, _ = fmt.Sscan(c.Args, &asked) // left 0, it fails the test below
			case sys.OpWritev:
				_, _ = fmt.Sscanf(c.Args, "%d pieces, %d bytes", &pieces, &asked)
			}
			if c.Result > 0 && c.Result < asked {
				partial.Add(1)
			}
		}})
		echoStream(t, dial(t, ln), 4<<20, rand.NewChaCha8([32]byte{}))
		if partial.Load() == 0 {
			t.Error("no write was cut short: the test shows nothing")
		}
	})
}

func TestAPeerThatNeverReadsIsNotReadFrom(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.HighWater, o.LowWater = 64<<10, 16<<10
		conn := make(chan *Conn, 1)
		_, ln, _ := serve(t, o, handler{opened: func(c *Conn) { smallBuffers(t, c); conn <- c }, data: echo.data})
		c := dial(t, ln)
		if err := c.SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		server := receive(t, conn)
		const size = 4 << 20
		sent := make(chan error, 1)
		go func() {
			_, err := c.Write(make([]byte, size))
			sent <- err
		}()
		// The server stops reading in the end, for good.
		choked := make(chan struct{})
		var look func()
		look = func() {
			if server.choked {
				close(choked)
			} else if err := server.Post(look); err != nil {
				t.Error(err)
			}
		}
		if err := server.Post(look); err != nil {
			t.Fatal(err)
		}
		receive(t, choked)
		onLoop(t, server.Loop(), func() {
			if most := o.HighWater + readSize; server.Buffered() > most {
				t.Errorf("%d bytes wait for a peer that does not read, want at most %d", server.Buffered(), most)
			}
		})
		// And goes on when the peer reads.
		if n, err := io.CopyN(io.Discard, c, size); err != nil {
			t.Errorf("got %d bytes back and %v, want %d", n, err, size)
		}
		if err := receive(t, sent); err != nil {
			t.Error(err)
		}
		onLoop(t, server.Loop(), func() {
			if server.choked || server.blocked || server.interest != iomux.Readable || server.out.head != nil {
				t.Errorf("when all is sent: choked %v, blocked %v, interest %v", server.choked, server.blocked, server.interest)
			}
		})
	})
}

func TestWriteLimit(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		closed := make(chan error, 1)
		_, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) {
				p := make([]byte, 100<<10)
				var err error
				for range 1000 {
					if _, err = c.Write(p); err != nil {
						break
					}
				}
				if !errors.Is(err, ErrWriteLimit) {
					t.Errorf("Write says %v, want ErrWriteLimit", err)
				}
				if _, err := c.Write(p); !errors.Is(err, ErrClosed) || !errors.Is(err, net.ErrClosed) {
					t.Errorf("the next Write says %v, want ErrClosed", err)
				}
				if c.Buffered() != 0 {
					t.Errorf("a connection that has ended holds %d bytes", c.Buffered())
				}
			},
			closed: func(_ *Conn, err error) { closed <- err },
		})
		dial(t, ln)
		if err := receive(t, closed); !errors.Is(err, ErrWriteLimit) {
			t.Errorf("Closed got %v, want ErrWriteLimit", err)
		}
	})
}

func TestPauseReading(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		conn, data := make(chan *Conn, 1), make(chan string, 10)
		_, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) { c.PauseReading(); conn <- c },
			data:   func(_ *Conn, p []byte) int { data <- string(p); return len(p) },
		})
		c := dial(t, ln)
		server := receive(t, conn)
		if _, err := io.WriteString(c, "early"); err != nil {
			t.Fatal(err)
		}
		// Two turns of the loop, in which it would have been read.
		onLoop(t, server.Loop(), func() {})
		onLoop(t, server.Loop(), func() {
			if len(data) != 0 {
				t.Error("a paused connection was read")
			}
			if server.interest != 0 {
				t.Errorf("a paused connection is watched for %v", server.interest)
			}
			server.ResumeReading()
		})
		if got := receive(t, data); got != "early" {
			t.Errorf("got %q", got)
		}
	})
}

func TestAddressesOfAConnection(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		type pair struct{ local, remote net.Addr }
		open, closed := make(chan pair, 1), make(chan pair, 1)
		ofConn := func(c *Conn) pair { return pair{c.LocalAddr(), c.RemoteAddr()} }
		var conn *Conn
		_, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) { conn = c; open <- ofConn(c) },
			closed: func(c *Conn, _ error) { closed <- ofConn(c) },
		})
		c := dial(t, ln)
		want := pair{c.RemoteAddr(), c.LocalAddr()}
		for _, ch := range []chan pair{open, closed} {
			if got := receive(t, ch); got.local.String() != want.local.String() || got.remote.String() != want.remote.String() {
				t.Errorf("got %v, want %v", got, want)
			}
			if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Fatal(err)
			}
		}
		onLoop(t, conn.Loop(), func() {
			if conn.LocalAddr() != nil || conn.RemoteAddr().String() != want.remote.String() {
				t.Errorf("after the end: %v, %v", conn.LocalAddr(), conn.RemoteAddr())
			}
		})
	})
}

// A peer that resets, half-sends or sends nothing ends only its own connection.
func TestBadPeersHarmNobody(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		var opened, closed atomic.Int64
		_, ln, _ := serve(t, o, handler{
			opened: func(*Conn) { opened.Add(1) },
			data:   echo.data,
			closed: func(*Conn, error) { closed.Add(1) },
		})
		honest := dial(t, ln)
		roundTrip(t, honest, "before")
		for i := range 200 {
			c := dial(t, ln)
			switch i % 4 {
			case 0, 1: // a reset, with and without something sent
				if i%4 == 1 {
					if _, err := c.Write(make([]byte, 100000)); err != nil {
						t.Fatal(err)
					}
				}
				if err := c.SetLinger(0); err != nil {
					t.Fatal(err)
				}
			case 2: // half a message, unread
				if _, err := c.Write([]byte("half")); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			roundTrip(t, honest, "still here")
		}
		for closed.Load() < opened.Load()-1 || closed.Load() < 150 { // resets may precede accept
			runtime.Gosched()
		}
		roundTrip(t, honest, "after")
	})
}
