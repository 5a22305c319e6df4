//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"fmt"
	"time"

	"github.com/gobwas/ws"

	"example.com/iomux/reactor"
)

// closeWait is how long a peer is waited for to answer a close frame.
const closeWait = 5 * time.Second

// setTimer has tick called, in place of when it would have been.
func (c *Conn) setTimer(d time.Duration) {
	if c.timer == nil {
		c.timer = c.raw.Loop().After(d, c.tick)
		return
	}
	c.timer.Reset(d)
}

// keepAlive begins to look after a connection that may fall silent.
func (c *Conn) keepAlive() {
	if every := c.server.options.PingEvery; every > 0 {
		c.heard, c.asked = false, false
		c.setTimer(every)
	}
}

// tick is what the timer calls: time to ask a silent peer, to give one up that was
// asked, to close without the answer to a close frame, or to send more of a page.
func (c *Conn) tick() {
	switch {
	case c.stage == stagePage:
		c.sendPage()
	case c.stage == stageClosing:
		c.stage = stageOver
		c.raw.Close()
	case c.stage != stageOpen:
	case c.heard || c.paused || c.raw.Buffered() > 0:
		c.keepAlive()
	case !c.asked:
		if c.write(ws.OpPing, nil) == nil {
			c.asked = true
			c.setTimer(c.server.options.PongWait)
		}
	default:
		c.reason = fmt.Errorf("websocket: %v: %w (pong)", c.raw.RemoteAddr(), reactor.ErrTimeout)
		c.Abort()
	}
}
