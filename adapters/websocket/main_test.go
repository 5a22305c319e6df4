//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }

// patience bounds what must happen in the end.
const patience = 30 * time.Second

// everywhere runs a test on every backend, and checks that nothing is left of it.
func everywhere(t *testing.T, test func(t *testing.T, o reactor.Options)) {
	for _, b := range iomux.Backends() {
		t.Run(string(b), func(t *testing.T) {
			leaktest.Check(t)
			test(t, reactor.Options{Backend: b, Loops: 1})
		})
	}
}

// handler is a Handler of three functions, each of which may be nil.
type handler struct {
	opened  func(c *Conn)
	message func(c *Conn, text bool, p []byte)
	closed  func(c *Conn, err error)
}

func (h handler) Opened(c *Conn) {
	if h.opened != nil {
		h.opened(c)
	}
}

func (h handler) Message(c *Conn, text bool, p []byte) {
	if h.message != nil {
		h.message(c, text, p)
	}
}

func (h handler) Closed(c *Conn, err error) {
	if h.closed != nil {
		h.closed(c, err)
	}
}

func echo(c *Conn, text bool, p []byte) { _ = c.Write(text, p) } // the test sees what does not come

// listening is a server that a test runs.
type listening struct {
	*Server
	group *reactor.Group
	addr  string
	log   *log
}

// log is a log that a test can read.
type log struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve runs a server until the test ends.
func serve(t testing.TB, ro reactor.Options, lo reactor.ListenOptions, h Handler, o Options) *listening {
	t.Helper()
	l := &listening{log: &log{}}
	ro.Logger = slog.New(slog.NewTextHandler(l.log, nil))
	o.Logger = ro.Logger
	var err error
	if l.Server, err = New(h, o); err != nil {
		t.Fatal(err)
	}
	if l.group, err = reactor.Open(ro); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = l.group.Shutdown(now) // by force: what was to drain, the test has seen
	})
	ln, err := l.group.Listen("tcp://127.0.0.1:0", l, lo)
	if err != nil {
		t.Fatal(err)
	}
	l.addr = ln.Addr().String()
	return l
}

// onLoop runs f on the first loop and waits for it.
func (l *listening) onLoop(t testing.TB, f func()) {
	t.Helper()
	done := make(chan struct{})
	if err := l.group.Loops()[0].Post(func() { defer close(done); f() }); err != nil {
		t.Fatal(err)
	}
	receive(t, done)
}

// deserted waits until there is no connection any more.
func (l *listening) deserted(t testing.TB) {
	t.Helper()
	for end := time.Now().Add(patience); l.group.Stats().Conns > 0; l.onLoop(t, func() {}) {
		if time.Now().After(end) {
			t.Fatalf("%d connections stay", l.group.Stats().Conns)
		}
	}
}

// receive waits for a value from the loop.
func receive[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// client is the other end of a connection.
type client struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func (l *listening) dial(t testing.TB) *client {
	t.Helper()
	c, err := net.Dial("tcp", l.addr)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, c)
}

func newClient(t testing.TB, c net.Conn) *client {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() }) // some tests close it before
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{c, t, bufio.NewReader(c)}
}

// ask is an upgrade request with more header lines.
func ask(path string, lines ...string) string {
	s := "GET " + path + " HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	for _, line := range lines {
		s += line + "\r\n"
	}
	return s + "\r\n"
}

// open is dial with an upgrade.
func (l *listening) open(t testing.TB, lines ...string) *client {
	t.Helper()
	c := l.dial(t)
	c.send(ask(l.options.Path, lines...))
	c.upgraded()
	return c
}

// upgraded expects the answer to an upgrade request; the accept value is that of RFC
// 6455, 1.3, for the key there.
func (c *client) upgraded() http.Header {
	c.t.Helper()
	r, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if r.StatusCode != 101 || r.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		c.t.Fatalf("got %s, %v", r.Status, r.Header)
	}
	return r.Header
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatal(err)
	}
}

// text sends a whole message.
func (c *client) text(s string) {
	c.t.Helper()
	c.send(masked(ws.OpText, true, s))
}

// next reads a frame and says what it is: "text hello", "close 1000 bye".
func (c *client) next() string {
	c.t.Helper()
	s, err := c.tryNext()
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

func (c *client) tryNext() (string, error) {
	h, err := ws.ReadHeader(c.r)
	if err != nil {
		return "", err
	}
	if h.Masked || !h.Fin || h.Rsv != 0 {
		return "", fmt.Errorf("a frame with header %+v", h)
	}
	p := make([]byte, h.Length)
	if _, err := io.ReadFull(c.r, p); err != nil {
		return "", err
	}
	return describe(h.OpCode, p), nil
}

func describe(op ws.OpCode, p []byte) string {
	switch op {
	case ws.OpText:
		return "text " + string(p)
	case ws.OpBinary:
		return "binary " + string(p)
	case ws.OpPing:
		return "ping " + string(p)
	case ws.OpPong:
		return "pong " + string(p)
	case ws.OpClose:
		if len(p) < 2 {
			return "close"
		}
		return strings.TrimSpace(fmt.Sprintf("close %d %s", int(p[0])<<8|int(p[1]), p[2:]))
	}
	return fmt.Sprintf("opcode %d", op)
}

// expect reads frames.
func (c *client) expect(want ...string) {
	c.t.Helper()
	for _, want := range want {
		if got := c.next(); got != want {
			c.t.Fatalf("got %.100q, want %.100q", got, want)
		}
	}
}

// expectEnd reads the end.
func (c *client) expectEnd() {
	c.t.Helper()
	if n, err := c.r.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("got %d bytes and %v, want the end", n, err)
	}
}

// masked is a client's frame.
func masked(op ws.OpCode, fin bool, payload string) string {
	return raw(frameBits{op: op, fin: fin, masked: true}, payload)
}

// frameBits are the parts of a header that a test may get wrong.
type frameBits struct {
	op     ws.OpCode
	fin    bool
	masked bool
	rsv    byte
	form   int   // of the length: 0 the right one, 16 or 64 bits
	claim  int64 // a length in place of the payload's; 0: that
	high   bool  // bit 63 of the length
}

// raw is a frame with whatever is wrong with it.
func raw(b frameBits, payload string) string {
	n := uint64(len(payload))
	if b.claim != 0 {
		n = uint64(b.claim)
	}
	form := b.form
	switch {
	case form != 0:
	case n > 65535:
		form = 64
	case n > 125:
		form = 16
	}
	first, second := byte(b.op)|b.rsv<<4, byte(0)
	if b.fin {
		first |= 0x80
	}
	if b.masked {
		second = 0x80
	}
	var out []byte
	switch form {
	case 0:
		out = []byte{first, second | byte(n)}
	case 16:
		out = []byte{first, second | 126, byte(n >> 8), byte(n)}
	case 64:
		out = []byte{first, second | 127}
		for shift := 56; shift >= 0; shift -= 8 {
			out = append(out, byte(n>>shift))
		}
		if b.high {
			out[2] |= 0x80
		}
	}
	p := []byte(payload)
	if b.masked {
		mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
		out = append(out, mask[:]...)
		for i := range p {
			p[i] ^= mask[i%4]
		}
	}
	return string(out) + string(p)
}

// closing is a client's close frame.
func closing(code int, reason string) string {
	return masked(ws.OpClose, true, string([]byte{byte(code >> 8), byte(code)})+reason)
}
