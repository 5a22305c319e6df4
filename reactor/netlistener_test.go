//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listenConn listens as a net.Listener, until the test ends.
func listenConn(t *testing.T, o Options) (*Group, *netListener) {
	t.Helper()
	g, _ := openGroup(t, o)
	ln, err := g.ListenConn(anyPort, ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return g, ln.(*netListener)
}

// accepting is what Accept returns, later.
func accepting(ln net.Listener) (conns <-chan net.Conn, errs <-chan error) {
	c, e := make(chan net.Conn, 1), make(chan error, 1)
	go func() {
		if conn, err := ln.Accept(); err != nil {
			e <- err
		} else {
			c <- conn
		}
	}()
	return c, e
}

// net/http serves over the loops: many requests at a time, large ones both ways, and a
// shutdown of its own.
func TestListenConnServesHTTP(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.Loops = 2
		g, ln := listenConn(t, o)
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).EnableFullDuplex()
			_, _ = io.Copy(w, r.Body) // the client sees
		})}
		served := later(func() error { return srv.Serve(ln) })
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: patience}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for k := range 6 {
					body := pattern(1 + i*k*k*7000)
					resp, err := client.Post(fmt.Sprintf("http://%v/", ln.Addr()), "", bytes.NewReader(body))
					if err != nil {
						t.Error(err)
						return
					}
					got, err := io.ReadAll(resp.Body)
					_ = resp.Body.Close()
					if err != nil || !bytes.Equal(got, body) {
						t.Errorf("%d bytes of %d came, %v", len(got), len(body), err)
					}
				}
			})
		}
		wg.Wait()
		client.CloseIdleConnections()
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := receive(t, served); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
		if err := g.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Only so many connections wait for Accept; then accepting pauses, and goes on.
func TestListenConnIsBounded(t *testing.T) {
	const clients = acceptQueue + 100 // for which there is room in any kernel
	everywhere(t, func(t *testing.T, o Options) {
		g, ln := listenConn(t, o)
		addr := ln.Addr().String()
		conns := make([]net.Conn, clients)
		for i := range conns {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			within(t, c)
			_, _ = fmt.Fprintf(c, "%03d", i)
			conns[i] = c
		}
		size := func() int {
			ln.mu.Lock()
			defer ln.mu.Unlock()
			if len(ln.queue) >= acceptQueue+acceptBudget {
				t.Errorf("%d connections wait", len(ln.queue))
			}
			return len(ln.queue)
		}
		held := func() bool { return g.loops[0].acceptors[0].held }
		until(t, g.loops[0], "it is full", func() bool { return size() >= acceptQueue && held() })
		seen := map[string]bool{}
		for range clients {
			c, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			within(t, c)
			name := make([]byte, 3)
			if _, err := io.ReadFull(c, name); err != nil {
				t.Fatal(err)
			}
			seen[string(name)] = true
			size()
			_ = c.Close()
		}
		if len(seen) != clients {
			t.Errorf("%d clients of %d were accepted", len(seen), clients)
		}
		until(t, g.loops[0], "accepting goes on", func() bool { return !held() })
	})
}

// Close wakes those who accept, resets whom nobody has taken, and leaves the others.
func TestListenConnClose(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln := listenConn(t, o)
		taken, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_, firstErr := accepting(ln)
		_, secondErr := accepting(ln)
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		for _, errs := range []<-chan error{firstErr, secondErr} {
			if err := receive(t, errs); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Accept: %v", err)
			}
		}
		if err := ln.Close(); err != nil {
			t.Errorf("again: %v", err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept: %v", err)
		}
		within(t, taken)
		within(t, c)
		_, _ = io.WriteString(c, "alive")
		expect(t, taken, "alive")
		_ = c.Close()

		ln = func() *netListener {
			ln, err := g.ListenConn(anyPort, ListenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			return ln.(*netListener)
		}()
		left, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer left.Close()
		until(t, g.loops[0], "it is in the queue", func() bool { return len(ln.queue) == 1 })
		_ = ln.Close()
		within(t, left)
		if _, err := left.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("who was left: %v, want a reset", err)
		}
	})
}

