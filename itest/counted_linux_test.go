package itest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/reactor"
)

// openGroup opens loops in this process, until the test ends.
func openGroup(t *testing.T, o reactor.Options) *reactor.Group {
	t.Helper()
	o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	group, err := reactor.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := group.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return group
}

// listen listens in a group.
func listen(t *testing.T, group *reactor.Group, url string, h reactor.Handler, o reactor.ListenOptions) *reactor.Listener {
	t.Helper()
	ln, err := group.Listen(url, h, o)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// addrPort is where clients of a listener on TCP connect.
func addrPort(t *testing.T, ln *reactor.Listener) netip.AddrPort {
	t.Helper()
	addr, err := netip.ParseAddrPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// counted is an echo that counts what it is told of its connections.
type counted struct {
	t              *testing.T
	opened, closed atomic.Int64

	mu      sync.Mutex
	reasons map[error]int // why connections closed: nil, io.EOF, or an errno
}

// Opened marks the connection.
func (h *counted) Opened(c *reactor.Conn) {
	h.opened.Add(1)
	if c.Context() != nil {
		h.t.Error("Opened is called twice")
	}
	c.SetContext(h)
}

// Data writes p back.
func (h *counted) Data(c *reactor.Conn, p []byte) int {
	if c.Context() != h {
		h.t.Error("Data is called before Opened or after Closed")
	}
	c.Write(p)
	return len(p)
}

// Closed wants the mark.
func (h *counted) Closed(c *reactor.Conn, err error) {
	h.closed.Add(1)
	if c.Context() != h {
		h.t.Error("Closed is called twice, or before Opened")
	}
	c.SetContext("closed")
	var errno unix.Errno
	switch {
	case errors.As(err, &errno):
		err = errno
	case errors.Is(err, io.EOF):
		err = io.EOF
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.reasons == nil {
		h.reasons = make(map[error]int)
	}
	h.reasons[err]++
}

// balanced waits until every connection that was opened is closed, and wants
// loops and handler to agree about it.
func (h *counted) balanced(group *reactor.Group) {
	h.t.Helper()
	await(h.t, "all connections are closed", func() bool {
		s := group.Stats()
		return s.Conns == 0 && s.Opened == s.Closed
	})
	s := group.Stats()
	if h.opened.Load() != int64(s.Opened) || h.closed.Load() != int64(s.Closed) {
		h.t.Errorf("the handler saw %d opened and %d closed, the loops %d and %d", h.opened.Load(), h.closed.Load(), s.Opened, s.Closed)
	}
	if s.Buffered != 0 || s.Panics != 0 {
		h.t.Errorf("%d bytes wait for nobody, %d panics", s.Buffered, s.Panics)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.t.Logf("%d connections opened and closed, for the reasons %v", s.Opened, h.reasons)
}

// closedFor is how many connections closed for a reason.
func (h *counted) closedFor(reason error) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reasons[reason]
}

// settled waits until all loops have run what was posted before.
func settled(t *testing.T, group *reactor.Group) {
	t.Helper()
	var wg sync.WaitGroup
	for _, l := range group.Loops() {
		wg.Add(1)
		if err := l.Post(wg.Done); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}
