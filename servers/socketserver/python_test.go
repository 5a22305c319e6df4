//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"example.com/iomux/reactor"
)

// The tests of Python's test_socketserver, by their names there. Those of processes are
// in fork_test.go. test_all is about the list of public names and says nothing here.

// lineEcho is the handler of test_socketserver: a line, through rfile and wfile.
var lineEcho = HandlerFunc(func(r *Request) error {
	line, err := r.ReadLine()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	_, err = r.Write(line)
	return err
})

// runServer is test_socketserver's: clients one after the other, then the end.
func runServer(t *testing.T, kind string, mode Mode) {
	t.Helper()
	s := open(t, kind, lineEcho, Options{Mode: mode})
	stop := serve(t, s)
	if s.Addr().String() == "127.0.0.1:0" {
		t.Error("Addr is not what was bound")
	}
	for i := range 3 {
		line := fmt.Sprintf("Hello, world %d\n", i)
		if got := ask(t, client(t, s), line); got != line {
			t.Errorf("got %q, want %q", got, line)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if s.Fd() != -1 {
		t.Error("it has a descriptor when it is closed")
	}
}

func Test_TCPServer(t *testing.T)                   { runServer(t, "tcp", Sync) }
func Test_ThreadingTCPServer(t *testing.T)          { runServer(t, "tcp", Threading) }
func Test_UnixStreamServer(t *testing.T)            { runServer(t, "unix", Sync) }
func Test_ThreadingUnixStreamServer(t *testing.T)   { runServer(t, "unix", Threading) }
func Test_UDPServer(t *testing.T)                   { runServer(t, "udp", Sync) }
func Test_ThreadingUDPServer(t *testing.T)          { runServer(t, "udp", Threading) }
func Test_UnixDatagramServer(t *testing.T)          { runServer(t, "unixgram", Sync) }
func Test_ThreadingUnixDatagramServer(t *testing.T) { runServer(t, "unixgram", Threading) }

// The default mode has no test there.
func TestLoopServers(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) { runServer(t, kind, Loop) })
	}
}

