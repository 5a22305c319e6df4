//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"net"
	"sync"
)

// ListenConn begins to accept connections on an address, for others to take: with the
// net.Listener that it returns, net/http and other libraries serve over the group's
// loops. What Accept returns is a [*NetConn]. Some hundred connections wait for Accept
// and then no more are accepted, so that clients wait in the kernel's queue. Close
// resets those that nobody has taken. While the group shuts down the listener is
// closed, and so are connections that wait for input (see NetConn): a library that is
// to finish what it does is shut down first. Errors: as of Listen.
func (g *Group) ListenConn(address string, o ListenOptions) (net.Listener, error) {
	a := &netListener{done: g.loops[0].done, ready: make(chan struct{}, 1), closing: make(chan struct{})}
	// A connection may be there before Listen has returned. The loops then wait for a
	// moment, and Listen not for them.
	a.mu.Lock()
	defer a.mu.Unlock()
	var err error
	a.ln, err = g.Listen(address, &threaded{a.arrived}, o)
	if err != nil {
		a.closed = true // for connections of some loops, where others failed
		return nil, err
	}
	return a, nil
}

// netListener is a Listener as package net has them.
type netListener struct {
	ln      *Listener
	done    <-chan struct{} // closed when the group has ended
	ready   chan struct{}   // tells one Accept that there is a connection
	closing chan struct{}   // closed by Close

	mu     sync.Mutex
	queue  []*NetConn // nobody has taken yet
	held   bool       // so many that no more are accepted
	closed bool
}

// acceptQueue is how many connections that wait for Accept pause the listener: a burst
// that arrives between two calls. Loops that accept at the time add a few more.
const acceptQueue = 128

// arrived is called on a loop.
func (a *netListener) arrived(n *NetConn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		n.conn.Abort()
		return
	}
	a.queue = append(a.queue, n)
	if len(a.queue) >= acceptQueue && !a.held {
		a.held = true
		a.ln.Pause()
	}
	a.tell()
}

// tell wakes an Accept, if one waits or else the next one.
func (a *netListener) tell() {
	select {
	case a.ready <- struct{}{}:
	default:
	}
}

// Accept implements net.Listener. Errors: net.ErrClosed.
func (a *netListener) Accept() (net.Conn, error) {
	for {
		if n, err := a.take(); n != nil || err != nil {
			return n, err
		}
		select {
		case <-a.ready:
		case <-a.closing:
		case <-a.done:
			_ = a.Close() // which fails never
		}
	}
}

// take is the connection that has waited longest; nil if there is none.
func (a *netListener) take() (net.Conn, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, fmt.Errorf("reactor: accept at %s: %w", a.ln.URL(), ErrClosed)
	}
	if len(a.queue) == 0 {
		return nil, nil
	}
	n := a.queue[0]
	a.queue[0] = nil
	if a.queue = a.queue[1:]; len(a.queue) > 0 {
		a.tell()
	} else {
		a.queue = nil
	}
	if a.held && len(a.queue) <= acceptQueue/2 {
		a.held = false
		a.ln.Resume()
	}
	_ = n.post(n.own) // a loop that has ended has closed it
	return n, nil
}

// Close implements net.Listener. Closing twice is fine.
func (a *netListener) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil
	}
	a.closed = true
	close(a.closing)
	a.ln.Close()
	for _, n := range a.queue {
		n.Abort()
	}
	a.queue = nil
	return nil
}

// Addr implements net.Listener.
func (a *netListener) Addr() net.Addr { return a.ln.Addr() }
