package main

import (
	"bytes"

	"example.com/iomux/reactor"
)

// maxLine is how long a line may be, its end included.
const maxLine = 64 << 10

// chat is a room for each loop, and nothing that they share: what is said in one
// is posted to the others.
type chat struct{ rooms map[*reactor.Loop]*room }

// room is the members that live on one loop.
type room struct{ members []*member }

type member struct {
	conn  *reactor.Conn
	room  *room
	place int // in room.members
}

func newChat(loops []*reactor.Loop) chat {
	ch := chat{make(map[*reactor.Loop]*room, len(loops))}
	for _, l := range loops {
		ch.rooms[l] = &room{}
	}
	return ch
}

func (ch chat) Opened(c *reactor.Conn) {
	r := ch.rooms[c.Loop()]
	m := &member{c, r, len(r.members)}
	c.SetContext(m)
	r.members = append(r.members, m)
}

// Closed gives the member's place to the last.
func (ch chat) Closed(c *reactor.Conn, _ error) {
	m := c.Context().(*member)
	r, last := m.room, len(m.room.members)-1
	r.members[m.place] = r.members[last]
	r.members[m.place].place = m.place
	r.members[last] = nil
	r.members = r.members[:last]
}

func (ch chat) Data(c *reactor.Conn, p []byte) int {
	// Only the first line can be too long: a read brings no more than a line may have.
	first := bytes.IndexByte(p, '\n') + 1
	if first > maxLine || first == 0 && len(p) >= maxLine {
		c.Close()
		return len(p)
	}
	lines := p[:bytes.LastIndexByte(p, '\n')+1]
	if len(lines) == 0 {
		return 0
	}
	here := c.Context().(*member).room
	here.say(lines)
	if len(ch.rooms) > 1 {
		lines := bytes.Clone(lines) // p is the loop's
		for l, r := range ch.rooms {
			if r != here {
				_ = l.Post(func() { r.say(lines) }) // fails when the loop has ended
			}
		}
	}
	return len(lines)
}

// say gives everyone line by line. A write that fails closes its connection, but
// only at the end of the loop's turn.
func (r *room) say(lines []byte) {
	for len(lines) > 0 {
		n := bytes.IndexByte(lines, '\n') + 1
		for _, m := range r.members {
			m.conn.Write(lines[:n])
		}
		lines = lines[n:]
	}
}
