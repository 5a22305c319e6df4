//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gobwas/ws"

	"example.com/iomux/reactor"
)

// Conn is a WebSocket connection. As with reactor.Conn, its methods may be called on
// its loop's goroutine only; others get there by Raw().Post.
type Conn struct {
	server  *Server
	raw     *reactor.Conn
	work    *scratch // the loop's
	context any
	head    *http.Request  // of the upgrade
	proto   string         // that was agreed on
	reason  error          // for Closed, nil: what the reactor says
	page    *page          // that is being made or sent
	timer   *reactor.Timer // nil until it is needed
	decoder decoder

	pinged  time.Duration // when the peer's last second of pings began, since the server's epoch
	began   time.Duration // when the message under way did, 0: none is
	pings   int           // in it
	counted int           // bytes in server.assembly
	scanned int           // bytes of a request in which its end is not

	stage    stage
	upgraded bool
	paused   bool // by PauseReading
	heard    bool // something came since the timer was set
	asked    bool // and was set to wait for an answer to a ping
}

// stage is what a connection is at.
type stage uint8

const (
	stageRequest stage = iota // waits for a request, or the rest of it
	stagePage                 // a page is being made or sent; reading is paused
	stageOpen
	stageClosing // this side has sent a close frame, and waits for the peer's
	stageOver    // all is said
)

// Raw is the reactor's connection: for Post, Loop, RemoteAddr, TLS and the like. Its
// context is taken. What ends it, pauses it or writes to it is to be called on Conn
// instead.
func (c *Conn) Raw() *reactor.Conn { return c.raw }

// Request is the one that asked for the upgrade; it has no body.
func (c *Conn) Request() *http.Request { return c.head }

// Subprotocol is the one of Options.Subprotocols that was agreed on, "" for none.
func (c *Conn) Subprotocol() string { return c.proto }

// SetContext keeps a value of the handler's with the connection.
func (c *Conn) SetContext(v any) { c.context = v }

// Context is what SetContext was given, nil before that.
func (c *Conn) Context() any { return c.context }

// Write sends a message, or keeps what cannot be sent yet; p is not held on to. Text
// must be UTF-8, as for AppendText. Errors are those of reactor.Conn.Write:
// reactor.ErrClosed, after Close and after the peer's close frame; reactor.ErrWriteLimit.
func (c *Conn) Write(text bool, p []byte) error {
	op := ws.OpBinary
	if text {
		op = ws.OpText
	}
	return c.write(op, p)
}

// WriteFrames sends bytes that are frames already, of AppendText for example. They are
// not looked at, nor held on to. Errors: as of Write.
func (c *Conn) WriteFrames(frames []byte) error {
	if c.stage != stageOpen {
		return fmt.Errorf("websocket: write to %v: %w", c.raw.RemoteAddr(), reactor.ErrClosed)
	}
	return c.send(frames)
}

// write sends a frame.
func (c *Conn) write(op ws.OpCode, p []byte) error {
	if c.stage != stageOpen {
		return fmt.Errorf("websocket: write to %v: %w", c.raw.RemoteAddr(), reactor.ErrClosed)
	}
	// In one piece, for the reactor takes all of a Write or nothing.
	out := appendFrame(c.work.out[:0], op, p)
	if cap(out) <= keptScratch {
		c.work.out = out[:0]
	}
	return c.send(out)
}

// send hands frames to the reactor. An error may have been the connection's end, after
// which nothing of what has been read may come to the handler any more.
func (c *Conn) send(frames []byte) error {
	if _, err := c.raw.Write(frames); err != nil {
		if _, gone := c.raw.Write(nil); gone != nil {
			c.stage = stageOver
		}
		return err
	}
	return nil
}

// Close begins the end: the peer is sent a close frame with code and reason, no message
// comes any more, and when the peer has answered, or five seconds later, the connection
// closes; Closed gets nil. Code 0 is none; one that may not be sent, such as 1006,
// becomes 1000; a reason has at most 123 bytes, and is cut. Closing twice is fine.
func (c *Conn) Close(code int, reason string) {
	if c.stage != stageOpen {
		return
	}
	if c.send(closeFrame(code, reason)) != nil {
		if c.stage == stageOpen { // no room for a last word
			c.Abort()
		}
		return
	}
	c.stage, c.asked = stageClosing, false
	if c.paused {
		c.paused, c.began = false, 0 // as in ResumeReading
		c.raw.ResumeReading()        // the answer is behind what was not read
	}
	c.setTimer(c.server.closeWait)
}

// Abort ends the connection at once, with a reset. Closed gets nil.
func (c *Conn) Abort() {
	if c.upgraded && c.stage != stageOver {
		c.stage = stageOver
		c.raw.Abort()
	}
}

// PauseReading keeps messages from coming until ResumeReading; those behind the one at
// hand wait, even if they have been read with it. What the peer sends stays in the
// kernel, which in time stops the peer; its end is not noticed meanwhile, nor are its
// pings answered.
func (c *Conn) PauseReading() {
	if c.stage == stageOpen && !c.paused {
		c.paused = true
		c.raw.PauseReading()
	}
}

// ResumeReading undoes PauseReading. Messages come soon, but not before it returns.
func (c *Conn) ResumeReading() {
	if c.stage == stageOpen && c.paused {
		c.paused = false
		c.began = 0 // the peer is not to blame for the pause
		c.raw.ResumeReading()
	}
}
