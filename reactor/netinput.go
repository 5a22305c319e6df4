//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// netInput is what has arrived on a NetConn and was not read by anybody.
type netInput struct {
	direction
	data     blocks
	messages bool // each has its length before it: unixpacket
	full     bool // the loop does not read until there is less
	ended    bool // the peer has nothing more to send
	owned    bool // somebody has the connection, and so may be at work
	draining bool // the loop ends, and is to be told when somebody waits
}

// readAhead is how much unread input stops the loop from reading more: what two reads
// may bring, so that the loop is not stopped by each of them; less than three are held.
// Reading goes on at half of it.
const readAhead = 2 * readSize

// Read reads into p what there is, at least a byte, and waits for it if need be; over
// a unixpacket address one message, of which it drops what does not fit p. What came
// before the connection ended can still be read, unless this side has closed it.
// Errors: io.EOF, the peer has nothing more to send; os.ErrDeadlineExceeded;
// net.ErrClosed, this side or the end of the group has closed the connection; else what
// it has ended with.
func (n *NetConn) Read(p []byte) (int, error) {
	in := &n.in
	in.mu.Lock()
	for {
		switch {
		case in.closed:
			in.mu.Unlock()
			return 0, n.fault("read from", ErrClosed)
		case in.late:
			in.mu.Unlock()
			return 0, n.fault("read from", os.ErrDeadlineExceeded)
		case len(p) == 0:
			in.mu.Unlock()
			return 0, nil
		case in.data.size > 0:
			k := in.take(p)
			resume := in.full && in.data.size <= readAhead/2
			if resume {
				in.full = false
			}
			in.mu.Unlock()
			if resume {
				_ = n.post(n.resumes) // a loop that has ended has nothing more to read
			}
			return k, nil
		case in.ended:
			in.mu.Unlock()
			return 0, io.EOF
		case in.reason != nil:
			err := in.reason
			in.mu.Unlock()
			return 0, &netError{err: err}
		}
		if in.draining {
			_ = n.post(n.looks) // a loop that has ended tells by itself
		}
		in.wait()
	}
}

// take moves to p what it gets.
func (in *netInput) take(p []byte) int {
	if !in.messages {
		return in.data.read(p)
	}
	var head [messageHead]byte
	in.data.read(head[:])
	size := int(binary.NativeEndian.Uint32(head[:]))
	k := in.data.read(p[:min(len(p), size)])
	in.data.drop(size - k)
	return k
}

// arrived takes in what the loop has read.
func (n *NetConn) arrived(p []byte) {
	c, in := n.conn, &n.in
	in.mu.Lock()
	if in.closed { // of which the loop will hear in a moment
		in.mu.Unlock()
		return
	}
	more := false
	if in.messages {
		var head [messageHead]byte
		binary.NativeEndian.PutUint32(head[:], uint32(len(p)))
		more = in.data.append(head[:])
	}
	more = in.data.append(p) || more
	in.full = in.data.size >= readAhead
	c.busy = in.owned
	if in.full {
		c.PauseReading()
	}
	in.changed.Broadcast()
	in.mu.Unlock()
	if limit := c.options().MemoryLimit; more && n.loop.group.memory.Load() > int64(limit) {
		c.finish(fmt.Errorf("reactor: %v: %w (%d bytes)", c.name(), ErrMemoryLimit, limit))
	}
}

// halfClosed takes in that nothing more will arrive.
func (n *NetConn) halfClosed() {
	n.in.mu.Lock()
	defer n.in.mu.Unlock()
	n.in.ended = true
	n.conn.busy = n.in.owned
	n.in.changed.Broadcast()
}

// resume has the loop read again.
func (n *NetConn) resume() {
	n.conn.ResumeReading()
	n.look()
}

// idle reports whether a reader waits for what has not come.
func (in *netInput) idle() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.waiting > 0 && in.data.size == 0 && !in.late && !in.ended && !in.closed
}