// test_shutdown: a server that has just begun to serve always ends.
func Test_shutdown(t *testing.T) {
	for range 1000 {
		s := open(t, "tcp", lineEcho, Options{Mode: Sync})
		done := make(chan error, 1)
		go func() { done <- s.ServeForever(context.Background()) }()
		for !s.runs() {
			runtime.Gosched()
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := receive(t, done); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func Test_close_immediately(t *testing.T) {
	for _, mode := range modes {
		s := open(t, "tcp", lineEcho, Options{Mode: mode})
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// test_tcpserver_bind_leak: 1024 addresses that cannot be bound leave nothing.
func Test_tcpserver_bind_leak(t *testing.T) {
	s := open(t, "tcp", lineEcho, Options{})
	for i := range 1024 {
		address := s.Addr().String()
		if i%2 == 0 {
			address = "127.0.0.1:65536"
		}
		if _, err := NewTCP(address, lineEcho, Options{Reactor: reactor.Options{Loops: 1}}); err == nil {
			t.Fatalf("%s can be bound", address)
		}
	}
}

// test_context_manager: closing leaves no descriptor.
func Test_context_manager(t *testing.T) {
	s := open(t, "tcp", lineEcho, Options{})
	if s.Fd() < 0 {
		t.Error("no descriptor")
	}
	if err := s.Close(); err != nil || s.Fd() != -1 {
		t.Errorf("Close: %v, Fd %d", err, s.Fd())
	}
}

// fails is a server whose handler fails, and which notes whether it was told.
type fails struct {
	Base
	told chan error
}

func (f fails) HandleError(_ *Request, err error) { f.told <- err }

// handled is what is said of test_x_handled: the handler fails, the hook is called, and
// HandleRequest returns. An abort is not handled.
func handled(t *testing.T, mode Mode, failure error) (hooked int, err error) {
	t.Helper()
	told := make(chan error, 10)
	ran := make(chan struct{})
	s := open(t, "tcp", HandlerFunc(func(*Request) error { defer close(ran); return failure }), Options{Mode: mode, Hooks: fails{told: told}})
	c := client(t, s)
	ok, err := s.HandleRequest(context.Background())
	if !ok {
		t.Error("no request was handled")
	}
	receive(t, ran)
	answer(t, c) // the end
	_ = c.Close()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for len(told) > 0 {
		if got := <-told; !errors.Is(got, failure) {
			t.Errorf("HandleError was told %v", got)
		}
		hooked++
	}
	return hooked, err
}

var errTest = errors.New("test")

func Test_sync_handled(t *testing.T) {
	if n, err := handled(t, Sync, errTest); n != 1 || err != nil {
		t.Errorf("hook called %d times, %v", n, err)
	}
}

func Test_threading_handled(t *testing.T) {
	if n, err := handled(t, Threading, errTest); n != 1 || err != nil {
		t.Errorf("hook called %d times, %v", n, err)
	}
}

func Test_loop_handled(t *testing.T) {
	if n, err := handled(t, Loop, errTest); n != 1 || err != nil {
		t.Errorf("hook called %d times, %v", n, err)
	}
}

func Test_sync_not_handled(t *testing.T) {
	if n, err := handled(t, Sync, Abort(errTest)); n != 0 || !errors.Is(err, errTest) {
		t.Errorf("hook called %d times, %v", n, err)
	}
}

func Test_threading_not_handled(t *testing.T) {
	if n, err := handled(t, Threading, Abort(errTest)); n != 0 || err != nil {
		t.Errorf("hook called %d times, %v", n, err)
	}
}

func Test_loop_not_handled(t *testing.T) {
	if n, err := handled(t, Loop, Abort(errTest)); n != 0 || err != nil {
		t.Errorf("hook called %d times, %v", n, err)
	}
}

// A runtime.Goexit, too, ends its request alone, and is nobody's error.
func TestGoexitEndsOneRequest(t *testing.T) {
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) {
			told := make(chan error, 10)
			s := open(t, "tcp", HandlerFunc(func(*Request) error { runtime.Goexit(); return nil }), Options{Mode: mode, Hooks: fails{told: told}})
			serve(t, s)
			for range 3 {
				answer(t, client(t, s))
			}
			if len(told) != 0 {
				t.Errorf("HandleError was told %v", <-told)
			}
		})
	}
}

// SocketWriterTest.test_write: 16 MiB to a client that is slow to begin, whole, and
// Write says so.
func Test_SocketWriter_write(t *testing.T) {
	const size = 16<<20 + 1
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) {
			wrote := make(chan int, 1)
			p := bytes.Repeat([]byte("0123456789abcdefg"), size/17+1)[:size]
			s := open(t, "tcp", HandlerFunc(func(r *Request) error {
				n, err := r.Write(p)
				wrote <- n
				return err
			}), Options{Mode: mode})
			serve(t, s)
			c := client(t, s)
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			h := sha256.New()
			h.Write(p[:1])
			n, err := io.Copy(h, c)
			if err != nil || n != size-1 || !bytes.Equal(h.Sum(nil), sum(p)) {
				t.Errorf("%d bytes, %v", n, err)
			}
			if n := receive(t, wrote); n != size {
				t.Errorf("Write returned %d", n)
			}
		})
	}
}

func sum(p []byte) []byte { s := sha256.Sum256(p); return s[:] }

// MiscTestCase.test_shutdown_request_called_if_verify_request_false: exactly once.
func Test_shutdown_request_called_if_verify_request_false(t *testing.T) {
	for _, mode := range modes {
		l := &logged{journal: &journal{}, refuse: true}
		s := open(t, "tcp", Each(l.class), Options{Mode: mode, Hooks: l})
		serve(t, s)
		if got := ask(t, client(t, s), ""); got != "" {
			t.Errorf("got %q", got)
		}
		n := 0
		for _, line := range l.take() {
			if line == "shutdown_request" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s: shutdown_request was called %d times", mode, n)
		}
	}
}

// MiscTestCase.test_threads_reaped: ten thousand requests leave nothing behind.
func Test_threads_reaped(t *testing.T) {
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) {
			s := open(t, "udp", lineEcho, Options{Mode: mode})
			serve(t, s)
			c := client(t, s)
			measure := func() (goroutines int, heap uint64) {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return runtime.NumGoroutine(), m.HeapObjects
			}
			ask(t, c, "x\n")
			goroutines, heap := measure()
			for range 10_000 {
				ask(t, c, "x\n")
			}
			for end := time.Now().Add(patience); ; {
				g, h := measure()
				if g <= goroutines+2 && h <= heap+1000 {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("%d goroutines and %d objects, before %d and %d", g, h, goroutines, heap)
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.requests != 0 {
				t.Errorf("%d requests run", s.requests)
			}
		})
	}
}

