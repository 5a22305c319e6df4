//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// answerThreaded is answerLines for a connection of any goroutine.
func answerThreaded(c *NetConn) error {
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c, "[%s]\n", strings.TrimSpace(line)); err != nil {
			return err
		}
	}
}

func TestThreadedReadsAndWrites(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, log := serve(t, o, Threaded(answerThreaded))
		a, b := dial(t, ln), dial(t, ln)
		for i := range 3 {
			for _, c := range []net.Conn{a, b} { // each waits while the other is served
				_, _ = io.WriteString(c, "hel")
				settle(t, g)
				_, _ = fmt.Fprintf(c, "lo %d\nnext", i)
				expect(t, c, fmt.Sprintf("[hello %d]\n", i))
				_, _ = io.WriteString(c, "\n")
				expect(t, c, "[next]\n")
			}
		}
		_, _ = io.WriteString(a, "last")
		_ = a.CloseWrite()
		expectEnd(t, a) // no newline, no answer
		until(t, g.loops[0], "one is closed", func() bool { return len(g.loops[0].conns) == 1 })
		if log.count("served") > 0 {
			t.Error("the end of a connection is in the log as an error")
		}
	})
}

// When serve returns, what it wrote is sent, the connection closed, and an error logged.
func TestThreadedSendsAndCloses(t *testing.T) {
	const size = 3 << 20
	everywhere(t, func(t *testing.T, o Options) {
		goOn := make(chan error)
		g, ln, log := serve(t, o, Threaded(func(c *NetConn) error {
			if _, err := c.Write(make([]byte, size)); err != nil {
				return err
			}
			_, err := io.WriteString(c, "end")
			return errors.Join(err, <-goOn)
		}))
		for _, err := range []error{nil, errors.New("of serve's own"), io.EOF, ErrClosed} {
			c := dial(t, ln)
			k, _ := io.CopyN(io.Discard, c, size)
			expect(t, c, "end")
			goOn <- err
			expectEnd(t, c)
			if k != size {
				t.Errorf("%d bytes came", k)
			}
		}
		until(t, g.loops[0], "all are closed", func() bool { return len(g.loops[0].conns) == 0 })
		if n := log.count("msg=served"); n != 1 || log.count(`err="of serve's own"`) != 1 || log.count("level=ERROR") > 0 {
			t.Errorf("%d errors are in the log, want one at level debug", n)
		}
	})
}

// However serve ends: that is the end of its connection alone, and is logged and counted
// as a panic of a callback's is.
func TestThreadedSurvives(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, way := range ways {
			t.Run(way.name, func(t *testing.T) {
				woken := make(chan error, 2)
				g, ln, log := serve(t, o, Threaded(func(c *NetConn) error {
					one := make([]byte, 1)
					if _, err := c.Read(one); err != nil {
						return err
					}
					if one[0] == 'h' { // of honest
						_, err := io.Copy(c, io.MultiReader(bytes.NewReader(one), c))
						return err
					}
					go func() {
						_, err := c.Read(make([]byte, 1))
						woken <- err
					}()
					parked(t, &c.in.direction, 1)
					way.stop()
					t.Error("it goes on")
					return nil
				}))
				honest := dial(t, ln)
				roundTrip(t, honest, "honest")
				for range 2 {
					c := dial(t, ln)
					_, _ = io.WriteString(c, "x")
					expectEnd(t, c)
					wantClosed(t, "Read", receive(t, woken))
				}
				roundTrip(t, honest, "honest")
				onLoop(t, g.loops[0], func() {})
				if n := g.Stats().Panics; n != 2 {
					t.Errorf("%d panics are counted, want 2", n)
				}
				n, stacks, remotes := log.count(`level=ERROR msg="handler panicked"`), log.count("threaded_test.go"), log.count("remote="+ln.Addr().String()[:10])
				if n != 2 || stacks < 2 || remotes < 2 || log.count("level=ERROR") != 2 {
					t.Errorf("%d lines and %d stacks in the log, want 2", n, stacks)
				}
			})
		}
	})
}