// Several that accept get one connection each.
func TestListenConnManyAccept(t *testing.T) {
	const many = 40
	everywhere(t, func(t *testing.T, o Options) {
		o.Loops = 2
		_, ln := listenConn(t, o)
		got := make(chan net.Conn, many)
		var wg sync.WaitGroup
		for range many {
			wg.Go(func() {
				c, err := ln.Accept()
				if err != nil {
					t.Error(err)
					return
				}
				got <- c
			})
		}
		for range many {
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		wg.Wait()
		different := map[string]bool{}
		for range many {
			c := receive(t, got)
			different[c.RemoteAddr().String()] = true
			_ = c.Close()
		}
		if len(different) != many {
			t.Errorf("%d of %d", len(different), many)
		}
	})
}

// One signal may stand for several connections: who takes one passes it on.
func TestListenConnPassesOn(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln := listenConn(t, o)
		for range 3 {
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		until(t, g.loops[0], "all are in the queue", func() bool { return len(ln.queue) == 3 })
		<-ln.ready
		for left := 2; left >= 0; left-- {
			c, err := ln.take()
			if err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
			if signals := len(ln.ready); signals != min(left, 1) {
				t.Errorf("%d signals for %d connections", signals, left)
			}
			if left > 0 {
				<-ln.ready
			}
		}
	})
}

// Shutdown wakes who accepts, and closes the connections that nobody has taken, or
// whose owner waits for input.
func TestListenConnShutdown(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln := listenConn(t, o)
		clients := [2]net.Conn{}
		for i := range clients {
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			within(t, c)
			_, _ = io.WriteString(c, "x") // which keeps nobody busy
			clients[i] = c
		}
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		until(t, g.loops[0], "the other waits", func() bool { return len(ln.queue) == 1 && len(g.loops[0].conns) == 2 })
		within(t, c)
		expect(t, c, "x")
		down := later(func() error { return g.Shutdown(context.Background()) })
		for g.isOpen() {
			runtime.Gosched()
		}
		settle(t, g)
		if _, err := io.WriteString(c, "reply"); err != nil { // it is at work
			t.Error(err)
		}
		if k, err := c.Read(make([]byte, 1)); k != 0 || !errors.Is(err, net.ErrClosed) {
			t.Errorf("read %d, %v", k, err)
		}
		_ = c.Close()
		answered := 0
		for _, c := range clients {
			all, err := io.ReadAll(c)
			if err != nil {
				t.Error(err)
			}
			answered += len(all)
			_ = c.Close() // or the loop waits for it a second
		}
		if answered != len("reply") {
			t.Errorf("%d bytes were answered", answered)
		}
		if err := receive(t, down); err != nil {
			t.Error(err)
		}
		for { // the one that waited may come first
			c, err := ln.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				break
			}
			_, err = c.Read(make([]byte, 2))
			_ = c.Close()
			if err != nil && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		}

		g, ln = listenConn(t, o)
		_, errs := accepting(ln)
		if err := g.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := receive(t, errs); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept: %v", err)
		}
		if _, err := g.ListenConn(anyPort, ListenOptions{}); !errors.Is(err, ErrClosed) {
			t.Errorf("ListenConn: %v", err)
		}
		if _, err := g.ListenConn("nonsense", ListenOptions{}); !errors.Is(err, ErrAddress) {
			t.Errorf("ListenConn: %v", err)
		}
	})
}

