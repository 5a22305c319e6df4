//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"errors"
	"sync"
	"time"

	"example.com/iomux/reactor"
)

// pool are processes that serve one request after the other, see Options.Pool. There
// are Options.MaxChildren slots, each with a goroutine that starts a process and, when
// that has died, another. Server.mu guards the fields.
type pool struct {
	slots  int
	idle   []*worker
	more   sync.Cond     // a worker is idle, or the server closed
	ending chan struct{} // closed by end; nil: there was no pool
	failed time.Time     // when it was last logged that none can be started
}

// beginPool starts the pool, if there is to be one and is none; mu is held.
func (s *Server) beginPool() {
	p := &s.children.pool
	if !s.options.Pool || s.options.Mode != Forking || p.ending != nil {
		return
	}
	p.ending = make(chan struct{})
	p.more.L = &s.mu
	p.slots = s.options.MaxChildren
	for range p.slots {
		go s.slot(p.ending)
	}
}

// end has idle workers end, the others when they are idle, and none started any more;
// mu is held.
func (p *pool) end() {
	if p.ending == nil {
		return
	}
	close(p.ending)
	for _, w := range p.idle {
		_ = w.conn.Close() // nothing is under way on it
	}
	p.idle = nil
}

// A process that dies at once is replaced after a pause, which doubles each time up to
// what the reactor pauses at most: it may be the program that is broken, or this machine.
const (
	minRestartPause = 10 * time.Millisecond
	maxRestartPause = time.Second
	// soundAfter is how long a process must have lived, if it has served nothing, for
	// its death not to count as at once.
	soundAfter = time.Second
)

// slot keeps a worker running until the pool ends.
func (s *Server) slot(ending <-chan struct{}) {
	defer s.slotEnded()
	pause := minRestartPause
	for {
		began := time.Now()
		w, err := s.startWorker()
		sound := false
		if err == nil {
			sound = s.attend(w) || time.Since(began) >= soundAfter
		} else {
			s.cannotStart(err)
		}
		if sound {
			pause = minRestartPause
			select {
			case <-ending:
				return
			default:
				continue
			}
		}
		select {
		case <-ending:
			return
		case <-time.After(pause):
			pause = min(2*pause, maxRestartPause)
		}
	}
}

func (s *Server) slotEnded() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.children.pool.slots--
	s.fewerChildren()
}

// cannotStart logs why there is no worker, once a second for all slots.
func (s *Server) cannotStart(err error) {
	now := time.Now()
	s.mu.Lock()
	p := &s.children.pool
	quiet := errors.Is(err, reactor.ErrClosed) || now.Sub(p.failed) < time.Second
	if !quiet {
		p.failed = now
	}
	s.mu.Unlock()
	if !quiet {
		s.options.Logger.Error("cannot start a child", "server", s.URL(), "err", err)
	}
}
