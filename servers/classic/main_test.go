//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	golden "example.com/iomux/internal/transcript"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/socketserver"
)

func TestMain(m *testing.M) {
	Main()
	// The processes of mode fork would sleep for a second before they exit, where the
	// race detector is in them.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(leaktest.Main(m))
}

// patience bounds what must happen in the end.
const patience = 30 * time.Second

// modesOf are the modes of a server; one that has none has the empty one.
func modesOf(e Entry) []socketserver.Mode {
	if len(e.Modes) == 0 {
		return []socketserver.Mode{""}
	}
	return e.Modes
}

// everywhere runs a test of a server in each of its modes on every backend.
func everywhere(t *testing.T, name string, test func(t *testing.T, o Options)) {
	e, ok := Find(name)
	if !ok {
		t.Fatalf("there is no server %q", name)
	}
	for _, backend := range iomux.Backends() {
		for _, mode := range modesOf(e) {
			if mode == socketserver.Forking && backend != iomux.Backends()[0] {
				continue // what a request costs there is much, and its process has no backend
			}
			t.Run(string(backend)+"/"+string(mode), func(t *testing.T) {
				leaktest.Check(t)
				test(t, Options{Mode: mode, Reactor: reactor.Options{Backend: backend}})
			})
		}
	}
}

// begin starts a server, at free ports unless o says where, until the test ends.
func begin(t *testing.T, name string, o Options, flags ...string) *Server {
	t.Helper()
	e, ok := Find(name)
	if !ok {
		t.Fatalf("there is no server %q", name)
	}
	if o.Listen == nil {
		for _, url := range e.Listen {
			o.Listen = append(o.Listen, url[:strings.LastIndexByte(url, ':')]+":0")
		}
	}
	if o.Reactor.Logger == nil {
		o.Reactor.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	s, err := setup(t, name, flags...)(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, s) })
	return s
}

// setup is a server's start with its flags set.
func setup(t *testing.T, name string, flags ...string) Start {
	t.Helper()
	e, _ := Find(name)
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(t.Output())
	start := e.Setup(set)
	if err := set.Parse(flags); err != nil {
		t.Fatal(err)
	}
	return start
}

// end shuts a server down, in order.
func end(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := s.Err(); err != nil {
		t.Error(err)
	}
}

// dial connects to the i-th address of a server.
func dial(t *testing.T, s *Server, i int) net.Conn {
	t.Helper()
	network, address, err := reactor.SplitURL(s.URLs()[i])
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.DialTimeout(network, address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // many tests have
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// dialTCP is dial of the first address, for TCP's own methods.
func dialTCP(t *testing.T, s *Server) *net.TCPConn {
	t.Helper()
	return dial(t, s, 0).(*net.TCPConn)
}

// say sends text.
func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// hear wants exactly this next.
func hear(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("got %q and %v, want %q", got[:n], err, want)
	}
}

// hearAll wants exactly this and then the end. There may be placeholders in it, as in
// transcripts.
func hearAll(t *testing.T, c net.Conn, want string) {
	t.Helper()
	if !checkAll(t, c, want) {
		t.FailNow()
	}
}

// checkAll is hearAll for goroutines other than the test's.
func checkAll(t *testing.T, c net.Conn, want string) bool {
	t.Helper()
	got, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("got %q and %v, want %q and the end", got, err, want)
		return false
	}
	text, err := golden.ParseText(want)
	if err != nil {
		t.Error(err)
		return false
	}
	host, port, _ := net.SplitHostPort(c.RemoteAddr().String())
	if err := text.Match(string(got), map[string]string{"SERVER-HOST": host, "SERVER-PORT": port}); err != nil {
		t.Error(err)
		return false
	}
	return true
}

// hearNothing wants the end, in order or by a reset, and not a byte before it.
func hearNothing(t *testing.T, c net.Conn) {
	t.Helper()
	got, err := io.ReadAll(c)
	if len(got) > 0 || err != nil && !errors.Is(err, unix.ECONNRESET) {
		t.Fatalf("got %q and %v, want the end", got, err)
	}
}

// closeWrite ends the client's direction.
func closeWrite(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
}

// reset ends a connection with a reset.
func reset(t *testing.T, c *net.TCPConn) {
	t.Helper()
	if err := errors.Join(c.SetLinger(0), c.Close()); err != nil {
		t.Fatal(err)
	}
}

// socketPath is a free path for a socket, short enough for one.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "classic")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// paper is what is written to it, for several goroutines.
type paper struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.Write(b)
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.String()
}

// wait waits until there is a text in it.
func (p *paper) wait(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(p.String(), text); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatalf("there is never %q in:\n%s", text, p.String())
		}
	}
}

// wants compares it with a transcript, in which there may be placeholders.
func (p *paper) wants(t *testing.T, want string) {
	t.Helper()
	text, err := golden.ParseText(want)
	if err != nil {
		t.Fatal(err)
	}
	if err := text.Match(p.String(), nil); err != nil {
		t.Error(err)
	}
}
