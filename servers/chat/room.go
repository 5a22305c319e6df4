//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"
)

// room is where people talk. The hub alone touches what is in it; for halls it is only
// a name.
type room struct {
	name, fold string
	epoch      string
	seq        uint64
	topic      Event // no Text: none
	unkept     bool  // the store could not be read: nothing of it is changed there
	at         []int // how many of people are in each hall; out's alone
	people     map[*person]bool
	history    history
	members    *packet   // who is in it, as it was told last; nil: that is not so any more
	stale      bool      // somebody has come or gone since
	empty      time.Time // since when, where nobody is in it
}

// names are the nicknames in the room, in order.
func (r *room) names() []string {
	type named struct{ lower, name string }
	list := make([]named, 0, len(r.people))
	for p := range r.people {
		list = append(list, named{strings.ToLower(p.nick), p.nick})
	}
	slices.SortFunc(list, func(a, b named) int { return strings.Compare(a.lower, b.lower) })
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].name
	}
	return names
}

// changed takes in that somebody has come, gone or got a new name.
func (r *room) changed() {
	if r.stale = true; len(r.people) <= namesShown {
		r.members = nil
	}
}

// info is the room as the list of rooms has it.
func (r *room) info() RoomInfo {
	return RoomInfo{Name: r.name, Count: len(r.people), Topic: r.topic.Text}
}

// number gives an event its place in the room.
func (r *room) number(e *Event) {
	r.seq++
	e.Room, e.Seq = r.name, r.seq
}

// room is the one of a name: an existing one, or with create a new one. The error is for
// the member.
func (h *hub) room(name string, create bool) (*room, *failure) {
	shown, fold, err := foldRoom(name)
	if err != nil {
		return nil, fail(CodeRoom, "%v", err)
	}
	if r := h.rooms[fold]; r != nil {
		return r, nil
	}
	if !create {
		return nil, fail(CodeRoom, "there is no room %s", shown)
	}
	if h.o.MaxRooms >= 0 && len(h.rooms) >= h.o.MaxRooms {
		return nil, fail(CodeLimit, "there are %d rooms already, and there may not be more", len(h.rooms))
	}
	r := &room{name: shown, fold: fold, people: map[*person]bool{}, empty: h.now}
	h.restore(r)
	h.rooms[fold] = r
	return r, nil
}

// restore brings back what the store has of a room.
func (h *hub) restore(r *room) {
	kept, ok, err := h.out.load(r.fold, h.o.History)
	if !ok {
		r.epoch = rand.Text()[:12]
		r.unkept = err != nil // what is new would take the place of what could not be read
		return
	}
	r.name, r.epoch, r.seq, r.topic = kept.Name, kept.Epoch, kept.Seq+restartGap, kept.Topic
	for _, e := range kept.Events {
		e.Room = r.name
		h.remember(r, e)
	}
}

// restartGap is what the numbers of a room jump by when it comes back from the store.
// After a crash the store may lack the last messages, which members had got: their
// numbers must not be those of others.
const restartGap = 1 << 20

// remember adds a message to a room's history. Where those of all rooms are as long as
// they may be together, the room forgets as much as it takes in.
func (h *hub) remember(r *room, e Event) {
	limit := h.o.HistoryBytes
	if h.o.HistoryTotal >= 0 && h.bytes+keptSize(&e) > h.o.HistoryTotal {
		limit = min(limit, r.history.bytes)
	}
	h.bytes -= r.history.bytes
	r.history.add(e, h.o.History, limit)
	h.bytes += r.history.bytes
}

// keep has an event of the room's outlive it.
func (h *hub) keep(r *room, e Event) {
	if e.Kind != Topic {
		h.remember(r, e)
	}
	if r.unkept {
		return
	}
	stored := StoredRoom{Name: r.name, Epoch: r.epoch, Topic: r.topic, Seq: r.seq}
	if e.Kind != Topic {
		stored.Events = []Event{e}
	}
	h.out.keep(r.fold, stored)
}

// replay shows somebody who has joined what was said: what came after since, if that is
// of this epoch, else the last messages.
func (h *hub) replay(r *room, p *person, since Since) {
	first := max(0, r.history.count-h.o.Replay)
	missed := false
	if since.Epoch != "" || since.After > 0 {
		if since.Epoch == r.epoch && since.After <= r.seq {
			first = r.history.from(since.After)
			oldest := r.seq + 1
			if r.history.count > 0 {
				oldest = r.history.at(0).event.Seq
			}
			// Topics have numbers too and are not in the history: one that is the
			// only thing between is nothing missed, yet there is no telling.
			missed = since.After+1 < oldest && since.After < r.seq
		} else {
			missed = true
		}
	}
	// What waits for somebody is bounded, so this must be too.
	long := 0
	for i := r.history.count - 1; i >= first; i-- {
		if long += keptSize(&r.history.at(i).event); long > replayBytes {
			first, missed = i+1, missed || since.Epoch != ""
			break
		}
	}
	h.send(p, Event{Kind: Entered, Room: r.name, Epoch: r.epoch, Seq: r.seq, Count: len(r.people), Missed: missed, Nick: p.nick, Names: h.someNames(r)})
	if r.topic.Text != "" {
		t := r.topic
		t.Old, t.Seq = true, 0
		h.send(p, t)
	}
	for i := first; i < r.history.count; i++ {
		h.out.send(p, r.history.at(i))
	}
}

// replayBytes bounds what is replayed at once: in JSON it may be six times as long, and
// one may enter several rooms.
const replayBytes = 64 << 10

// someNames are those of a room that is small enough to show them.
func (h *hub) someNames(r *room) []string {
	if h.quiet(r) {
		return nil
	}
	return r.names()
}

// quiet reports whether coming and going is not told in the room.
func (h *hub) quiet(r *room) bool { return h.o.Quiet >= 0 && len(r.people) > h.o.Quiet }
