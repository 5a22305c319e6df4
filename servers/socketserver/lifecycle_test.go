//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
)

// A server made with NoBind serves when it is bound, and not before.
func TestNoBind(t *testing.T) {
	l := &logged{journal: &journal{}}
	s := open(t, "tcp", Each(l.class), Options{NoBind: true, Hooks: l})
	if s.Addr() != nil || s.Fd() != -1 || len(l.take()) != 0 {
		t.Error("it is bound")
	}
	if err := s.ServeForever(context.Background()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("ServeForever: %v", err)
	}
	if err := errors.Join(s.Bind(), s.Activate()); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(l.take()); got != "[server_bind server_activate]" {
		t.Error(got)
	}
	if err := s.Bind(); err == nil {
		t.Error("it can be bound twice")
	}
	serve(t, s)
	if got := ask(t, client(t, s), "x\n"); got != "x\n" {
		t.Errorf("got %q", got)
	}
}

// Close closes the connections that wait for their client, and waits for a handler that
// is at work, whose answer still goes out.
func TestCloseWaitsForWork(t *testing.T) {
	for _, mode := range modes {
		for _, kind := range kinds {
			t.Run(string(mode)+"/"+kind, func(t *testing.T) {
				leaktest.Check(t)
				goOn, working := make(chan struct{}), make(chan struct{}, 1)
				s := open(t, kind, HandlerFunc(func(r *Request) error {
					if _, err := r.ReadLine(); err != nil {
						return err
					}
					working <- struct{}{}
					if err := r.Await(func() error { <-goOn; return nil }); err != nil {
						return err
					}
					if err := r.Sleep(time.Millisecond); err != nil {
						return err
					}
					_, err := r.WriteString("answer")
					return err
				}), Options{Mode: mode})
				stop := serve(t, s)
				busy := client(t, s)
				if _, err := io.WriteString(busy, "x\n"); err != nil {
					t.Fatal(err)
				}
				receive(t, working)
				var silent net.Conn
				if mode != Sync && !datagram(kind) {
					silent = client(t, s)
					for s.active() < 2 {
						await(t)
					}
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
				closed := make(chan error, 1)
				go func() { closed <- s.Close() }()
				if silent != nil {
					answer(t, silent)
					_ = silent.Close()
				}
				select {
				case err := <-closed:
					t.Fatalf("it did not wait: %v", err)
				default:
				}
				close(goOn)
				if got := answer(t, busy); got != "answer" {
					t.Errorf("got %q", got)
				}
				_ = busy.Close()
				if err := receive(t, closed); err != nil {
					t.Error(err)
				}
				if err := s.Close(); err != nil {
					t.Errorf("a second time: %v", err)
				}
			})
		}
	}
}

// CloseWithin cuts what does not end in time.
func TestCloseWithin(t *testing.T) {
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) {
			goOn, working := make(chan struct{}), make(chan struct{}, 1)
			s, err := NewTCP("127.0.0.1:0", HandlerFunc(func(r *Request) error {
				working <- struct{}{}
				return r.Await(func() error { <-goOn; return nil })
			}), Options{Mode: mode})
			if err != nil {
				t.Fatal(err)
			}
			stop := serve(t, s)
			c := client(t, s)
			receive(t, working)
			if err := stop(); err != nil {
				t.Error(err)
			}
			now, cancel := context.WithCancel(context.Background())
			cancel()
			if err := s.CloseWithin(now); !errors.Is(err, context.Canceled) {
				t.Errorf("CloseWithin: %v", err)
			}
			answer(t, c)
			close(goOn)
		})
	}
}

// With DaemonThreads Close does not wait, and what runs goes on.
func TestDaemonThreads(t *testing.T) {
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) {
			goOn, working := make(chan struct{}), make(chan struct{}, 1)
			s := open(t, "tcp", HandlerFunc(func(r *Request) error {
				working <- struct{}{}
				if err := r.Await(func() error { <-goOn; return nil }); err != nil {
					return err
				}
				_, err := r.WriteString("it went on")
				return err
			}), Options{Mode: mode, DaemonThreads: true})
			serve(t, s)
			c := client(t, s)
			receive(t, working)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			close(goOn)
			if got := answer(t, c); got != "it went on" {
				t.Errorf("got %q", got)
			}
			_ = c.Close()
			for end := time.Now().Add(patience); s.Stats().Conns > 0 || s.active() > 0; runtime.Gosched() {
				if time.Now().After(end) {
					t.Fatal("it does not end")
				}
			}
		})
	}
}

func (s *Server) active() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// With OnInput a request begins when the client has spoken, or has gone.
func TestOnInput(t *testing.T) {
	s := open(t, "tcp", lineEcho, Options{OnInput: true, Reactor: reactor.Options{Loops: 1}})
	serve(t, s)
	c := client(t, s)
	for s.Stats().Conns == 0 {
		await(t)
	}
	if n := s.active(); n != 0 {
		t.Errorf("%d requests of a silent client", n)
	}
	if got := ask(t, c, "now\n"); got != "now\n" {
		t.Errorf("got %q", got)
	}
	silent := client(t, s)
	_ = silent.(*net.TCPConn).CloseWrite()
	if got := answer(t, silent); got != "" {
		t.Errorf("got %q", got)
	}
}

// shouting puts a connection of its own in the place of the request's.
type shouting struct{ Base }

func (shouting) GetRequest(r *Request) error {
	r.SetConn(shout{r.Conn()})
	return nil
}

type shout struct{ net.Conn }

func (s shout) Write(p []byte) (int, error) { return s.Conn.Write([]byte(strings.ToUpper(string(p)))) }

