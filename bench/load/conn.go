//go:build linux

package load

import (
	"errors"
	"fmt"

	"example.com/iomux"
)

// ErrWrongEcho: what came back is not what was sent. It comes wrapped with the
// connection, the message and the byte.
var ErrWrongEcho = errors.New("wrong echo")

// conn is one connection to the server. Messages are numbered from 0 per
// connection; due of them wait to be written, those from acked to sent are on
// their way.
type conn struct {
	fd       int
	id       uint32
	interest iomux.Events

	due   int64
	sent  int64
	acked int64
	off   int    // bytes of message acked that are back
	rest  []byte // written to but not taken by the kernel; empty nearly always

	sentAt []int64 // closed loop: when, by message modulo depth
}

// idle reports that nothing of the connection is on its way.
func (c *conn) idle() bool { return c.due == 0 && len(c.rest) == 0 && c.acked == c.sent }

// take checks the next bytes of the echo and counts the messages they complete.
func (c *conn) take(t *pattern, p []byte) error {
	for len(p) > 0 {
		if c.acked == c.sent {
			return fmt.Errorf("%w: connection %d: more bytes echoed than sent after message %d", ErrWrongEcho, c.id, c.acked-1)
		}
		n := min(len(p), t.size-c.off)
		if i := t.check(p[:n], c.off, c.id, uint64(c.acked)); i >= 0 {
			return fmt.Errorf("%w: connection %d: message %d differs at byte %d", ErrWrongEcho, c.id, c.acked, c.off+i)
		}
		p = p[n:]
		if c.off += n; c.off == t.size {
			c.off = 0
			c.acked++
		}
	}
	return nil
}
