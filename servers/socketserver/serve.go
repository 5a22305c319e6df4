//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/iomux/reactor"
)

// ErrServing: ServeForever or HandleRequest runs already.
var ErrServing = errors.New("the server is serving already")

// serving is a ServeForever that runs.
type serving struct {
	stop  chan struct{} // closed to end it
	ended chan struct{} // closed when it has ended
	err   error         // of Abort
	over  bool          // stop is closed
}

// single is a HandleRequest that runs. Server.mu guards its fields.
type single struct {
	took  int           // how many requests were accepted for it
	begun bool          // there is a Request of it
	done  chan struct{} // closed when that is as far as HandleRequest waits for it
	back  chan struct{} // holds one: what was accepted will not be served after all
	err   error         // of Abort
	over  bool          // done is closed
}

// end has HandleRequest return err. Of nobody's request it does nothing.
func (one *single) end(err error) {
	if one != nil && !one.over {
		one.over, one.err = true, err
		close(one.done)
	}
}

// gate decides how many requests the reactor takes.
type gate struct{ *Server }

// Room implements reactor.Gate.
func (g gate) Room() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	room := g.room()
	g.held = room <= 0
	return room
}

// Took implements reactor.Gate.
func (g gate) Took(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if one := g.single; one != nil {
		if one.took += n; one.took <= 0 {
			select {
			case one.back <- struct{}{}:
			default:
			}
		}
	}
	if g.options.Mode == Threading && g.listener != nil {
		g.requests += n // the goroutine would count too late
	}
	if n < 0 {
		g.fewer()
	}
}

const (
	// unbounded is how many connections there may be in mode Loop: more than there are
	// descriptors.
	unbounded = 1 << 30
	// mostDatagrams is the same of datagrams, which anybody can send without end: with
	// a coroutine each, some 80 MB.
	mostDatagrams = 8192
)

// room is how many requests may be taken; mu is held.
func (s *Server) room() int {
	room := unbounded
	if s.packets != nil {
		room = mostDatagrams - s.requests
	}
	switch s.options.Mode {
	case Sync:
		room = 1 - s.requests
	case Threading:
		room = s.options.MaxThreads - s.requests
	case Forking:
		room = s.children.room(&s.options) - s.requests
	}
	switch {
	case s.serving != nil && !s.serving.over:
		return room
	case s.single != nil && !s.single.over:
		return min(room, 1-s.single.took)
	}
	return 0
}

// resume has the reactor take requests again if there is room; mu is held.
func (s *Server) resume() {
	if !s.held || s.room() <= 0 {
		return
	}
	s.held = false
	if s.listener != nil {
		s.listener.Resume()
	}
	if s.packets != nil {
		s.packets.Resume()
	}
}

// ServeForever serves requests until Shutdown or Close is called, which makes it return
// nil, or until ctx ends, whose error it returns, or a request aborts it, see Abort. What
// runs then goes on; Close waits for it. It does not close the server and may be called
// again. Errors besides: ErrServing; reactor.ErrClosed, also if it is not bound.
func (s *Server) ServeForever(ctx context.Context) error {
	run := &serving{stop: make(chan struct{}), ended: make(chan struct{})}
	if err := s.start("serve", func() { s.serving = run }); err != nil {
		return err
	}
	tick := time.NewTicker(s.options.PollInterval)
	defer tick.Stop()
	defer func() { // also if a hook panics
		s.mu.Lock()
		s.stop(nil)
		s.serving = nil
		s.mu.Unlock()
		close(run.ended)
	}()
	for {
		select {
		case <-run.stop:
			return run.err
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-s.actions:
		}
		select {
		case <-run.stop: // nothing more is done then, as in Python
			return run.err
		default:
		}
		s.options.Hooks.ServiceActions(s)
	}
}

// start begins to take requests, as set says.
func (s *Server) start(what string, set func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || s.socket == nil:
		return fmt.Errorf("socketserver: %s %s: %w", what, s.url, reactor.ErrClosed)
	case s.serving != nil || s.single != nil:
		return fmt.Errorf("socketserver: %s %s: %w", what, s.url, ErrServing)
	}
	set()
	s.beginPool()
	s.resume()
	return nil
}

// stop has ServeForever return err; mu is held.
func (s *Server) stop(err error) {
	if run := s.serving; run != nil && !run.over {
		run.over, run.err = true, err
		close(run.stop)
	}
}

// Shutdown has ServeForever return and waits until it has, or until ctx ends, whose
// error it returns then. It accepts no more, but for what is being accepted in that very
// moment; requests that run go on, so that a handler may call it too. When nothing serves
// it does nothing, and does not keep a later ServeForever from serving, as it does in
// Python.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	run := s.serving
	s.stop(nil)
	s.mu.Unlock()
	if run == nil {
		return nil
	}
	select {
	case <-run.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// HandleRequest serves one request: it waits for it for as long as Options.Timeout and
// ctx say, and in modes Loop and Sync until it is served, in the others until it runs.
// handled is false if none came: then the hook HandleTimeout has been called, or ctx has
// ended. A request that was refused counts, and one that came in that very moment is
// served though nobody waits for it. Errors: ctx's, of Abort, ErrServing,
// reactor.ErrClosed, also when Close is called meanwhile.
func (s *Server) HandleRequest(ctx context.Context) (handled bool, err error) {
	one := &single{done: make(chan struct{}), back: make(chan struct{}, 1)}
	if err := s.start("handle a request of", func() { s.single = one }); err != nil {
		return false, err
	}
	var timeout <-chan time.Time
	var looked <-chan struct{}
	switch d := s.options.Timeout; {
	case d > 0:
		t := time.NewTimer(d)
		defer t.Stop()
		timeout = t.C
	case d < 0:
		looked = s.look()
	}
	late, ctxDone := false, ctx.Done()
	for {
		select {
		case <-one.done:
			s.mu.Lock()
			defer s.mu.Unlock()
			s.single = nil
			return one.took > 0, one.err
		case <-timeout:
			late, timeout = true, nil
		case <-looked:
			late, looked = true, nil
		case <-ctxDone:
			ctxDone = nil
		case <-one.back:
		}
		switch {
		case (late || ctxDone == nil) && s.giveUp(one): // there is one, and it will end
		case late:
			s.options.Hooks.HandleTimeout(s)
			return false, nil
		case ctxDone == nil:
			return false, ctx.Err()
		}
	}
}

// look returns a channel that is closed when the loop has looked for a request once
// since it was told to: functions that are posted run behind what a turn has found.
func (s *Server) look() <-chan struct{} {
	looked := make(chan struct{})
	l := s.group.Loops()[0] // the one that accepts
	err := l.Post(func() {
		if l.Post(func() { close(looked) }) != nil {
			close(looked)
		}
	})
	if err != nil {
		close(looked) // it has ended
	}
	return looked
}

// giveUp takes no request for one any more, and reports whether there is one already.
func (s *Server) giveUp(one *single) (took bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one.took > 0 || one.over {
		return true
	}
	s.single = nil
	return false
}
