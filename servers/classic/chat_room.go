//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"sync/atomic"

	"example.com/iomux/reactor"
)

// room is everybody in the chat. Its members are on several loops, each of which serves
// its own. What is said, and who comes, goes to the room's home first, which is one of the
// loops, and from there to all of them: so all members hear everything in the same order,
// and a newcomer nothing that somebody had heard before it came.
type room struct {
	home   *hall
	halls  map[*reactor.Loop]*hall // does not change
	noSelf bool
}

// hall is the members on one loop, which alone touches it.
type hall struct {
	loop    *reactor.Loop
	members []*member
}

// member is a connection in the chat. It belongs to its hall's loop.
type member struct {
	conn    *reactor.Conn
	hall    *hall
	place   int    // in hall.members; notIn: it is not there yet, or any more
	gone    bool   // its connection has ended
	begun   []byte // the beginning of a line
	flying  int    // bytes that it has said and not everybody has got
	paused  bool   // until they have
	leaving bool   // it has said goodbye; what it said before is on its way
}

// flyingLimit is how much of one member's may be on its way before it is not read any
// more. Functions that are posted to a loop wait without a bound, so there has to be
// one here: it is what one read brings, at most twice.
const flyingLimit = 64 << 10

func newRoom(loops []*reactor.Loop, noSelf bool) *room {
	r := &room{halls: map[*reactor.Loop]*hall{}, noSelf: noSelf}
	for _, l := range loops {
		r.halls[l] = &hall{loop: l}
	}
	r.home = r.halls[loops[0]]
	return r
}

// notIn is the place of who has none.
const notIn = -1

// enter makes a member of a connection, on its loop.
func (r *room) enter(c *reactor.Conn) *member {
	h := r.halls[c.Loop()]
	m := &member{conn: c, hall: h, place: notIn}
	if h == r.home {
		h.admit(m)
		return m
	}
	_ = r.home.loop.Post(func() { // a home that has ended has no messages
		_ = h.loop.Post(func() { h.admit(m) })
	})
	return m
}

// admit has a member hear what is said from now on.
func (h *hall) admit(m *member) {
	if !m.gone {
		m.place = len(h.members)
		h.members = append(h.members, m)
	}
}

// exit forgets a member, on its loop.
func (r *room) exit(m *member) {
	m.gone = true
	if m.place == notIn {
		return
	}
	h := m.hall
	last := len(h.members) - 1
	h.members[m.place] = h.members[last]
	h.members[m.place].place = m.place
	h.members[last] = nil
	h.members = h.members[:last]
}

// said is something on its way to everybody: one buffer, which all share and nobody
// changes.
type said struct {
	text []byte
	by   *member
	left atomic.Int32 // halls that it has not got to
}

// say sends text, which becomes the room's, to everybody, and ends a member that has
// said goodbye. It is called on the member's loop.
func (r *room) say(m *member, text []byte) {
	if len(text) > 0 {
		s := &said{text: text, by: m}
		s.left.Store(int32(len(r.halls)))
		m.flying += len(text)
		if m.hall == r.home {
			r.spread(s)
		} else if r.home.loop.Post(func() { r.spread(s) }) != nil {
			m.landed(len(text)) // the home has ended: nobody hears it
		}
	}
	switch {
	case m.flying == 0 && m.leaving:
		m.conn.Close()
	case m.flying > flyingLimit:
		m.paused = true
		m.conn.PauseReading()
	}
}

// spread takes what is said to all halls. It is called at home.
func (r *room) spread(s *said) {
	for _, h := range r.halls {
		if h == r.home {
			r.deliver(h, s)
		} else if h.loop.Post(func() { r.deliver(h, s) }) != nil {
			s.arrived(r.home) // the loop has ended, with all its members
		}
	}
}

// deliver gives what is said to the members in a hall. A member that is too slow has its
// connection closed by Write, which costs the others nothing.
func (r *room) deliver(h *hall, s *said) {
	for _, m := range h.members {
		if m != s.by || !r.noSelf {
			m.conn.Write(s.text)
		}
	}
	s.arrived(h)
}

// arrived takes in that a hall has got it; here is the hall of the loop that runs.
func (s *said) arrived(here *hall) {
	if s.left.Add(-1) > 0 {
		return
	}
	if s.by.hall == here {
		s.by.landed(len(s.text))
		return
	}
	_ = s.by.conn.Post(func() { s.by.landed(len(s.text)) }) // a loop that has ended has no members
}

// landed takes in that everybody has got n bytes.
func (m *member) landed(n int) {
	if m.flying -= n; m.flying > 0 {
		return
	}
	if m.leaving {
		m.conn.Close()
	} else if m.paused {
		m.paused = false
		m.conn.ResumeReading()
	}
}
