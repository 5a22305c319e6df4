//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
)

func TestMain(m *testing.M) {
	Main()
	os.Exit(leaktest.Main(m))
}

// patience bounds what must happen in the end.
const patience = 20 * time.Second

// modes are those in which a handler runs in the process of the test.
var modes = []Mode{Loop, Sync, Threading}

// kinds are the four kinds of servers.
var kinds = []string{"tcp", "udp", "unix", "unixgram"}

// everywhere runs a test of each kind of server in each mode, on every backend.
func everywhere(t *testing.T, test func(t *testing.T, kind string, o Options)) {
	for _, backend := range iomux.Backends() {
		for _, kind := range kinds {
			for _, mode := range modes {
				t.Run(string(backend)+"/"+kind+"/"+string(mode), func(t *testing.T) {
					leaktest.Check(t)
					test(t, kind, Options{Mode: mode, Reactor: reactor.Options{Backend: backend}})
				})
			}
		}
	}
}

// datagram reports whether a kind is of datagrams.
func datagram(kind string) bool { return kind == "udp" || kind == "unixgram" }

// testLog is a test's log, as long as that runs: a goroutine that has panicked may be told
// of after that, where nobody has to wait for it.
type testLog struct {
	mu   sync.Mutex
	to   io.Writer
	over bool
}

func logOf(t *testing.T) *testLog {
	l := &testLog{to: t.Output()}
	t.Cleanup(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.over = true
	})
	return l
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return len(p), nil
	}
	return l.to.Write(p)
}

// open makes a server of a kind, which is closed when the test ends.
func open(t *testing.T, kind string, h Handler, o Options) *Server {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(logOf(t), nil))
	}
	s, err := New(address(t, kind), h, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.CloseWithin(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// address is one of a kind that is free.
func address(t *testing.T, kind string) string {
	t.Helper()
	switch kind {
	case "tcp", "udp":
		return kind + "://127.0.0.1:0"
	}
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return kind + "://" + filepath.Join(dir, "server")
}

// serve has a server serve until the test ends, or until stop is called, which returns
// what ServeForever did.
func serve(t *testing.T, s *Server) (stop func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- s.ServeForever(context.Background()) }()
	for !s.runs() { // so that a Shutdown ends it
		time.Sleep(10 * time.Microsecond)
	}
	stop = sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return errors.Join(s.Shutdown(ctx), <-done)
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return stop
}

func (s *Server) runs() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.serving != nil
}

// client connects to a server. A Unix one for datagrams has a name of its own.
func client(t *testing.T, s *Server) net.Conn {
	t.Helper()
	network, to, err := reactor.SplitURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	var c net.Conn
	if network == "unixgram" {
		dir, err := os.MkdirTemp("", "c")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		c, err = net.DialUnix(network, &net.UnixAddr{Name: filepath.Join(dir, "client"), Net: network}, &net.UnixAddr{Name: to, Net: network})
		if err != nil {
			t.Fatal(err)
		}
	} else if c, err = net.Dial(network, to); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // some tests have
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask sends a message and returns all that comes back: a datagram, or what there is up
// to the end.
func ask(t *testing.T, c net.Conn, message string) string {
	t.Helper()
	if _, err := io.WriteString(c, message); err != nil {
		t.Fatal(err)
	}
	return answer(t, c)
}

func answer(t *testing.T, c net.Conn) string {
	t.Helper()
	buf := make([]byte, 1<<16)
	if network := c.LocalAddr().Network(); network == "udp" || network == "unixgram" {
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("got %q and %v", got, err)
	}
	return string(got)
}

// receive waits for a value.
func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// journal is a list that several goroutines write.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

func (j *journal) has(line string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Contains(j.lines, line)
}

// logBuffer is a log that a test can read.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// slogTo is a logger that writes to b.
func slogTo(b *logBuffer) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

func (b *logBuffer) count(s string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.buf.String(), s)
}

// await lets others run.
func await(t *testing.T) {
	t.Helper()
	if t.Context().Err() != nil {
		t.Fatal("the test is over")
	}
	time.Sleep(10 * time.Microsecond)
}
