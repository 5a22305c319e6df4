//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"example.com/iomux/reactor"
)

// Handler gets what comes over WebSocket connections. One value serves all of them,
// on all loops at once; what is said of reactor.Handler holds here.
type Handler interface {
	// Opened is called once, first, when a connection has been upgraded.
	Opened(c *Conn)

	// Message brings a whole message; text is valid UTF-8. p is good during the call
	// only, and may be changed.
	Message(c *Conn, text bool, p []byte)

	// Closed is called once, last. err is nil when this side closed; a *CloseError
	// when the peer did, with its code; ErrProtocol, ErrText, ErrTooLarge, ErrFlood or
	// reactor.ErrMemoryLimit when the connection was closed for what the peer sent;
	// reactor.ErrTimeout too when it did not answer a ping; else as for
	// reactor.Handler: io.EOF says that the peer went without a word.
	Closed(c *Conn, err error)
}

// NopHandler does nothing. Embed it to write only the methods one needs.
type NopHandler struct{}

// Opened does nothing.
func (NopHandler) Opened(*Conn) {}

// Message does nothing with p.
func (NopHandler) Message(*Conn, bool, []byte) {}

// Closed does nothing.
func (NopHandler) Closed(*Conn, error) {}

// Server is a reactor.Handler that speaks HTTP until a connection is upgraded, and
// WebSocket from then on. It may serve several listeners, also of several groups.
type Server struct {
	handler Handler
	options Options
	epoch   time.Time // of the times of pings
	loops   sync.Map  // *reactor.Loop to *scratch

	closeWait time.Duration // tests have their own

	assembly atomic.Int64 // bytes of messages of which fragments have come
	workers  atomic.Int64 // goroutines that make pages

	mu      sync.Mutex
	conns   map[*Conn]struct{} // that are upgraded
	pending int                // pages that are being made, or sent
	closing bool
	gone    chan struct{} // closed when closing and there are none of these
}

// New makes a server. Errors: reactor.ErrOption.
func New(h Handler, o Options) (*Server, error) {
	if h == nil {
		return nil, fmt.Errorf("websocket: %w: there is no handler", reactor.ErrOption)
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Server{
		handler:   h,
		options:   o,
		epoch:     time.Now(),
		closeWait: closeWait,
		conns:     map[*Conn]struct{}{},
		gone:      make(chan struct{}),
	}, nil
}

// scratch is what the connections of a loop work with, one at a time.
type scratch struct {
	in    headReader
	out   []byte // a frame that is being written
	spare []byte // for the fragments of the next message
}

// keptScratch bounds the buffers that a loop keeps.
const keptScratch = 64 << 10

// Opened is for the reactor to call.
func (s *Server) Opened(raw *reactor.Conn) {
	v, ok := s.loops.Load(raw.Loop())
	if !ok {
		v, _ = s.loops.LoadOrStore(raw.Loop(), &scratch{})
	}
	raw.SetContext(&Conn{server: s, raw: raw, work: v.(*scratch)})
}

// Data is for the reactor to call.
func (s *Server) Data(raw *reactor.Conn, p []byte) (used int) {
	c := raw.Context().(*Conn)
	c.heard = true
	if c.asked {
		c.keepAlive()
	}
	for used < len(p) {
		n := 0
		switch {
		case c.paused:
		case c.stage == stageRequest:
			n = c.request(p[used:])
		case c.stage == stageOpen || c.stage == stageClosing:
			n = c.frame(p[used:])
		case c.stage == stageOver:
			return len(p)
		}
		if n == 0 {
			break
		}
		used += n
	}
	return used
}

// Closed is for the reactor to call.
func (s *Server) Closed(raw *reactor.Conn, err error) {
	c := raw.Context().(*Conn)
	before := c.stage
	c.stage = stageOver
	if c.timer != nil {
		c.timer.Stop()
	}
	c.dropPage()
	c.decoder = decoder{}
	_ = c.account() // it has less than before
	if !c.upgraded {
		return
	}
	defer s.forget(c)
	switch {
	case c.reason != nil:
		err = c.reason
	case before == stageClosing && errors.Is(err, io.EOF):
		err = nil // it closed because it was told to, though without a word
	}
	s.handler.Closed(c, err)
}

// remember counts a connection among those that are upgraded; false: no more are
// taken.
func (s *Server) remember(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

// forget is the end of an upgraded connection.
func (s *Server) forget(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.look()
}

// hold counts n more, or less, of what Shutdown waits for beside connections.
func (s *Server) hold(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending += n
	s.look()
}

// look tells Shutdown when it need not wait any more. The lock is held.
func (s *Server) look() {
	if s.closing && len(s.conns) == 0 && s.pending == 0 {
		select {
		case <-s.gone:
		default:
			close(s.gone)
		}
	}
}

// Shutdown closes all WebSocket connections with code 1001 and waits until they are
// gone and the pages that are being made are sent, or until ctx ends, whose error it
// then returns. New connections are refused with 503 from now on. Call it before
// reactor.Group.Shutdown, which hangs up without that word. Any goroutine but those of
// the loops may call it, and more than once.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	for c := range s.conns {
		// A loop that has ended has no connections.
		_ = c.raw.Post(func() { c.Close(goingAway, "") })
	}
	s.look()
	s.mu.Unlock()
	select {
	case <-s.gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("websocket: shutdown: %w", ctx.Err())
	}
}
