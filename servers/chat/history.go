//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

// history is the last messages of a room, the oldest first, in a ring.
type history struct {
	ring  []*packet // Said and Acted, with Old set
	head  int       // of the oldest
	count int
	bytes int
}

// keptSize is what a kept message takes, about.
func keptSize(e *Event) int { return 256 + len(e.Nick) + len(e.Text) + len(e.ID) }

// add keeps an event, and forgets the oldest ones where there would be more than count
// of them, or bytes.
func (h *history) add(e Event, count, bytes int) {
	if count <= 0 {
		*h = history{}
		return
	}
	e.Old = true
	for h.count >= count || h.count > 0 && h.bytes+keptSize(&e) > bytes {
		h.bytes -= keptSize(&h.ring[h.head].event)
		h.ring[h.head] = nil
		h.head = (h.head + 1) % len(h.ring)
		h.count--
	}
	if h.count == len(h.ring) {
		h.grow(min(count, max(16, 2*h.count)))
	}
	h.ring[(h.head+h.count)%len(h.ring)] = &packet{event: e}
	h.count++
	h.bytes += keptSize(&e)
	if h.count > formsKept {
		h.at(h.count - 1 - formsKept).retire()
	}
}

// formsKept is of how many messages, the newest ones, the history keeps what they were
// encoded to, for all who join: those further back are for the few who come back late.
const formsKept = 50

// grow has room for n.
func (h *history) grow(n int) {
	ring := make([]*packet, n)
	for i := range h.count {
		ring[i] = h.at(i)
	}
	h.ring, h.head = ring, 0
}

// at is the ith, from the oldest.
func (h *history) at(i int) *packet { return h.ring[(h.head+i)%len(h.ring)] }

// from is the index of the first that is newer than seq.
func (h *history) from(seq uint64) int {
	low, high := 0, h.count
	for low < high {
		if mid := (low + high) / 2; h.at(mid).event.Seq > seq {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

// find is the same message, sent before, if it is kept. The nickname and the ID alone do
// not tell: both may be another's by now. Who sends again does so soon: only the last
// ones are looked at.
func (h *history) find(same *Event) *packet {
	for i := h.count - 1; i >= max(0, h.count-resent); i-- {
		e := &h.at(i).event
		if e.ID == same.ID && e.Nick == same.Nick && e.Kind == same.Kind && e.Text == same.Text {
			return h.at(i)
		}
	}
	return nil
}

// resent is how many messages may come between one and its repetition.
const resent = 1000
