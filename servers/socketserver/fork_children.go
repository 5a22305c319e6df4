//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"example.com/iomux/reactor"
)

// children are the processes of a server. Server.mu guards the fields.
type children struct {
	program  string                // that is started; "": this one
	spawner  chan func()           // to the goroutine that starts; nil: there is none yet
	starting int                   // processes that are being started
	running  map[*process]struct{} // and not yet collected
	pool     pool
	reading  map[net.Conn]struct{} // by hooks in the parent

	ended bool          // no more are to be started
	cut   bool          // those that run are killed
	none  chan struct{} // closed when they have ended and none is left; nil: nobody waits
}

// room is how many more requests children can serve.
func (c *children) room(o *Options) int {
	if o.Pool {
		return len(c.pool.idle)
	}
	return o.MaxChildren - c.starting - len(c.running)
}

// childProgram is what a child runs.
func (s *Server) childProgram() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.children.program != "" {
		return s.children.program, nil
	}
	return thisProgram()
}

// startingChild counts a process that is about to be started.
func (s *Server) startingChild() (spawner chan<- func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.children
	if c.ended {
		return nil, fmt.Errorf("start a process: %w", reactor.ErrClosed)
	}
	if c.spawner == nil {
		c.spawner = make(chan func())
		go spawn(c.spawner)
	}
	c.starting++
	return c.spawner, nil
}

// startedChild takes in what has become of that; nil: nothing.
func (s *Server) startedChild(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.children
	c.starting--
	if p == nil {
		s.fewerChildren()
		return
	}
	if c.running == nil {
		c.running = map[*process]struct{}{}
	}
	c.running[p] = struct{}{}
	if !s.options.Pool {
		s.wind(p)
	}
	if c.cut {
		p.kill()
	}
}

// childEnded takes in that a process has ended, and in which state, if that is known.
func (s *Server) childEnded(p *process, state *os.ProcessState) {
	switch {
	case state == nil || state.ExitCode() == exitServed:
	case state.ExitCode() == exitFailed: // it has said why itself
		s.options.Logger.Debug("a child has failed", "server", s.URL(), "pid", p.pid)
	case s.cutsChildren():
		s.options.Logger.Info("a child was killed", "server", s.URL(), "pid", p.pid)
	default:
		s.options.Logger.Warn("a child has broken down", "server", s.URL(), "pid", p.pid, "state", state.String())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.stopClock()
	delete(s.children.running, p)
	s.fewerChildren()
}

// cutsChildren reports whether those that end now have been killed by the server.
func (s *Server) cutsChildren() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.children.cut
}

// fewerChildren does what has waited for there to be less of them; mu is held.
func (s *Server) fewerChildren() {
	c := &s.children
	if c.none != nil && c.starting+len(c.running)+c.pool.slots == 0 {
		close(c.none) // nothing brings it here again
		if c.spawner != nil {
			close(c.spawner)
		}
		return
	}
	s.resume()
	select {
	case s.actions <- struct{}{}:
	default: // ServiceActions is to be called already
	}
}

// killPatience is how long endChildren waits for those it has killed: the kernel may
// be in the middle of something on their behalf.
const killPatience = 5 * time.Second

// endChildren waits for the children. When ctx ends they are killed.
func (s *Server) endChildren(ctx context.Context) error {
	s.mu.Lock()
	c := &s.children
	c.ended, c.none = true, make(chan struct{})
	none := c.none
	c.pool.end()
	s.fewerChildren()
	s.mu.Unlock()
	select {
	case <-none:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	c.cut = true
	left := c.starting + len(c.running)
	for p := range c.running {
		p.kill()
	}
	s.mu.Unlock()
	select {
	case <-none:
	case <-time.After(killPatience):
	}
	if left == 0 {
		return nil // they had just ended
	}
	return fmt.Errorf("socketserver: close %s: %d children were killed: %w", s.url, left, ctx.Err())
}
