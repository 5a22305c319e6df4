//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"sync"
	"sync/atomic"

	"example.com/iomux/internal/sys"
)

// reserve is a descriptor that a group holds so that, when there are no others,
// it can still accept a connection to close it at once: its client learns now
// and not in a minute that it cannot be served.
type reserve struct {
	mu      sync.Mutex
	fd      int         // -1: none to be had here
	missing atomic.Bool // fd is not open
}

func (r *reserve) open() {
	r.missing.Store(true)
	r.restore()
}

// restore opens the descriptor if it is missing. Without one, connections that
// cannot be served wait.
func (r *reserve) restore() {
	if !r.missing.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restoreLocked()
}

func (r *reserve) restoreLocked() {
	if !r.missing.Load() {
		return
	}
	fd, errno := sys.OpenNull()
	switch {
	case errno == 0:
		r.fd = fd
		r.missing.Store(false)
	case !exhausted(errno):
		// There is no /dev/null in this sandbox, and there will be none: the
		// group does without a reserve, and surplus connections wait.
		r.fd = -1
		r.missing.Store(false)
	}
}

// refuse accepts one connection into the place of the reserve and closes it.
// The place may go to another loop, which then has to give it up, see claim.
func (r *reserve) refuse(listener int) (done bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restoreLocked()
	if r.missing.Load() || r.fd < 0 {
		return false
	}
	r.missing.Store(true)
	_ = sys.Close(r.fd) // of /dev/null: nothing can be lost
	fd, _, errno := sys.Accept(listener)
	if errno == 0 {
		_ = sys.Close(fd) // it was not served
	}
	r.restoreLocked()
	return errno == 0
}

// claim gives up a connection just accepted if its descriptor is the reserve's:
// served, it would leave nothing to refuse others with.
func (r *reserve) claim(conn int) (taken bool) {
	if !r.missing.Load() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.restoreLocked(); !r.missing.Load() {
		return false // there was another one
	}
	_ = sys.Close(conn) // it was not served
	r.restoreLocked()
	return true
}

func (r *reserve) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.missing.Swap(true) && r.fd >= 0 {
		_ = sys.Close(r.fd) // of /dev/null: nothing can be lost
	}
}
