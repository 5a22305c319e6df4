package main

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"
)

// crowd is a chat in a room as one writes it first: everyone in a map, and AsyncWrite,
// which may be called from any loop, for each line to each of the others.
type crowd struct {
	server
	members sync.Map // gnet.Conn to what it is called
	came    atomic.Int64
}

func (r *crowd) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	r.members.Store(c, fmt.Sprintf("guest%d", r.came.Add(1)))
	return nil, gnet.None
}

func (r *crowd) OnClose(c gnet.Conn, _ error) gnet.Action {
	r.members.Delete(c)
	return gnet.None
}

func (r *crowd) OnTraffic(c gnet.Conn) gnet.Action {
	p, _ := c.Peek(-1)
	lines, ok := complete(p)
	if !ok {
		return gnet.Close
	}
	for text := range bytes.Lines(lines) {
		r.say(c, bytes.TrimSpace(text))
	}
	_, _ = c.Discard(len(lines))
	return gnet.None
}

// say makes one line for all: AsyncWrite keeps it until it is written.
func (r *crowd) say(from gnet.Conn, text []byte) {
	name, _ := r.members.Load(from)
	line := fmt.Appendf(nil, "[lobby] %s: %s\r\n", name, text)
	r.members.Range(func(c, _ any) bool {
		if c != from {
			_ = c.(gnet.Conn).AsyncWrite(line, written)
		}
		return true
	})
}
