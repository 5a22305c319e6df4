//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"io"
	"os"
)

// netOutput is what was written to a NetConn, on its way to the connection's own queue.
// Both together hold no more than Options.HighWater.
type netOutput struct {
	direction
	small  blocks // copies of what fitted
	queued int    // bytes in the connection's own queue at the last flush; since then it has got no longer
	rest   []byte // of the Write that waits until the loop has taken it; it is the caller's
	wrong  error  // why rest cannot be sent, though the connection goes on: a message that is too long
	busy   bool   // there is such a Write, and others wait for their turn
	posted bool   // flush is going to run
	shut   bool   // CloseWrite was called
}

const (
	// writeBehind is how much may be on its way to the loop. A Write that would make
	// it more waits for the loop, which then takes it without another copy.
	writeBehind = 64 << 10
	// writesPerFlush bounds how often flush goes on with a connection whose peer
	// takes all at once, before the others' turn; each time at most HighWater.
	writesPerFlush = 4
)

// Write sends all of p, never mixed with what another Write sends. It returns when
// the kernel has it, or when no more than Options.HighWater waits for the peer, and
// waits for that if need be. Small writes are copied and gathered, and an error that
// comes after such a Write has returned is the next one's. Errors:
// os.ErrDeadlineExceeded, with what was taken until then; net.ErrClosed, also after
// CloseWrite; of messages ErrMessageSize; else what the connection has ended with.
func (n *NetConn) Write(p []byte) (int, error) {
	o := &n.out
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		if err := n.writable(); err != nil {
			return 0, err
		}
		if !o.busy {
			break
		}
		o.wait()
	}
	if len(p) == 0 {
		return 0, nil
	}
	if size := o.small.size + len(p); !n.in.messages && size <= writeBehind && o.queued+size <= n.loop.options.HighWater {
		o.small.append(p)
		if err := n.askToFlush(); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	o.busy, o.rest, o.wrong = true, p, nil
	err := n.askToFlush()
	for err == nil && len(o.rest) > 0 {
		if err = n.writable(); err == nil {
			err = o.wrong
		}
		if err == nil {
			o.wait()
		}
	}
	done := len(p) - len(o.rest)
	if len(o.rest) == 0 {
		err = nil // whatever has happened since
	}
	o.busy, o.rest = false, nil
	o.changed.Broadcast() // the next one's turn
	return done, err
}

// writable is why nothing can be written.
func (n *NetConn) writable() error {
	o := &n.out
	switch {
	case o.closed || o.shut:
		return n.fault("write to", ErrClosed)
	case o.late:
		return n.fault("write to", os.ErrDeadlineExceeded)
	case o.reason == nil:
		return nil
	case errors.Is(o.reason, io.EOF): // both sides had said that they were done
		return n.fault("write to", ErrClosed)
	}
	return &netError{err: o.reason}
}

// askToFlush has the loop flush, unless it is going to. The lock is not held while the
// loop is woken, which could else run into it at once.
func (n *NetConn) askToFlush() error {
	o := &n.out
	if o.posted {
		return nil
	}
	o.posted = true
	o.mu.Unlock()
	err := n.post(n.flushes)
	o.mu.Lock()
	if err != nil {
		return n.fault("write to", ErrClosed)
	}
	return nil
}

// flush gives the connection what was written.
func (n *NetConn) flush() {
	o := &n.out
	o.mu.Lock()
	o.posted = false
	n.send()
	if o.shut {
		n.conn.CloseWrite()
	}
	o.queued = n.conn.out.len()
	o.mu.Unlock()
	n.look()
}

// send moves to the connection's own queue what there is room for. One that takes
// nothing more has ended, which ended tells, or is being closed, which look sees.
func (n *NetConn) send() {
	c, o := n.conn, &n.out
	for o.small.size > 0 {
		p := o.small.first()
		if _, err := c.Write(p); err != nil {
			return
		}
		o.small.drop(len(p))
	}
	for round := 0; len(o.rest) > 0; round++ {
		room := n.room()
		if room <= 0 {
			n.starved = true
			return
		}
		if round == writesPerFlush {
			o.posted = true
			_ = n.post(n.flushes) // a loop that has ended takes nothing
			return
		}
		k, err := c.Write(o.rest[:min(room, len(o.rest))])
		if err != nil {
			if c.state == connOpen {
				o.wrong = &netError{err: err}
				o.changed.Broadcast()
			}
			return
		}
		if o.rest = o.rest[k:]; len(o.rest) == 0 {
			o.changed.Broadcast()
		}
	}
}

// room is how much of rest the connection's own queue can take.
func (n *NetConn) room() int {
	c := n.conn
	limit := c.options().HighWater
	if n.in.messages {
		if size := c.out.len() + len(n.out.rest) + messageHead; size > limit && c.out.len() > 0 {
			return 0
		}
		return len(n.out.rest) // one that is larger than all room goes when nothing waits
	}
	if c.out.len() >= limit && !c.blocked && c.state == connOpen {
		c.send(nil)
	}
	if c.state != connOpen {
		return limit // for Write to say why not
	}
	return limit - c.out.len()
}

// eased is called while the connection is settled, when less waits in its own queue:
// as Drained is, but without reading having stopped meanwhile, for a Write that waits
// may wait for a peer that waits to be read.
func (n *NetConn) eased() {
	if n.starved && n.conn.out.len() <= n.conn.options().LowWater {
		n.starved = false
		_ = n.post(n.flushes) // not here: it writes, and would come back here
	}
}

// idle reports whether nothing is on its way to the loop.
func (o *netOutput) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.small.size == 0 && len(o.rest) == 0
}