// The table of python's shutdown (it waits up to half a second there, deadlocks in a
// handler, and is kept when nothing serves).
func TestShutdownTable(t *testing.T) {
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) {
			var s *Server
			inside := make(chan error, 1)
			s = open(t, "tcp", HandlerFunc(func(r *Request) error {
				inside <- s.Shutdown(context.Background())
				_, err := r.WriteString("goes on")
				return err
			}), Options{Mode: mode, PollInterval: time.Hour})
			if err := s.Shutdown(context.Background()); err != nil { // before it ever ran
				t.Error(err)
			}
			run := func() <-chan error {
				done := make(chan error, 1)
				go func() { done <- s.ServeForever(context.Background()) }()
				for !s.runs() {
					await(t)
				}
				return done
			}
			// in a handler
			done := run()
			if got := answer(t, client(t, s)); got != "goes on" {
				t.Errorf("got %q", got)
			}
			if err := receive(t, inside); err != nil {
				t.Error(err)
			}
			if err := receive(t, done); err != nil {
				t.Error(err)
			}
			// after the loop has ended, and then it serves again
			if err := s.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			done = run()
			if err := s.ServeForever(context.Background()); !errors.Is(err, ErrServing) {
				t.Errorf("a second ServeForever: %v", err)
			}
			if _, err := s.HandleRequest(context.Background()); !errors.Is(err, ErrServing) {
				t.Errorf("HandleRequest beside it: %v", err)
			}
			// twice at a time
			both := make(chan error, 2)
			for range 2 {
				go func() { both <- s.Shutdown(context.Background()) }()
			}
			for range 2 {
				if err := receive(t, both); err != nil {
					t.Error(err)
				}
			}
			if err := receive(t, done); err != nil {
				t.Error(err)
			}
			// by the context
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			if err := s.ServeForever(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("ServeForever: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if err := s.ServeForever(context.Background()); !errors.Is(err, net.ErrClosed) {
				t.Errorf("when it is closed: %v", err)
			}
		})
	}
}

// The table of handle_request's timeout.
func TestTimeoutTable(t *testing.T) {
	for _, mode := range modes {
		for _, kind := range kinds {
			t.Run(string(mode)+"/"+kind, func(t *testing.T) {
				for _, d := range []time.Duration{-1, time.Millisecond} {
					l := &logged{journal: &journal{}}
					s := open(t, kind, Each(l.class), Options{Mode: mode, Hooks: l, Timeout: d})
					l.take()
					begin := time.Now()
					handled, err := s.HandleRequest(context.Background())
					if handled || err != nil || !l.has("handle_timeout") {
						t.Errorf("%v: %v, %v, %q", d, handled, err, l.take())
					}
					if took := time.Since(begin); took < d {
						t.Errorf("it timed out after %v", took)
					}
					l.take()
					if d > 0 {
						continue
					}
					c := client(t, s) // one that is there is taken, though there is no time to wait
					if _, err := io.WriteString(c, "x\n"); err != nil {
						t.Fatal(err)
					}
					if handled, err := s.HandleRequest(context.Background()); !handled || err != nil {
						t.Errorf("a request that is there: %v, %v", handled, err)
					}
					for !l.has("close_request") {
						await(t)
					}
					_ = c.Close()
				}
				s := open(t, kind, lineEcho, Options{Mode: mode}) // none: for ever
				ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
				defer cancel()
				if handled, err := s.HandleRequest(ctx); handled || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("no timeout: %v, %v", handled, err)
				}
			})
		}
	}
}

// HandleRequest takes one request and no more; what waits is served by the next.
func TestHandleRequestTakesOne(t *testing.T) {
	everywhere(t, func(t *testing.T, kind string, o Options) {
		s := open(t, kind, lineEcho, o)
		clients := []net.Conn{client(t, s), client(t, s), client(t, s)}
		for i, c := range clients {
			if _, err := fmt.Fprintf(c, "%d\n", i); err != nil {
				t.Fatal(err)
			}
		}
		for i, c := range clients {
			if handled, err := s.HandleRequest(context.Background()); !handled || err != nil {
				t.Fatal(handled, err)
			}
			if got, want := answer(t, c), fmt.Sprintf("%d\n", i); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			_ = c.Close()
			s.mu.Lock()
			number := s.number
			s.mu.Unlock()
			if number != i+1 {
				t.Errorf("%d requests after HandleRequest was called %d times", number, i+1)
			}
		}
	})
}

