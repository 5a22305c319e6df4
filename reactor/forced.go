//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"net"
	"strings"
)

// ForcedError is what Shutdown returns when its context ended before all
// connections had drained: which of them were cut. It is ErrForced, and the
// context's error.
type ForcedError struct {
	// Conns are the peers of the first hundred of them.
	Conns []net.Addr
	// Count is how many there were.
	Count int

	cause error
}

const maxForced = 100 // names in a ForcedError

// Error names the first few.
func (e *ForcedError) Error() string {
	const few = 3
	if e.Count == 0 {
		return fmt.Sprintf("%v: %v", e.cause, ErrForced)
	}
	var names []string
	for _, a := range e.Conns[:min(few, len(e.Conns))] {
		names = append(names, a.String())
	}
	if e.Count > few {
		names = append(names, "…")
	}
	return fmt.Sprintf("%v: %v: %d connections (%s)", e.cause, ErrForced, e.Count, strings.Join(names, ", "))
}

// Unwrap gives ErrForced and the context's error.
func (e *ForcedError) Unwrap() []error { return []error{ErrForced, e.cause} }

// force notes that a connection is cut.
func (g *Group) force(c *Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forced.Count++
	if len(g.forced.Conns) < maxForced {
		g.forced.Conns = append(g.forced.Conns, c.RemoteAddr())
	}
}
