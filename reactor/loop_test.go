//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// life records what a handler was told of one connection.
type life struct {
	mu    sync.Mutex
	calls []string
	end   chan error // gets what Closed got
}

func (l *life) add(call string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, call)
}

func (l *life) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

// A connection can be closed from anywhere on its loop, and more than once:
// Closed comes once and last.
func TestCloseFromEverywhere(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, where := range []string{"Opened", "Data", "Closed", "posted", "loop posted", "other", "peer"} {
			t.Run(where, func(t *testing.T) {
				l := &life{end: make(chan error, 10)}
				conns := make(chan *Conn, 10)
				twice := func(c *Conn) { c.Close(); c.Close() }
				var victim *Conn
				_, ln, _ := serve(t, o, handler{
					opened: func(c *Conn) {
						if victim != nil {
							conns <- c
							return
						}
						victim = c
						l.add("Opened")
						if where == "Opened" {
							twice(c)
						}
						conns <- c
					},
					data: func(c *Conn, p []byte) int {
						if c != victim {
							twice(victim)
							return len(p)
						}
						l.add("Data")
						_, _ = c.Write(p)
						if where == "Data" {
							twice(c)
						}
						return len(p)
					},
					closed: func(c *Conn, err error) {
						if c != victim {
							return
						}
						l.add("Closed")
						twice(c)
						if _, err := c.Write([]byte("late")); !errors.Is(err, ErrClosed) {
							t.Errorf("Write in Closed says %v, want ErrClosed", err)
						}
						l.end <- err
					},
				})
				c := dial(t, ln)
				conn := receive(t, conns)
				want := []string{"Opened", "Closed"}
				switch where {
				case "Data":
					want = []string{"Opened", "Data", "Closed"}
					roundTrip(t, c, "what was written before Close still arrives")
				case "Closed", "peer":
					if err := c.CloseWrite(); err != nil {
						t.Fatal(err)
					}
				case "posted":
					if err := conn.Post(func() { twice(conn) }); err != nil {
						t.Fatal(err)
					}
				case "loop posted":
					if err := conn.Loop().Post(func() { twice(conn) }); err != nil {
						t.Fatal(err)
					}
				case "other":
					other := dial(t, ln)
					receive(t, conns)
					if _, err := io.WriteString(other, "close it"); err != nil {
						t.Fatal(err)
					}
				}
				expectEnd(t, c)
				err := receive(t, l.end)
				if peer := where == "Closed" || where == "peer"; peer != errors.Is(err, io.EOF) || !peer && err != nil {
					t.Errorf("Closed got %v", err)
				}
				onLoop(t, conn.Loop(), func() { twice(conn) }) // long gone
				if got := l.all(); !slices.Equal(got, want) {
					t.Errorf("the handler was told %v, want %v", got, want)
				}
			})
		}
	})
}

// An event of a connection that an earlier callback of the batch closed is not
// delivered, and its descriptor is not closed before the batch is over: a
// connection accepted in between cannot get the number and with it the event.
func TestNoStaleEventInABatch(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		var conns []*Conn
		opened := make(chan struct{}, 10)
		told := 0
		g, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) { conns = append(conns, c); opened <- struct{}{} },
			data: func(c *Conn, p []byte) int {
				told++
				for _, other := range conns {
					if other != c {
						other.finish(nil)
					}
				}
				return len(p)
			},
		})
		clients := []net.Conn{dial(t, ln), dial(t, ln), dial(t, ln)}
		for range clients {
			receive(t, opened)
		}
		var order []string
		onLoop(t, g.loops[0], func() {
			hook(t, &sys.Hooks{Trace: func(c sys.Call) {
				if c.Op != sys.OpRead && c.Op != sys.OpClose {
					return // of any goroutine
				}
				for _, conn := range conns {
					if c.FD == int(conn.fd) {
						order = append(order, string(c.Op))
					}
				}
			}})
			// The loop is here, so all three are ready together next turn.
			for _, c := range clients {
				if _, err := io.WriteString(c, "x"); err != nil {
					t.Error(err)
				}
			}
		})
		alive := make(chan int, 1)
		var look func()
		look = func() {
			if len(g.loops[0].conns) > 1 {
				_ = g.loops[0].Post(look) // the test fails by its patience if the loop has ended
				return
			}
			alive <- told
		}
		if err := g.loops[0].Post(look); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, alive); got != 1 {
			t.Errorf("Data was called %d times, want once: the others were closed before their turn", got)
		}
		onLoop(t, g.loops[0], func() {
			if want := []string{"read", "close", "close"}; !slices.Equal(order, want) {
				t.Errorf("system calls %v, want %v", order, want)
			}
		})
	})
}

