//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"errors"
	"fmt"
	"time"

	"github.com/gobwas/ws"

	"example.com/iomux/reactor"
)

// pingRate is how many pings a peer may send a second. Each is answered.
const pingRate = 100

// frame takes the first frame of p to the handler, or does itself what it asks for.
func (c *Conn) frame(p []byte) (used int) {
	f, used, err := c.decoder.next(c.work, &c.server.options, p)
	if err == nil {
		err = errors.Join(c.account(), c.hasten())
	}
	if err == nil && used > 0 {
		err = c.take(f)
	}
	if err != nil {
		c.refuse(err)
		return len(p)
	}
	return used
}

// take acts on a frame.
func (c *Conn) take(f frame) error {
	switch f.op {
	case ws.OpText, ws.OpBinary:
		if c.stage == stageOpen {
			c.server.handler.Message(c, f.op == ws.OpText, f.payload)
		}
		c.decoder.done(c.work)
		return c.account()
	case ws.OpPing:
		return c.pong(f.payload)
	case ws.OpClose:
		return c.closed(f.payload)
	}
	return nil // a fragment, or a pong: that something came has been noted
}

// pong answers a ping.
func (c *Conn) pong(p []byte) error {
	now := time.Since(c.server.epoch)
	if c.pings == 0 || now-c.pinged >= time.Second {
		c.pinged, c.pings = now, 0
	}
	if c.pings++; c.pings > pingRate {
		return fmt.Errorf("%w: more than %d a second", ErrFlood, pingRate)
	}
	if c.stage == stageOpen {
		_ = c.write(ws.OpPong, p) // the reactor has closed, or there was no room
	}
	return nil
}

// closed takes in the peer's close frame, which is the answer to ours or is answered
// with the same code; either way the connection ends here.
func (c *Conn) closed(p []byte) error {
	e, err := parseClose(p)
	if err != nil {
		return err
	}
	if c.stage == stageOpen {
		c.reason = e
		_ = c.send(closeFrame(e.Code, "")) // the end is what comes next in any case
	}
	c.stage = stageOver
	c.raw.Close()
	return nil
}

// refuse closes the connection for what the peer has sent.
func (c *Conn) refuse(err error) {
	if c.stage == stageOpen {
		c.reason = fmt.Errorf("websocket: %v: %w", c.raw.RemoteAddr(), err)
		_ = c.send(closeFrame(codeOf(err), err.Error())) // as above
	}
	c.stage = stageOver
	c.raw.Close()
}

// hasten refuses a message whose fragments come too slowly: each keeps the connection
// from being idle, as does the answer to a ping.
func (c *Conn) hasten() error {
	limit := c.server.options.MessageTime
	if c.decoder.op == 0 || limit < 0 {
		c.began = 0
		return nil
	}
	now := time.Since(c.server.epoch)
	if c.began == 0 {
		c.began = now
	}
	if now-c.began > limit {
		return fmt.Errorf("%w (message): more than %v", reactor.ErrTimeout, limit)
	}
	return nil
}

// account brings the server's sum of fragments in line with this connection's.
func (c *Conn) account() error {
	size := cap(c.decoder.message)
	if size == c.counted {
		return nil
	}
	more := size - c.counted
	c.counted = size
	if sum := c.server.assembly.Add(int64(more)); more > 0 && sum > int64(c.server.options.AssemblyLimit) {
		return fmt.Errorf("%w: fragments of %d bytes", reactor.ErrMemoryLimit, sum)
	}
	return nil
}