func TestDialConn(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.Loops = 2
		g, _ := openGroup(t, o)
		std, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer std.Close()
		address := "tcp://" + std.Addr().String()
		loops := map[*Loop]bool{}
		for range 2 {
			n, err := g.DialConn(t.Context(), address, DialOptions{})
			if err != nil {
				t.Fatal(err)
			}
			loops[n.loop] = true
			peer, err := std.Accept()
			if err != nil {
				t.Fatal(err)
			}
			within(t, n)
			within(t, peer)
			_, _ = io.WriteString(peer, "there")
			expect(t, n, "there")
			_, _ = io.WriteString(n, "and back")
			expect(t, peer, "and back")
			_ = n.Close()
			expectEnd(t, peer)
			_ = peer.Close()
		}
		if len(loops) != 2 {
			t.Error("both are on one loop")
		}

		over, cancel := context.WithCancel(t.Context())
		cancel()
		short, cancel := context.WithDeadlineCause(t.Context(), time.Unix(1, 0), errors.New("of my own"))
		defer cancel()
		for _, ctx := range []context.Context{over, short} {
			for _, to := range []string{address, blackHole(t)} {
				n, err := g.DialConn(ctx, to, DialOptions{})
				if n != nil { // it was faster
					_ = n.Close()
				} else if !errors.Is(err, ErrCanceled) || !errors.Is(err, context.Cause(ctx)) {
					t.Errorf("%s: %v", to, err)
				}
			}
		}
		waits, cancel := context.WithCancel(t.Context())
		failed := later(func() error { _, err := g.DialConn(waits, blackHole(t), DialOptions{}); return err })
		for i := 0; i == 0; {
			for _, l := range g.loops {
				onLoop(t, l, func() { i += len(l.dials) })
			}
		}
		cancel()
		if err := receive(t, failed); !errors.Is(err, ErrCanceled) || !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled while it waits: %v", err)
		}
		for to, want := range map[string]error{
			"tcp://" + closedAddress(t): unix.ECONNREFUSED, "nonsense": ErrAddress, "udp://127.0.0.1:1": ErrAddress,
		} {
			if n, err := g.DialConn(t.Context(), to, DialOptions{}); n != nil || !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", to, err, want)
			}
		}
		if n, err := g.DialConn(t.Context(), blackHole(t), DialOptions{Timeout: time.Millisecond}); n != nil || !errors.Is(err, ErrTimeout) {
			t.Errorf("%v, want ErrTimeout", err)
		}
		last, err := g.DialConn(t.Context(), address, DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		read := reading(last, make([]byte, 1))
		parked(t, &last.in.direction, 1)
		down := later(func() error { return g.Shutdown(t.Context()) }) // for which it waits for input
		for there := false; !there; {                                  // those that were given up are there too
			peer, err := std.Accept()
			if err != nil {
				t.Fatal(err)
			}
			there = peer.RemoteAddr().String() == last.LocalAddr().String()
			within(t, peer)
			expectEnd(t, peer)
			_ = peer.Close()
		}
		if got := receive(t, read); !errors.Is(got.err, net.ErrClosed) {
			t.Error(got.err)
		}
		if err := receive(t, down); err != nil {
			t.Error(err)
		}
		if n, err := g.DialConn(t.Context(), address, DialOptions{}); n != nil || !errors.Is(err, ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// A connection that is there by the time that its DialConn is cancelled is closed.
func TestDialConnCancelledTooLate(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _ := openGroup(t, o)
		l := g.loops[0]
		path := socketPath(t)
		std, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer std.Close()
		ctx, cancel := context.WithCancel(t.Context())
		goOn := standStill(t, l)
		failed := later(func() error { _, err := g.DialConn(ctx, "unix://"+path, DialOptions{}); return err })
		cancel()
		for end := time.Now().Add(patience); ; runtime.Gosched() {
			l.mu.Lock()
			posts := len(l.posted)
			l.mu.Unlock()
			if posts == 2 { // to begin, which connects at once, and to cancel
				break
			}
			if time.Now().After(end) {
				t.Fatal("it does not cancel")
			}
		}
		goOn()
		if err := receive(t, failed); !errors.Is(err, ErrCanceled) {
			t.Errorf("got %v", err)
		}
		peer, err := std.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		within(t, peer)
		expectEnd(t, peer)
	})
}

// closedAddress is one where nobody listens.
func closedAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