func TestSetConn(t *testing.T) {
	for _, mode := range modes {
		s := open(t, "tcp", lineEcho, Options{Mode: mode, Hooks: shouting{}})
		serve(t, s)
		c := client(t, s)
		if got := ask(t, c, "hello\n"); got != "HELLO\n" {
			t.Errorf("%s: got %q", mode, got)
		}
		_ = c.Close()
	}
}

// acting counts the calls of ServiceActions.
type acting struct {
	Base
	calls chan struct{}
}

func (a acting) ServiceActions(*Server) {
	select {
	case a.calls <- struct{}{}:
	default:
	}
}

// ServiceActions is called after a request, and when nothing happens.
func TestServiceActions(t *testing.T) {
	calls := make(chan struct{}, 1)
	s := open(t, "tcp", lineEcho, Options{Hooks: acting{calls: calls}, PollInterval: time.Hour})
	serve(t, s)
	ask(t, client(t, s), "x\n")
	receive(t, calls)
	s = open(t, "tcp", lineEcho, Options{Hooks: acting{calls: calls}, PollInterval: time.Millisecond})
	serve(t, s)
	for range 3 {
		receive(t, calls)
	}
}

// What a client does is not logged as an error; what a handler does is, with its stack.
func TestHandleErrorLogs(t *testing.T) {
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) {
			log := &logBuffer{}
			s := open(t, "tcp", HandlerFunc(func(r *Request) error {
				line, err := r.ReadLine()
				switch string(line) {
				case "panic\n":
					var m map[string]int
					m["x"]++
				case "error\n":
					return errTest
				}
				return err
			}), Options{Mode: mode, Logger: slogTo(log)})
			serve(t, s)
			for _, send := range []string{"panic\n", "error\n", ""} {
				c := client(t, s)
				if _, err := io.WriteString(c, send); err != nil {
					t.Fatal(err)
				}
				_ = c.(*net.TCPConn).CloseWrite()
				answer(t, c)
				_ = c.Close()
			}
			for s.active() > 0 {
				await(t)
			}
			if n := log.count("level=ERROR"); n != 2 || log.count("level=INFO") > 0 || log.count("lifecycle_test.go") < 1 || log.count(errTest.Error()) < 1 {
				log.mu.Lock()
				defer log.mu.Unlock()
				t.Errorf("%d errors in the log:\n%s", n, log.buf.String())
			}
		})
	}
}

// Options that cannot be are refused with one line that says which.
func TestBadOptions(t *testing.T) {
	for _, test := range []struct {
		o    Options
		want string
	}{
		{Options{Mode: "threads"}, "threads"},
		{Options{MaxThreads: -1}, "MaxThreads"},
		{Options{PollInterval: -1}, "PollInterval"},
		{Options{IOTimeout: -1}, "IOTimeout"},
		{Options{OnInput: true, Mode: Sync}, "OnInput"},
		{Options{Listen: reactor.ListenOptions{Balance: reactor.ReusePort}}, "Balance"},
	} {
		_, err := NewTCP("127.0.0.1:0", lineEcho, test.o)
		if !errors.Is(err, reactor.ErrOption) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want one of %s", err, test.want)
		}
	}
	if _, err := NewTCP("127.0.0.1:0", nil, Options{}); !errors.Is(err, reactor.ErrOption) {
		t.Errorf("without a handler: %v", err)
	}
	if _, err := NewTCP("nonsense", lineEcho, Options{}); !errors.Is(err, reactor.ErrAddress) {
		t.Errorf("a bad address: %v", err)
	}
}

// Requests by the thousand, ended in all ways, from several goroutines at once.
func TestManyRequests(t *testing.T) {
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) {
			leaktest.Check(t)
			s := open(t, "tcp", HandlerFunc(func(r *Request) error {
				line, err := r.ReadLine()
				if err != nil {
					return err
				}
				switch line[0] {
				case 'g':
					runtime.Goexit()
				case 'p':
					panic("on purpose")
				}
				_, err = r.Write(line)
				return err
			}), Options{Mode: mode, Hooks: fails{told: make(chan error, 10_000)}})
			serve(t, s)
			var clients sync.WaitGroup
			for range 8 {
				clients.Go(func() {
					for i := range 100 {
						c, err := net.Dial("tcp", s.Addr().String())
						if err != nil {
							t.Error(err)
							return
						}
						message := []string{"echo\n", "goexit\n", "panic\n", ""}[i%4]
						_, err = io.WriteString(c, message)
						if message == "" {
							_ = c.(*net.TCPConn).SetLinger(0)
						} else if got, rerr := io.ReadAll(c); err != nil || rerr != nil || string(got) != map[bool]string{true: message}[i%4 == 0] {
							t.Errorf("%q: got %q, %v, %v", message, got, err, rerr)
						}
						_ = c.Close()
					}
				})
			}
			clients.Wait()
			for s.active() > 0 {
				await(t)
			}
		})
	}
}

// A HandleRequest whose context ends just as what it had accepted is lost lets go of the
// server: the next one is not told that it serves already.
func TestHandleRequestLetsGo(t *testing.T) {
	s := open(t, "tcp", lineEcho, Options{})
	for range 200 {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		done := make(chan error, 1)
		go func() {
			_, err := s.HandleRequest(ctx)
			done <- err
		}()
		for running := false; !running; await(t) {
			s.mu.Lock()
			if one := s.single; one != nil {
				running = true
				one.back <- struct{}{}
				cancel()
			}
			s.mu.Unlock()
		}
		if err := receive(t, done); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}
