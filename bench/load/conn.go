//go:build linux

package load

import (
	"errors"
	"fmt"
)

// ErrWrongEcho: what came back is not what was sent. It comes wrapped with the
// connection, the message and the byte.
var ErrWrongEcho = errors.New("wrong echo")

// conn is a connection whose messages come back. They are numbered from 0;
// those from acked to sent are on their way.
type conn struct {
	socket
	sent  int64
	acked int64
	off   int // bytes of message acked that are back
}

// take checks the next bytes of the echo and counts the messages they complete.
func (c *conn) take(t *pattern, p []byte) error {
	for len(p) > 0 {
		if c.acked == c.sent {
			return fmt.Errorf("%w: connection %d: more bytes echoed than sent after message %d", ErrWrongEcho, c.id, c.acked-1)
		}
		size := t.length(c.id, uint64(c.acked))
		n := min(len(p), size-c.off)
		if i := t.check(p[:n], c.off, c.id, uint64(c.acked)); i >= 0 {
			return fmt.Errorf("%w: connection %d: message %d differs at byte %d", ErrWrongEcho, c.id, c.acked, c.off+i)
		}
		p = p[n:]
		if c.off += n; c.off == size {
			c.off = 0
			c.acked++
		}
	}
	return nil
}

// compose puts as many of the next messages into buf as fit, at most limit, and
// returns their bytes and number. They count as sent.
func (c *conn) compose(t *pattern, buf []byte, limit int64) ([]byte, int64) {
	end, n := 0, int64(0)
	for ; n < limit; n++ {
		size := t.length(c.id, uint64(c.sent))
		if size > len(buf)-end {
			break
		}
		t.fill(buf[end:end+size], c.id, uint64(c.sent))
		end += size
		c.sent++
	}
	return buf[:end], n
}