// A panic that comes when the loops have ended is logged too.
func TestThreadedSurvivesTheLoops(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		started, over := make(chan struct{}), make(chan struct{})
		g, ln, log := serve(t, o, Threaded(func(*NetConn) error {
			close(started)
			<-over
			panic("too late")
		}))
		dial(t, ln)
		receive(t, started)
		now, cancel := context.WithCancel(context.Background())
		cancel()
		var forced *ForcedError
		if err := g.Shutdown(now); !errors.As(err, &forced) || forced.Count != 1 {
			t.Errorf("Shutdown: %v", err)
		}
		close(over)
		for end := time.Now().Add(patience); log.count("too late") == 0; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatal("it is not in the log")
			}
		}
	})
}

// No more goroutines run than connections may be, though the connections of some have
// ended; those of the process's own dials do not count.
func TestThreadedIsBounded(t *testing.T) {
	const limit = 3
	everywhere(t, func(t *testing.T, o Options) {
		o.MaxConns = limit
		var running, most atomic.Int32
		started, over := make(chan struct{}, 100), make(chan struct{})
		h := Threaded(func(*NetConn) error {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			started <- struct{}{}
			<-over
			return nil
		})
		g, ln, log := serve(t, o, h)
		l := g.loops[0]
		goOn := sync.OnceFunc(func() { close(over) })
		t.Cleanup(goOn)
		for range limit {
			_ = dial(t, ln).SetLinger(0)
			receive(t, started)
		}
		onLoop(t, l, func() {
			for _, c := range l.conns { // they are gone, and their goroutines are not
				c.Abort()
			}
		})
		until(t, l, "they are gone", func() bool { return len(l.conns) == 0 })
		for range 4 {
			expectEnd(t, dial(t, ln))
		}
		if got := most.Load(); got != limit {
			t.Errorf("%d run at a time, want %d", got, limit)
		}
		onLoop(t, l, func() {}) // the counts are those of the turn before
		if g.Stats().Refused < 4 || log.count("too many connections") < 4 {
			t.Errorf("%d are counted as refused, %d logged", g.Stats().Refused, log.count("too many connections"))
		}
		std, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer std.Close()
		if _, err := l.Dial("tcp://"+std.Addr().String(), h, DialOptions{}, func(err error) { t.Error(err) }); err != nil {
			t.Fatal(err)
		}
		receive(t, started)
		goOn()
		for end := time.Now().Add(patience); running.Load() > 0; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatal("they do not end")
			}
		}
		// There is room again, at the latest when the last has given its place back.
		for end := time.Now().Add(patience); len(started) == 0; {
			expectEnd(t, dial(t, ln))
			if time.Now().After(end) {
				t.Fatal("nobody is let in any more")
			}
		}
	})
}

// Shutdown lets who is at work finish, with all that has arrived, and sends what they
// write; it ends those that wait for input.
func TestThreadedDrains(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		goOn, started := make(chan struct{}), make(chan struct{})
		g, ln, _ := serve(t, o, Threaded(func(c *NetConn) error {
			one := make([]byte, 1)
			if _, err := c.Read(one); err != nil {
				return err
			}
			started <- struct{}{}
			<-goOn
			for {
				if _, err := c.Write(one); err != nil {
					return err
				}
				if _, err := c.Read(one); err != nil {
					return err
				}
			}
		}))
		idle, busy, ended := dial(t, ln), dial(t, ln), dial(t, ln)
		for _, c := range []*net.TCPConn{busy, ended} {
			_, _ = io.WriteString(c, "x")
			receive(t, started)
		}
		_, _ = io.WriteString(busy, "yz")
		_ = ended.CloseWrite()
		until(t, g.loops[0], "there are three", func() bool { return len(g.loops[0].conns) == 3 })
		down := later(func() error { return g.Shutdown(context.Background()) })
		expectEnd(t, idle)
		_ = idle.Close()
		_, _ = io.WriteString(busy, "!")
		close(goOn)
		expect(t, busy, "xyz!")
		expectEnd(t, busy)
		_ = busy.Close()
		expect(t, ended, "x")
		expectEnd(t, ended)
		if err := receive(t, down); err != nil {
			t.Error(err)
		}
	})
}