func TestAPanicEndsItsConnectionOnly(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, how := range []struct {
			name string
			stop func()
		}{
			{"panic", func() { panic("boom") }},
			{"runtime error", func() { var m map[string]int; m["x"]++ }},
			{"nil panic", func() { panic(nil) }}, // as a handler might
			{"Goexit", runtime.Goexit},
		} {
			for _, where := range []string{"Opened", "Data", "Closed", "Conn.Post", "Loop.Post", "timer"} {
				t.Run(how.name+" in "+where, func(t *testing.T) {
					var armed atomic.Bool
					var victim atomic.Pointer[Conn]
					end := make(chan error, 10)
					at := func(c *Conn, place string) {
						if armed.Load() && place == where {
							armed.Store(false)
							victim.Store(c)
							how.stop()
						}
					}
					conns := make(chan *Conn, 2)
					_, ln, log := serve(t, o, handler{
						opened: func(c *Conn) { conns <- c; at(c, "Opened") },
						data:   func(c *Conn, p []byte) int { at(c, "Data"); return echo.data(c, p) },
						closed: func(c *Conn, err error) {
							if armed.Load() || c == victim.Load() {
								end <- err
							}
							at(c, "Closed")
						},
					})
					honest := dial(t, ln)
					roundTrip(t, honest, "before")
					loop := receive(t, conns).Loop()
					armed.Store(true)
					c := dial(t, ln)
					conn := receive(t, conns)
					switch where {
					case "Data":
						if _, err := io.WriteString(c, "x"); err != nil {
							t.Fatal(err)
						}
					case "Closed":
						if err := c.CloseWrite(); err != nil {
							t.Fatal(err)
						}
					case "Conn.Post":
						if err := conn.Post(func() { at(conn, where) }); err != nil {
							t.Fatal(err)
						}
					case "Loop.Post":
						if err := loop.Post(func() { at(nil, where) }); err != nil {
							t.Fatal(err)
						}
					case "timer":
						onLoop(t, loop, func() { loop.After(0, func() { at(nil, where) }) })
					}
					switch where {
					case "Loop.Post", "timer": // of nobody: all connections live
						roundTrip(t, c, "mine lives too")
					case "Closed":
						expectEnd(t, c)
						receive(t, end)
					default:
						expectEnd(t, c)
						if err := receive(t, end); !errors.Is(err, ErrPanic) {
							t.Errorf("Closed got %v, want ErrPanic", err)
						}
					}
					roundTrip(t, honest, "after")
					onLoop(t, loop, func() {})
					if n := log.count(`level=ERROR msg="handler panicked"`); n != 1 {
						t.Errorf("%d log lines, want 1", n)
					}
				})
			}
		}
	})
}

// Functions posted behind one that panics still run.
func TestAPanicLosesNoPost(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := serve(t, o, NopHandler{})
		ran := make(chan int, 10)
		onLoop(t, g.loops[0], func() { // so that the next turn has all of them
			for i := range 5 {
				if err := g.loops[0].Post(func() { ran <- i; panic(i) }); err != nil {
					t.Error(err)
				}
			}
		})
		for i := range 5 {
			if got := receive(t, ran); got != i {
				t.Errorf("%d ran, want %d", got, i)
			}
		}
	})
}

func TestAWrongCountIsAPanic(t *testing.T) {
	leaktest.Check(t)
	for _, n := range []int{-1, 2} {
		end := make(chan error, 1)
		_, ln, _ := serve(t, Options{Loops: 1}, handler{
			data:   func(*Conn, []byte) int { return n },
			closed: func(_ *Conn, err error) { end <- err },
		})
		if _, err := io.WriteString(dial(t, ln), "x"); err != nil {
			t.Fatal(err)
		}
		if err := receive(t, end); !errors.Is(err, ErrPanic) {
			t.Errorf("Data returned %d for 1 byte: Closed got %v, want ErrPanic", n, err)
		}
	}
}

// Every posted function runs once, in the order of its goroutine, and wake-ups
// are coalesced.
func TestPost(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := serve(t, o, NopHandler{})
		l := g.loops[0]
		const posters, each = 4, 20000
		var wakes atomic.Int64
		hook(t, &sys.Hooks{Trace: func(c sys.Call) {
			if c.Op == sys.OpWrite {
				wakes.Add(1)
			}
		}})
		last := [posters]int{}
		total := 0
		done := make(chan struct{})
		for p := range posters {
			go func() {
				for i := 1; i <= each; i++ {
					err := l.Post(func() {
						if last[p] != i-1 {
							t.Errorf("poster %d: %d came after %d", p, i, last[p])
						}
						last[p] = i
						if total++; total == posters*each {
							close(done)
						}
					})
					if err != nil {
						t.Error(err)
					}
				}
			}()
		}
		receive(t, done)
		if n := wakes.Load(); n > posters*each {
			t.Errorf("%d wake-ups for %d posts", n, posters*each)
		}
	})
}

