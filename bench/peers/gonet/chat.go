package main

import (
	"bufio"
	"bytes"
	"net"
	"sync"
	"time"
)

// patience is how long a member may keep a line waiting before it is dropped.
const patience = time.Second

// room is everyone in the chat.
type room struct {
	gather  bool
	mu      sync.RWMutex
	members map[*member]struct{}
}

// member is one connection. Whoever says something writes it to each member
// itself: a channel and a goroutine to write for each would not be held up by a
// member who does not read, but cost a fifth more, and of a member who does read
// the channel can be full too, because its writer had no turn yet. So a full
// connection holds up the others, as long as there is patience for it, once.
type member struct {
	conn net.Conn
	mu   sync.Mutex // those who wait must not move the deadline of who writes
}

// serve is the life of a member.
func (r *room) serve(c net.Conn) {
	defer c.Close()
	m := &member{conn: c}
	r.mu.Lock()
	r.members[m] = struct{}{}
	r.mu.Unlock()

	in := bufio.NewReaderSize(c, lineSize)
	for {
		line, err := in.ReadSlice('\n') // fails for a line that does not fit
		if err != nil {
			break
		}
		if r.gather {
			// What else is there lies behind it in the same buffer.
			more, _ := in.Peek(in.Buffered())
			n, _ := in.Discard(bytes.LastIndexByte(more, '\n') + 1)
			line = line[:len(line)+n]
		}
		r.say(line)
	}
	r.mu.Lock()
	delete(r.members, m)
	r.mu.Unlock()
}

// say gives everyone a line.
func (r *room) say(line []byte) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for m := range r.members {
		m.hear(line)
	}
}

func (m *member) hear(line []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.conn.SetWriteDeadline(time.Now().Add(patience))
	if err == nil {
		_, err = m.conn.Write(line)
	}
	if err != nil {
		m.conn.Close() // which ends its goroutine too
	}
}