// floodThreaded is a connection whose goroutine reads only when goOn is closed, and then
// all. So much has arrived that the loop reads no more, and some is in the kernel.
func floodThreaded(t *testing.T, o Options) (g *Group, n *NetConn, c *net.TCPConn, sent int, goOn chan struct{}, got chan int) {
	t.Helper()
	goOn, got = make(chan struct{}), make(chan int, 1)
	conns := make(chan *NetConn, 1)
	g, ln, _ := serve(t, o, Threaded(func(c *NetConn) error {
		conns <- c
		<-goOn
		n, err := io.Copy(io.Discard, c)
		got <- int(n)
		return err
	}))
	c = dial(t, ln)
	n = receive(t, conns)
	until(t, g.loops[0], "it is full, and some in the kernel", func() bool {
		if n.in.full && inputOf(t, n.conn) > 0 {
			return true
		}
		k, err := c.Write(make([]byte, 16<<10))
		sent += k
		return err != nil
	})
	until(t, g.loops[0], "all has arrived", func() bool { return n.in.data.size+inputOf(t, n.conn) == sent })
	return g, n, c, sent, goOn, got
}

// A drain waits for what a busy connection has not read yet, in the kernel too.
func TestThreadedDrainsWhatHasArrived(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, n, c, sent, goOn, got := floodThreaded(t, o)
		down, loopGoesOn := shutdown(t, g)
		loopGoesOn()
		until(t, g.loops[0], "the drain has begun", func() bool { return n.conn.draining })
		close(goOn)
		if k := receive(t, got); k != sent {
			t.Errorf("%d bytes were read, want %d", k, sent)
		}
		expectEnd(t, c)
		_ = c.Close()
		if err := receive(t, down); err != nil {
			t.Error(err)
		}
	})
}

// A drain waits for a Write that waits, though somebody waits for input at the same time.
func TestThreadedDrainsWrites(t *testing.T) {
	const size = 8 << 20
	everywhere(t, func(t *testing.T, o Options) {
		conns, wrote := make(chan *NetConn, 1), make(chan outcomeOf, 1)
		g, ln, _ := serve(t, o, Threaded(func(c *NetConn) error {
			read := later(func() error { _, err := c.Read(make([]byte, 1)); return err })
			conns <- c
			k, err := c.Write(make([]byte, size))
			wrote <- outcomeOf{k, err}
			return errors.Join(err, <-read)
		}))
		c := dial(t, ln)
		n := receive(t, conns)
		parked(t, &n.in.direction, 1)
		stuck(t, n)
		down, loopGoesOn := shutdown(t, g)
		loopGoesOn()
		until(t, g.loops[0], "the drain has begun", func() bool { return n.conn.draining })
		if k, err := io.Copy(io.Discard, c); k != size || err != nil {
			t.Errorf("%d bytes came, %v", k, err)
		}
		_ = c.Close()
		if w := receive(t, wrote); w.n != size || w.err != nil {
			t.Errorf("Write: %v", w)
		}
		if err := receive(t, down); err != nil {
			t.Error(err)
		}
	})
}

// One that waits for input when the drain begins, and finds that the peer's end has come,
// may still answer.
func TestThreadedDrainMeetsAnEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		conns := make(chan *NetConn, 1)
		g, ln, _ := serve(t, o, Threaded(func(c *NetConn) error {
			conns <- c
			all, err := io.ReadAll(c)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c, "%d bytes, and the end", len(all))
			return err
		}))
		c := dial(t, ln)
		n := receive(t, conns)
		parked(t, &n.in.direction, 1)
		if err := g.loops[0].post(posted{n.conn, func() { // the drain sees the end first
			_ = c.CloseWrite()
			for end, one := time.Now().Add(patience), make([]byte, 1); time.Now().Before(end); runtime.Gosched() {
				if k, errno := sys.Peek(int(n.conn.fd), one); k == 0 && errno == 0 {
					n.conn.drain()
					return
				}
			}
			t.Error("the end does not come")
		}}); err != nil {
			t.Fatal(err)
		}
		expect(t, c, "0 bytes, and the end")
		expectEnd(t, c)
	})
}

