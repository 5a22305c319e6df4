package main

import (
	"bytes"
	"sync"

	"github.com/panjf2000/gnet/v2"
)

const (
	maxLine = 64 << 10
	// maxWaiting is how much may wait for a member who does not read; gnet would
	// keep any amount.
	maxWaiting = 1 << 20
)

// room is everyone in the chat. A member's place in it is its context.
type room []gnet.Conn

func (r *room) join(c gnet.Conn) {
	c.SetContext(len(*r))
	*r = append(*r, c)
}

// leave gives c's place to the last.
func (r *room) leave(c gnet.Conn) {
	place, last := c.Context().(int), len(*r)-1
	(*r)[place] = (*r)[last]
	(*r)[place].SetContext(place)
	(*r)[last] = nil
	*r = (*r)[:last]
}

// chat is one on a single loop, where everything may be written at once.
type chat struct {
	server
	gather  bool
	members room
}

func (ch *chat) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	ch.members.join(c)
	return nil, gnet.None
}

func (ch *chat) OnClose(c gnet.Conn, _ error) gnet.Action {
	ch.members.leave(c)
	return gnet.None
}

func (ch *chat) OnTraffic(c gnet.Conn) gnet.Action {
	p, _ := c.Peek(-1)
	lines, ok := complete(p)
	if !ok {
		return gnet.Close
	}
	if len(lines) > 0 {
		ch.each(lines, ch.say)
		_, _ = c.Discard(len(lines))
	}
	return gnet.None
}

// complete is the lines of p that have an end. It is not ok if one is too long:
// that can only be the first, since a read brings no more than a line may have.
func complete(p []byte) (lines []byte, ok bool) {
	first := bytes.IndexByte(p, '\n') + 1
	if first > maxLine || first == 0 && len(p) >= maxLine {
		return nil, false
	}
	return p[:bytes.LastIndexByte(p, '\n')+1], true
}

// each calls say line by line, or once.
func (ch *chat) each(lines []byte, say func([]byte)) {
	for len(lines) > 0 {
		n := len(lines)
		if !ch.gather {
			n = bytes.IndexByte(lines, '\n') + 1
		}
		say(lines[:n])
		lines = lines[n:]
	}
}

func (ch *chat) say(line []byte) {
	// A write that fails has the member leave at once: hence backwards.
	for i := len(ch.members) - 1; i >= 0; i-- {
		c := ch.members[i]
		_, err := c.Write(line)
		_ = written(c, err)
	}
}

// written closes a connection that does not keep up.
func written(c gnet.Conn, err error) error {
	if err == nil && c.OutboundBuffered() > maxWaiting {
		return c.Close()
	}
	return nil
}

// wideChat is one whose members live on several loops. From any of them they are
// reached by AsyncWrite, which never writes at once and so is safe under the lock.
type wideChat struct {
	chat
	mu sync.RWMutex
}

func (ch *wideChat) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.chat.OnOpen(c)
}

func (ch *wideChat) OnClose(c gnet.Conn, err error) gnet.Action {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.chat.OnClose(c, err)
}

func (ch *wideChat) OnTraffic(c gnet.Conn) gnet.Action {
	p, _ := c.Peek(-1)
	lines, ok := complete(p)
	if !ok {
		return gnet.Close
	}
	if len(lines) > 0 {
		keep := bytes.Clone(lines) // p is the loop's
		ch.each(keep, func(line []byte) { ch.say(c, line) })
		_, _ = c.Discard(len(lines))
	}
	return gnet.None
}

// say writes to c itself at once: later it may be too late, because gnet closes
// a connection as soon as its peer has ended the stream.
func (ch *wideChat) say(c gnet.Conn, line []byte) {
	ch.others(c, line)
	_, err := c.Write(line)
	_ = written(c, err)
}

func (ch *wideChat) others(c gnet.Conn, line []byte) {
	ch.mu.RLock()
	defer ch.mu.RUnlock()
	for _, m := range ch.members {
		if m != c {
			_ = m.AsyncWrite(line, written)
		}
	}
}