// In mode Sync a request runs alone: the next client waits, and is not refused.
func TestSyncRunsOneAtATime(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			goOn := make(chan struct{})
			running := make(chan struct{}, 10)
			s := open(t, kind, HandlerFunc(func(r *Request) error {
				running <- struct{}{}
				if err := r.Await(func() error { <-goOn; return nil }); err != nil {
					return err
				}
				_, err := r.WriteString(r.Thread())
				return err
			}), Options{Mode: Sync})
			serve(t, s)
			var clients []net.Conn
			for range 5 {
				c := client(t, s)
				if _, err := io.WriteString(c, "x\n"); err != nil {
					t.Fatal(err)
				}
				clients = append(clients, c)
			}
			for i, c := range clients {
				receive(t, running)
				if len(running) != 0 {
					t.Fatal("two at a time")
				}
				goOn <- struct{}{}
				if got := answer(t, c); got != fmt.Sprintf("Thread-%d", i+2) {
					t.Errorf("got %q", got)
				}
			}
		})
	}
}

// MaxThreads bounds how many requests run in mode Threading; the others wait.
func TestMaxThreads(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			const limit, requests = 3, 10 // as many as the queue of a Unix socket holds
			goOn := make(chan struct{})
			running := make(chan struct{}, requests)
			s := open(t, kind, HandlerFunc(func(r *Request) error {
				running <- struct{}{}
				<-goOn
				_, err := r.WriteString("done")
				return err
			}), Options{Mode: Threading, MaxThreads: limit})
			serve(t, s)
			var clients []net.Conn
			for range requests {
				c := client(t, s)
				if _, err := io.WriteString(c, "x\n"); err != nil {
					t.Fatal(err)
				}
				clients = append(clients, c)
			}
			for range limit {
				receive(t, running)
			}
			for i := range clients {
				s.mu.Lock()
				n := s.requests
				s.mu.Unlock()
				if n > limit || len(running) != 0 {
					t.Fatalf("%d requests run", n)
				}
				goOn <- struct{}{}
				if i < requests-limit {
					receive(t, running)
				}
			}
			for _, c := range clients {
				if got := answer(t, c); got != "done" {
					t.Errorf("got %q", got)
				}
			}
		})
	}
}

// rfile and wfile: lines, the last one without its newline, then the end.
func TestReadLine(t *testing.T) {
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) {
			s := open(t, "tcp", HandlerFunc(func(r *Request) error {
				for {
					line, err := r.ReadLine()
					if err != nil {
						_, _ = fmt.Fprintf(r, "%v", errors.Is(err, ErrLineTooLong))
						return nil
					}
					if _, err := fmt.Fprintf(r, "%d ", len(line)); err != nil {
						return err
					}
				}
			}), Options{Mode: mode, ReadBufferSize: 16, LineLimit: 100})
			serve(t, s)
			for in, want := range map[string]string{
				"":              "false",
				"\n":            "1 false",
				"a\nbc\r\nlast": "2 4 4 false",
				line(15) + line(16) + line(17) + line(100): "15 16 17 100 false",
				line(101):            "true",
				line(5) + line(1000): "5 true",
				line(100)[:99]:       "99 false",
			} {
				c := client(t, s)
				if _, err := io.WriteString(c, in); err != nil {
					t.Fatal(err)
				}
				_ = c.(*net.TCPConn).CloseWrite()
				if got := answer(t, c); got != want {
					t.Errorf("for %d bytes got %q, want %q", len(in), got, want)
				}
			}
		})
	}
}

func line(n int) string { return string(bytes.Repeat([]byte("x"), n-1)) + "\n" }