// A connection that opens when the loop ends already is closed, and its serve is told
// so at once, and not when the peer has had its time.
func TestThreadedOpensDuringADrain(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.clock = (&fakeClock{now: time.Unix(1_000_000, 0)}).read // the peer has all the time
		errs, started := make(chan error, 4), make(chan struct{}, 2)
		g, ln, _ := serve(t, o, Threaded(func(c *NetConn) error {
			started <- struct{}{}
			_, err := c.Read(make([]byte, 1))
			errs <- err
			_, err = c.Write(make([]byte, 1<<20))
			errs <- err
			return err
		}))
		l := g.loops[0]
		dial(t, ln) // it keeps the loop
		receive(t, started)
		onLoop(t, l, func() { l.draining = true })
		expectEnd(t, dial(t, ln))
		for range 2 {
			wantClosed(t, "a call", receive(t, errs))
		}
		onLoop(t, l, func() {
			if len(l.conns) != 2 {
				t.Error("the connection is gone: the test shows nothing")
			}
			l.draining = false
		})
	})
}

// A drain that comes after a reader has emptied a full buffer, and before the loop reads
// again, leaves nothing in the kernel and nobody waiting.
func TestThreadedDrainBeforeAResume(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, n, c, sent, goOn, got := floodThreaded(t, o)
		loopGoesOn := standStill(t, g.loops[0])
		if err := g.loops[0].post(posted{n.conn, n.conn.drain}); err != nil {
			t.Fatal(err)
		}
		close(goOn)
		parked(t, &n.in.direction, 1)
		loopGoesOn()
		if k := receive(t, got); k != sent {
			t.Errorf("%d bytes were read, want %d", k, sent)
		}
		expectEnd(t, c)
	})
}

// Who closes its connection, or returns, while the loops drain does not hold them up.
func TestThreadedEndsDuringADrain(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, end := range []func(c *NetConn){func(c *NetConn) { _ = c.Close() }, func(*NetConn) {}, (*NetConn).Abort, func(*NetConn) { panic("on purpose") }} {
			started, goOn := make(chan *NetConn), make(chan struct{})
			g, ln, _ := serve(t, o, Threaded(func(c *NetConn) error {
				started <- c
				<-goOn
				end(c)
				return nil
			}))
			c := dial(t, ln)
			n := receive(t, started)
			down, loopGoesOn := shutdown(t, g)
			loopGoesOn()
			until(t, g.loops[0], "the drain has begun", func() bool { return n.conn.draining })
			close(goOn)
			expectEnd(t, c)
			_ = c.Close()
			if err := receive(t, down); err != nil {
				t.Error(err)
			}
		}
	})
}

// A thousand connections, each with a goroutine, and after them none.
func TestThreadedThousand(t *testing.T) {
	leaktest.Check(t)
	before := runtime.NumGoroutine()
	g, ln, _ := serve(t, Options{Loops: 2}, Threaded(answerThreaded))
	var clients sync.WaitGroup
	var there sync.WaitGroup
	there.Add(1000)
	for i := range 1000 {
		c := dial(t, ln)
		clients.Go(func() {
			line := fmt.Sprintf("client %d\n", i)
			in := bufio.NewReader(c)
			for round := range 5 {
				_, _ = io.WriteString(c, line)
				if got, err := in.ReadString('\n'); got != "["+line[:len(line)-1]+"]\n" || err != nil {
					t.Errorf("got %q, %v", got, err)
				}
				if round == 0 { // so that all are there at once
					there.Done()
					there.Wait()
				}
			}
			_ = c.Close()
		})
	}
	clients.Wait()
	if err := g.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
	if held := g.memory.Load(); held != 0 {
		t.Errorf("%d bytes are still counted as held", held)
	}
}
