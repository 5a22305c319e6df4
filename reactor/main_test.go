//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// patience bounds what must happen in the end; no test waits so long unless it
// fails.
const patience = 20 * time.Second

// variant is a way to run a loop.
type variant struct {
	backend iomux.Backend
	wait    WaitMode
}

func variants() (list []variant) {
	for _, b := range iomux.Backends() {
		list = append(list, variant{b, Polite})
		p, err := iomux.Open(b)
		if err != nil {
			panic(err)
		}
		if d, ok := p.(iomux.Descriptor); ok && d.Fd() >= 0 {
			list = append(list, variant{b, Fair})
		}
		if err := p.Close(); err != nil {
			panic(err)
		}
	}
	return list
}

// everywhere runs a test on every backend in every wait mode, and checks that
// nothing is left of it.
func everywhere(t *testing.T, test func(t *testing.T, o Options)) {
	for _, v := range variants() {
		t.Run(string(v.backend)+"/"+string(v.wait), func(t *testing.T) {
			leaktest.Check(t)
			test(t, Options{Backend: v.backend, Wait: v.wait, Loops: 1})
		})
	}
}

// handler is a Handler of three functions, each of which may be nil.
type handler struct {
	opened func(c *Conn)
	data   func(c *Conn, p []byte) int
	closed func(c *Conn, err error)
}

func (h handler) Opened(c *Conn) {
	if h.opened != nil {
		h.opened(c)
	}
}

func (h handler) Data(c *Conn, p []byte) int {
	if h.data == nil {
		return len(p)
	}
	return h.data(c, p)
}

func (h handler) Closed(c *Conn, err error) {
	if h.closed != nil {
		h.closed(c, err)
	}
}

// echo is the handler under most tests.
var echo = handler{data: func(c *Conn, p []byte) int {
	_, _ = c.Write(p) // an error ends the connection, which the test sees
	return len(p)
}}

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

func (b *logBuffer) count(s string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.buf.String(), s)
}

// serve runs h and returns the group, its listener, and its log. The group is
// shut down, by force if need be, when the test ends.
func serve(t *testing.T, o Options, h Handler) (*Group, *Listener, *logBuffer) {
	t.Helper()
	log := &logBuffer{}
	o.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = g.Shutdown(now) // by force: what was to drain, the test has seen
	})
	ln, err := g.Listen("tcp://127.0.0.1:0", h, ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return g, ln, log
}

// dial connects to a listener. The connection is closed when the test ends.
func dial(t *testing.T, ln *Listener) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // some tests close it before
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// roundTrip sends p and expects it back.
func roundTrip(t *testing.T, c net.Conn, p string) {
	t.Helper()
	if _, err := io.WriteString(c, p); err != nil {
		t.Fatal(err)
	}
	expect(t, c, p)
}

// expect reads exactly what is wanted.
func expect(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("got %q and then %v, want %q", got[:n], err, want)
	}
	if string(got) != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

// expectEnd reads the end of file, or a reset where that is allowed.
func expectEnd(t *testing.T, c net.Conn) {
	t.Helper()
	var one [1]byte
	n, err := c.Read(one[:])
	var timeout net.Error
	if n != 0 || err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("got %d bytes and %v, want the end", n, err)
	}
}

// receive waits for a value from the loop.
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

// onLoop runs f on a loop and waits for it.
func onLoop(t *testing.T, l *Loop, f func()) {
	t.Helper()
	done := make(chan struct{})
	if err := l.Post(func() { defer close(done); f() }); err != nil {
		t.Fatal(err)
	}
	receive(t, done)
}

// standStill stops a loop until goOn is called, at the latest when the test ends.
func standStill(t *testing.T, l *Loop) (goOn func()) {
	t.Helper()
	block, blocked := make(chan struct{}), make(chan struct{})
	goOn = sync.OnceFunc(func() { close(block) })
	t.Cleanup(goOn)
	if err := l.Post(func() { close(blocked); <-block }); err != nil {
		t.Fatal(err)
	}
	receive(t, blocked)
	return goOn
}

// hook installs hooks for the test. With them set, tests cannot run in parallel.
func hook(t *testing.T, h *sys.Hooks) {
	t.Helper()
	t.Cleanup(sys.SetHooks(h))
}
