//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"slices"
	"time"
)

// handshakes bound what the handshakes of a loop take: those of clients, for it is
// the clients who decide how many there are. Who comes when there is no room waits
// for its turn unread, while its time runs.
//
// A handshake is under way from when the client's first record is whole: until then a
// client holds no more than that record. So Options.MaxHandshakes is about clients
// that have their answer, and it is not low: half of what a handshake takes is the way
// to the client and back, and with 64 places, 200 ms away each, there would be 320
// handshakes a second, and none while 64 clients keep silent for their ten seconds. A
// thousand hold 24 MiB (22 to 24 KiB each, the stack included).
type handshakes struct {
	limit   int // how many may be under way
	running int
	queue   []*secure
	turn    uint64        // the loop's, of which spent is
	spent   time.Duration // on beginning some
	posted  bool          // next will run
}

// beginTime is for how long a loop begins handshakes in one turn, so that hundreds
// which come at a time do not hold up its other connections: each takes 0.25 ms of
// the loop, 1.2 ms with an RSA key of 2048 bits. With 256 clients that do nothing but
// connect, other connections on the loop waited 3 ms in the middle and 13 to 44 at
// the 99th percentile; without a bound 6 to 45, and 140 to 450.
const beginTime = 2 * time.Millisecond

// room reports whether another handshake may begin now.
func (h *handshakes) room(turn uint64) bool {
	if h.turn != turn {
		h.turn, h.spent = turn, 0
	}
	return h.running < h.limit && h.spent < beginTime
}

// enter reports whether s may begin. If not, it waits for its turn.
func (s *secure) enter() bool {
	h := &s.loop.handshakes
	if s.admitted {
		return true
	}
	if len(h.queue) == 0 && h.room(s.loop.counts.Turns) {
		s.admit()
		return true
	}
	h.queue = append(h.queue, s)
	s.conn.paused = true
	s.loop.nextHandshakes()
	return false
}

func (s *secure) admit() {
	s.loop.handshakes.running++
	s.admitted = true
}

// leave makes room when the handshake is over, or is not waited for any more.
func (s *secure) leave() {
	h := &s.loop.handshakes
	if s.admitted {
		s.admitted = false
		h.running--
		s.loop.nextHandshakes()
	} else if i := slices.Index(h.queue, s); i >= 0 {
		h.queue = slices.Delete(h.queue, i, i+1)
	}
}

// nextHandshakes has those that wait begin, if there is room, behind this turn's
// other work.
func (l *Loop) nextHandshakes() {
	h := &l.handshakes
	if !h.posted && len(h.queue) > 0 && h.running < h.limit {
		h.posted = true
		_ = l.Post(l.beginHandshakes) // the loop takes functions while it has connections
	}
}

// beginHandshakes begins some of those that wait, at least one.
func (l *Loop) beginHandshakes() {
	h := &l.handshakes
	h.posted = false
	defer l.nextHandshakes() // also when a callback of the user's panics
	for len(h.queue) > 0 && h.room(l.counts.Turns) {
		s := h.queue[0]
		h.queue[0] = nil
		if h.queue = h.queue[1:]; len(h.queue) == 0 {
			h.queue = nil // after a flood
		}
		s.admit()
		s.conn.paused = false
		l.current = s.conn
		l.watched.step()
		s.feed(nil)
		s.conn.settle()
		l.current = nil
	}
}
