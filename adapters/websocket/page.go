//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"context"
	"net/http"
	"time"
)

const (
	// pageLimit is how large a response may be.
	pageLimit = 4 << 20
	// pagePiece is how much of one is written at a time, and how much may wait for the
	// client before there is more.
	pagePiece = 64 << 10
	// pageWait is how soon it is looked at again whether it does.
	pageWait = 5 * time.Millisecond
)

// page is a response that is being made, and then sent.
type page struct {
	cancel context.CancelFunc // of the request's context
	rest   []byte             // to be sent
	last   bool               // the connection closes behind it
}

// startPage has the HTTP handler answer a request. Nothing is read meanwhile: what the
// client sends behind it has its turn when the answer is sent.
func (c *Conn) startPage(r *http.Request) *refusal {
	s := c.server
	if s.workers.Add(1) > int64(s.options.HTTPWorkers) {
		s.workers.Add(-1)
		return &refusal{status: http.StatusServiceUnavailable, text: "the server is busy", keep: true}
	}
	ctx, cancel := context.WithCancel(context.Background())
	r = r.WithContext(ctx)
	pg := &page{cancel: cancel}
	c.page, c.stage = pg, stagePage
	c.raw.PauseReading()
	s.hold(2) // one for the goroutine, one for the response
	go func() {
		rest, last := []byte(nil), true // should the handler end its goroutine
		defer func() {
			s.workers.Add(-1)
			// A loop that has ended has told Closed before.
			_ = c.raw.Post(func() {
				pg.rest, pg.last = rest, last
				c.sendPage()
			})
			s.hold(-1)
		}()
		rest, last = s.makePage(r)
	}()
	return nil
}

// sendPage writes as much of the page as the client takes.
func (c *Conn) sendPage() {
	pg := c.page
	if pg == nil {
		return // the connection is gone
	}
	for len(pg.rest) > 0 {
		if c.raw.Buffered() > pagePiece {
			c.setTimer(pageWait)
			return
		}
		n := min(len(pg.rest), pagePiece)
		if _, err := c.raw.Write(pg.rest[:n]); err != nil {
			c.dropPage()
			c.stage = stageOver
			c.raw.Abort() // half a page is none
			return
		}
		pg.rest = pg.rest[n:]
	}
	c.dropPage()
	if pg.last {
		c.stage = stageOver
		c.raw.Close()
		return
	}
	c.stage = stageRequest
	c.raw.ResumeReading()
}

// dropPage is the end of a page, sent or not.
func (c *Conn) dropPage() {
	if c.page != nil {
		c.page.cancel()
		c.page = nil
		c.server.hold(-1)
	}
}