// After a timeout a read fails at once, and what was written is still sent.
func TestIOTimeout(t *testing.T) {
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) {
			s := open(t, "tcp", HandlerFunc(func(r *Request) error {
				_, err := r.ReadLine()
				_, again := r.ReadLine()
				_, werr := fmt.Fprint(r, errors.Is(err, os.ErrDeadlineExceeded), errors.Is(again, ErrTimedOut))
				return werr
			}), Options{Mode: mode, IOTimeout: 5 * time.Millisecond})
			serve(t, s)
			c := client(t, s)
			if _, err := io.WriteString(c, "no end of line"); err != nil {
				t.Fatal(err)
			}
			if got := answer(t, c); got != "true true" {
				t.Errorf("got %q", got)
			}
		})
	}
}

// What waits in the buffer of Write is sent at the end, also when Handle has failed.
func TestWriteBuffer(t *testing.T) {
	for _, mode := range modes {
		s := open(t, "tcp", HandlerFunc(func(r *Request) error {
			_, _ = r.WriteString("buffered")
			return errTest
		}), Options{Mode: mode, WriteBufferSize: 1000, Hooks: fails{told: make(chan error, 10)}})
		serve(t, s)
		if got := answer(t, client(t, s)); got != "buffered" {
			t.Errorf("%s: got %q", mode, got)
		}
	}
}

// The oddities of datagrams.
func TestDatagrams(t *testing.T) {
	for _, kind := range []string{"udp", "unixgram"} {
		for _, mode := range modes {
			t.Run(kind+"/"+string(mode), func(t *testing.T) {
				told := make(chan error, 10)
				h := HandlerFunc(func(r *Request) error {
					switch string(r.Packet()[:min(len(r.Packet()), 5)]) {
					case "empty":
						return nil
					case "fails":
						_, _ = r.WriteString("partial")
						return errTest
					case "large":
						_, err := r.Write(make([]byte, 70_000))
						return err
					case "panic":
						panic(errTest)
					}
					_, err := fmt.Fprint(r, len(r.Packet()), r.Truncated())
					return err
				})
				s := open(t, kind, h, Options{Mode: mode, MaxPacketSize: 100, Hooks: fails{told: told}})
				serve(t, s)
				c := client(t, s)
				for _, test := range []struct{ send, want string }{
					{"", "0 false"},
					{line(100), "100 false"},
					{line(101), "100 true"},
					{"empty", ""},        // an answer without a byte
					{"fails", "partial"}, // what was written until then
					{"panic", ""},
				} {
					if got := ask(t, c, test.send); got != test.want {
						t.Errorf("for %q got %q, want %q", test.send, got, test.want)
					}
				}
				for range 2 {
					if err := receive(t, told); !errors.Is(err, errTest) {
						t.Error(err)
					}
				}
				if kind == "udp" { // the kernel refuses: an error of the handler's
					if _, err := io.WriteString(c, "large"); err != nil {
						t.Fatal(err)
					}
					if err := receive(t, told); err == nil {
						t.Error("no error")
					}
				}

				quiet := open(t, kind, h, Options{Mode: mode, SuppressEmptyReply: true})
				serve(t, quiet)
				c = client(t, quiet)
				if _, err := io.WriteString(c, "empty"); err != nil {
					t.Fatal(err)
				}
				if got := ask(t, c, "x"); got != "1 false" {
					t.Errorf("got %q", got)
				}
			})
		}
	}
}

// A Unix client without a name cannot be answered, which is an error of Finish's.
func TestNamelessDatagram(t *testing.T) {
	told := make(chan error, 10)
	s := open(t, "unixgram", HandlerFunc(func(r *Request) error {
		if r.ClientAddr() != nil {
			t.Errorf("client %v", r.ClientAddr())
		}
		return nil
	}), Options{Hooks: fails{told: told}})
	serve(t, s)
	network, to, err := reactor.SplitURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial(network, to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "x"); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, told); err == nil {
		t.Error("no error")
	}
	_ = c.Close()
}

// A Unix socket's file goes with its server, and a name that is taken is refused.
func TestUnixPaths(t *testing.T) {
	s := open(t, "unix", lineEcho, Options{})
	path := s.Addr().String()
	if _, err := NewUnixStream(path, lineEcho, Options{}); err == nil {
		t.Error("two servers at one path")
	}
	if _, err := NewUnixStream(path+string(bytes.Repeat([]byte("x"), 120)), lineEcho, Options{}); err == nil {
		t.Error("a path that is too long was taken")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
	again, err := NewUnixStream(path, lineEcho, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("another's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("another's file has gone: %v", err)
	}
}
