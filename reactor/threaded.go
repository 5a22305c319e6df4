//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// Threaded is a Handler that runs serve for each connection on a goroutine of its own,
// with a net.Conn that any goroutine may use: for libraries that want one, and for code
// that blocks in other ways than by reading and writing. A message costs several times
// what it costs a Handler, or one of [Blocking], for it goes from the loop to another
// goroutine and back.
//
// When serve returns, what it wrote is sent and the connection closed; an error is
// logged, at level debug. When the connection ends before, its methods fail, so that
// serve can return. A panic of serve's, or a runtime.Goexit, is one of a callback: it
// ends the connection, and is logged, counted and treated as Options.OnPanic says.
//
// There are no more such goroutines than Options.MaxConns allows connections: one that
// is accepted while too many are still busy with connections that have ended is refused.
func Threaded(serve func(c *NetConn) error) Handler {
	var running atomic.Int64 // with accepted connections
	return &threaded{func(n *NetConn) {
		n.own()
		accepted := n.conn.service.listener != nil
		if accepted {
			if limit := n.loop.options.MaxConns; running.Add(1) > int64(limit) && limit > 0 {
				running.Add(-1)
				n.refuse(limit)
				return
			}
		}
		go func() {
			defer func() {
				if accepted {
					running.Add(-1)
				}
			}()
			n.serve(serve)
		}()
	}}
}

// threaded gives its connections away, to goroutines other than the loop's.
type threaded struct {
	opened func(n *NetConn) // called on the loop
}

// Opened implements Handler.
func (t *threaded) Opened(c *Conn) { t.opened(newNetConn(c)) }

// Data implements Handler.
func (*threaded) Data(c *Conn, p []byte) int {
	c.context.(*NetConn).arrived(p)
	return len(p)
}

// HalfClosed implements HalfCloser.
func (*threaded) HalfClosed(c *Conn) { c.context.(*NetConn).halfClosed() }

// Closed implements Handler.
func (*threaded) Closed(c *Conn, err error) { c.context.(*NetConn).ended(err) }

// eased is told when less output waits.
func (*threaded) eased(c *Conn) { c.context.(*NetConn).eased() }

// drain is told when a connection that is busy is to end.
func (*threaded) drain(c *Conn) { c.context.(*NetConn).drain() }

// refuse closes a connection for which there would be too many goroutines.
func (n *NetConn) refuse(limit int) {
	n.loop.counts.Refused++
	n.conn.finish(fmt.Errorf("reactor: %v: %w: at most %d are served, and those of ended connections count", n.remote, ErrTooManyConns, limit))
}

// serve runs f, and closes the connection however f ends.
func (n *NetConn) serve(f func(*NetConn) error) {
	returned := false
	defer func() {
		if !returned {
			n.failed(newFailure(recover()))
		}
	}()
	err := f(n)
	returned = true
	n.close()
	_ = n.post(func() { // a loop that has ended has closed it
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, ErrClosed) && n.conn.state != connDead {
			n.loop.debug("served", n.conn, err)
		}
		n.hangUp()
	})
}

// failed has a panic on another goroutine be one of a callback of the loop's, which
// logs and counts it and ends the connection.
func (n *NetConn) failed(f *failure) {
	n.close()
	if err := n.post(func() { panic(f) }); err != nil {
		n.loop.log.Error("handler panicked", "panic", f.String(), "stack", string(f.stack), "remote", n.remote)
	}
}
