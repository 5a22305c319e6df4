//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import "example.com/iomux/reactor"

// hall is the members on one loop, and in which rooms they are. The loop alone touches
// it, but for pending, which is the home loop's.
type hall struct {
	loop    *reactor.Loop
	number  int
	rooms   map[*room][]*Member
	members []*Member
	pending []op // what the home loop has for it, of the batch at hand
}

// op is one thing that a hall has to do.
type op struct {
	kind   opKind
	room   *room
	member *Member // whom it is about; of opCast, who is left out unless its codec has an echo
	packet *packet
	done   int // of opDone: how many commands
}

type opKind uint8

const (
	opSend  opKind = iota // packet to member
	opCast                // packet to all of room
	opEnter               // member is in room
	opExit                // member is not in room any more
	opEnd                 // member's connection is to end
	opDone                // what member had sent to the home loop was done
)

// run does what the home loop has sent. Each member's writes are gathered by its
// connection, and go out in one system call at the end of the turn.
func (h *hall) run(ops []op) {
	for i := range ops {
		o := &ops[i]
		switch o.kind {
		case opSend:
			if !o.member.gone {
				o.member.write(o.packet.bytes(o.member.handler))
			}
		case opCast:
			h.cast(o.room, o.member, o.packet)
		case opEnter:
			h.enter(o.room, o.member)
		case opExit:
			h.exit(o.room, o.member)
		case opEnd:
			o.member.end()
		case opDone:
			o.member.landed(o.done)
		}
	}
}

// cast writes to all members of a room that are here. Nobody waits for anybody: what a
// slow one's kernel does not take waits in its connection, which is closed if that
// becomes too much.
func (h *hall) cast(r *room, but *Member, pk *packet) {
	var handler *Handler // the last one's, whose bytes these are: mostly all have the same
	var b []byte
	// A Write that closes a connection does so at the end of the turn: the list stays.
	for _, m := range h.rooms[r] {
		if m == but && (!m.handler.traits.Echo || pk.event.Kind == Renamed) {
			continue
		}
		if m.handler != handler {
			handler = m.handler
			b = pk.bytes(handler)
		}
		m.write(b)
	}
}

// place is where a member stands in its hall's list of a room.
type place struct {
	room  *room
	index int
}

func (h *hall) enter(r *room, m *Member) {
	if m.gone {
		return
	}
	m.places = append(m.places, place{r, len(h.rooms[r])})
	h.rooms[r] = append(h.rooms[r], m)
}

func (h *hall) exit(r *room, m *Member) {
	for i, at := range m.places {
		if at.room == r {
			h.vacate(at)
			m.places = append(m.places[:i], m.places[i+1:]...)
			return
		}
	}
}

// vacate gives a place to the last one in the list.
func (h *hall) vacate(at place) {
	list := h.rooms[at.room]
	last := len(list) - 1
	moved := list[last]
	list[at.index] = moved
	for i := range moved.places {
		if moved.places[i].room == at.room {
			moved.places[i].index = at.index
		}
	}
	list[last] = nil
	if last == 0 {
		delete(h.rooms, at.room)
		return
	}
	h.rooms[at.room] = list[:last]
}

// add takes a member in.
func (h *hall) add(m *Member) {
	m.index = len(h.members)
	h.members = append(h.members, m)
}

// forget takes a member whose connection has ended out of everything.
func (h *hall) forget(m *Member) {
	m.gone = true
	m.away.Store(true)
	last := len(h.members) - 1
	h.members[m.index] = h.members[last]
	h.members[m.index].index = m.index
	h.members[last] = nil
	h.members = h.members[:last]
	for _, at := range m.places {
		h.vacate(at)
	}
	m.places = nil
}

// sweep looks for members that are silent for too long.
func (h *hall) sweep(o *Options) {
	now := o.now()
	for _, m := range h.members {
		m.look(o, now)
	}
}