// A function posted to a loop that is about to park is not left behind.
func TestPostWakesAnIdleLoop(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := serve(t, o, NopHandler{})
		ran := make(chan struct{})
		for range 20000 {
			if err := g.loops[0].Post(func() { ran <- struct{}{} }); err != nil {
				t.Fatal(err)
			}
			receive(t, ran)
		}
	})
}

func TestShutdownDrains(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.WriteLimit = 32 << 20
		const size = 16 << 20 // more than socket buffers hold
		ends := make(chan error, 10)
		conns := make(chan *Conn, 10)
		g, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) { conns <- c },
			data: func(c *Conn, p []byte) int {
				_, _ = c.Write(make([]byte, size))
				return len(p)
			},
			closed: func(_ *Conn, err error) { ends <- err },
		})
		c := dial(t, ln)
		conn := receive(t, conns)
		// What has arrived when Shutdown is called is still handled.
		goOn := standStill(t, conn.Loop())
		if _, err := io.WriteString(c, "x"); err != nil {
			t.Fatal(err)
		}
		down := make(chan error, 1)
		go func() { down <- g.Shutdown(context.Background()) }()
		for g.isOpen() {
			runtime.Gosched()
		}
		goOn()
		if n, err := io.Copy(io.Discard, c); n != size || err != nil {
			t.Errorf("got %d bytes and %v, want all %d that were written", n, err, size)
		}
		if err := receive(t, down); err != nil {
			t.Error(err)
		}
		if err := receive(t, ends); err != nil {
			t.Errorf("Closed got %v, want nil", err)
		}
		if _, err := net.Dial("tcp", ln.Addr().String()); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("connecting afterwards: %v, want ECONNREFUSED", err)
		}
		if err := g.loops[0].Post(func() {}); !errors.Is(err, ErrClosed) {
			t.Errorf("Post afterwards: %v, want ErrClosed", err)
		}
		if err := conn.Post(func() {}); !errors.Is(err, ErrClosed) {
			t.Errorf("Conn.Post afterwards: %v, want ErrClosed", err)
		}
		if _, err := g.Listen("tcp://127.0.0.1:0", NopHandler{}, ListenOptions{}); !errors.Is(err, ErrClosed) {
			t.Errorf("Listen afterwards: %v, want ErrClosed", err)
		}
		if err := g.Shutdown(context.Background()); err != nil {
			t.Errorf("a second Shutdown: %v", err)
		}
		ln.Close()
	})
}

// isOpen reports whether Shutdown has not begun.
func (g *Group) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.closed
}

func TestShutdownForces(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		ends := make(chan error, 1)
		choked := make(chan struct{})
		g, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) {
				for !c.blocked { // until the kernel takes no more
					if _, err := c.Write(make([]byte, 100<<10)); err != nil {
						t.Error(err)
					}
				}
				close(choked)
			},
			closed: func(_ *Conn, err error) { ends <- err },
		})
		dial(t, ln) // and never reads
		receive(t, choked)
		ctx, cancel := context.WithCancel(context.Background())
		down := make(chan error, 1)
		go func() { down <- g.Shutdown(ctx) }()
		for g.isOpen() {
			runtime.Gosched()
		}
		cancel()
		if err := receive(t, down); !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown says %v, want its context's error", err)
		}
		if err := receive(t, ends); !errors.Is(err, ErrForced) {
			t.Errorf("Closed got %v, want ErrForced", err)
		}
	})
}

// A panic while draining does not keep the rest from draining.
func TestAPanicDuringShutdown(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		var n atomic.Int64
		opened := make(chan struct{}, 10)
		g, ln, _ := serve(t, o, handler{
			opened: func(*Conn) { opened <- struct{}{} },
			closed: func(*Conn, error) { n.Add(1); panic("boom") },
		})
		for range 5 {
			dial(t, ln)
			receive(t, opened)
		}
		if err := g.Shutdown(context.Background()); err != nil || n.Load() != 5 {
			t.Errorf("%v, and %d of 5 were closed", err, n.Load())
		}
	})
}

func TestListenAndServe(t *testing.T) {
	leaktest.Check(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := ListenAndServe(ctx, "tcp://127.0.0.1:0", NopHandler{}); err != nil {
		t.Error(err)
	}
	if err := ListenAndServe(ctx, "tcp://127.0.0.1", NopHandler{}); !errors.Is(err, ErrAddress) {
		t.Errorf("got %v, want ErrAddress", err)
	}
}
