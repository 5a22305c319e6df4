//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"slices"
	"time"

	"example.com/iomux/internal/ipaddr"
)

// hub is the chat itself: who there is, in which rooms, and what is said there. It knows
// no loop, no connection and no clock: what comes of a command goes to out, and the time
// is the one that whoever calls it has set in now. One goroutine calls it, that of the
// home loop, so that all members hear everything in the same order.
type hub struct {
	o        *Options // with its defaults
	out      out
	now      time.Time
	commands map[string]builtin

	nicks  map[string]*person // by their folds
	rooms  map[string]*room
	parted map[string]parting
	bans   bans
	mutes  bans
	list   *packet // of rooms, as it was told last
	bytes  int     // of all rooms' histories
	guests int

	reserved map[string]bool // folds
	guest    string          // the fold of guestPrefix
	digits   string          // what digits fold to
}

// out is what a hub has an effect on.
type out interface {
	// send tells one, cast all in a room; but, if there is one, is whose doing it is: it
	// gets what it has said only if its codec has an Echo, and its new name not at all.
	send(p *person, pk *packet)
	cast(r *room, but *person, pk *packet)
	// enter has p get what is cast in r from now on, exit no more.
	enter(r *room, p *person)
	exit(r *room, p *person)
	// end ends p's connection when it has been sent everything; the hub has forgotten it.
	end(p *person, why string)
	// check has a login be looked at, which ends with a call of hub.checked.
	check(p *person, name, secret string)
	// load and keep are for what outlives the hub.
	load(fold string, limit int) (r StoredRoom, ok bool, err error)
	keep(fold string, r StoredRoom)
	kept(fold string) bool // nothing of the room waits to be kept
	keepBans([]Ban)
	// note is for the log.
	note(what string, args ...any)
}

func newHub(o *Options, to out) *hub {
	h := &hub{
		o: o, out: to, now: o.now(),
		nicks: map[string]*person{}, rooms: map[string]*room{}, parted: map[string]parting{},
		reserved: map[string]bool{},
	}
	for _, name := range append(slices.Clone(reserved), o.Name) {
		if _, fold, err := foldNick(name); err == nil {
			h.reserved[fold] = true
		}
	}
	_, h.guest, _ = foldNick(guestPrefix)
	for d := range 10 {
		_, fold, _ := foldNick(guestPrefix + string(rune('0'+d)))
		h.digits += fold[len(h.guest):]
	}
	h.bans.fill(nil)
	h.mutes.fill(nil)
	h.addCommands()
	return h
}

// send tells somebody what has happened.
func (h *hub) send(p *person, e Event) {
	e.Time = h.stamp(e.Time)
	h.out.send(p, &packet{event: e})
}

// cast tells everybody in a room.
func (h *hub) cast(r *room, by *person, e Event) {
	e.Time = h.stamp(e.Time)
	h.out.cast(r, by, &packet{event: e})
}

func (h *hub) stamp(t time.Time) time.Time {
	if t.IsZero() {
		return h.now
	}
	return t
}

// configure has other options hold. Who has not logged in, where one must from now on, is
// put out of all rooms.
func (h *hub) configure(o *Options) {
	h.o = o
	if !o.RequireLogin {
		return
	}
	for _, p := range h.nicks {
		if h.inside(p) || !p.greeted {
			continue
		}
		for _, r := range slices.Clone(p.rooms) {
			h.part(p, r, Event{Kind: Left, Nick: p.nick})
			h.send(p, Event{Kind: Exited, Room: r.name, Text: "one must log in from now on"})
		}
	}
}

// enter takes in somebody whose connection has come. It gets nothing before greet.
func (h *hub) enter(p *person) {
	p.joins = newBucket(h.o.JoinRate/60, h.o.JoinRate, h.now)
	p.nicks = newBucket(h.o.NickRate/60, h.o.NickRate, h.now)
	if h.bans.addr(p.addr, h.now) {
		h.send(p, Event{Kind: Failed, Code: CodeBanned, Text: "you are banned here"})
		h.drop(p, "banned")
		return
	}
	shown, fold := h.guestName()
	h.name(p, shown, fold)
}

// greet has somebody be in the chat: by the name it wants, and in the rooms it has been
// in, if it says so; else in the lobby.
func (h *hub) greet(p *person, hello *Command) {
	p.greeted = true
	var failed *failure
	if hello != nil && hello.To != "" {
		var shown, fold string
		if shown, fold, failed = h.nickFor(p, hello.To); failed == nil {
			h.name(p, shown, fold)
		}
	}
	h.send(p, Event{Kind: Welcome, Nick: p.nick, By: h.o.Name, Text: h.o.MOTD, Login: h.o.RequireLogin && !p.loggedIn})
	if failed != nil {
		h.send(p, Event{Kind: Failed, Code: failed.code, Text: failed.text, ID: hello.ID})
	}
	if h.o.RequireLogin && !p.loggedIn {
		return
	}
	if hello == nil || hello.Rooms == nil {
		h.begin(p)
		return
	}
	for i, since := range hello.Rooms {
		if h.o.RoomsPerMember >= 0 && i == h.o.RoomsPerMember {
			h.tell(p, fail(CodeLimit, "one may be in %d rooms", i), hello.ID)
			return
		}
		h.tell(p, h.join(p, since), hello.ID)
	}
}

// begin puts somebody into the lobby.
func (h *hub) begin(p *person) { h.tell(p, h.join(p, Since{Room: h.o.Lobby}), "") }

// tell says that something was not done, if so.
func (h *hub) tell(p *person, failed *failure, id string) {
	if failed != nil {
		h.send(p, Event{Kind: Failed, Code: failed.code, Text: failed.text, ID: id})
	}
}

// do does what somebody wants.
func (h *hub) do(p *person, c *Command) {
	if p.gone || c.Name == "" {
		return
	}
	c.ID = clean(c.ID, idLimit)
	if !p.greeted && c.Name != "quit" {
		if c.Name == helloCommand {
			h.greet(p, c)
			return
		}
		h.greet(p, nil)
	}
	spec, ok := h.commands[c.Name]
	var failed *failure
	switch {
	case !ok:
		failed = fail(CodeUnknown, "there is no command %s; /help lists them", clean(c.Name, 32))
	case h.o.RequireLogin && !p.loggedIn && !spec.open:
		failed = fail(CodeLogin, "log in first: /login NAME SECRET, or /login TOKEN")
	case spec.operator && !p.operator:
		failed = fail(CodeOperator, "only operators may do that")
	default:
		failed = spec.do(h, p, c)
	}
	h.tell(p, failed, c.ID)
}

// join puts somebody into a room.
func (h *hub) join(p *person, since Since) *failure {
	name := since.Room
	if name == "" {
		return fail(CodeUsage, "which room? /join ROOM")
	}
	// A room is made behind all the limits: else who may not enter it could make it.
	if r, failed := h.room(name, false); failed == nil && p.in(r) {
		// It is the current one from now on.
		p.rooms = append(slices.DeleteFunc(p.rooms, func(o *room) bool { return o == r }), r)
		h.notice(p, "what you say is said in %s now", r.name)
		return nil
	}
	switch {
	case h.o.RoomsPerMember >= 0 && len(p.rooms) >= h.o.RoomsPerMember:
		return fail(CodeLimit, "you are in %d rooms already; leave one first, with /part", len(p.rooms))
	case !p.joins.allow(h.now):
		return fail(CodeLimit, "you join too many rooms; wait a moment")
	}
	r, failed := h.room(name, true)
	if failed != nil {
		return failed
	}
	r.people[p] = true
	r.changed()
	p.rooms = append(p.rooms, r)
	if !h.quiet(r) {
		h.cast(r, nil, Event{Kind: Joined, Room: r.name, Nick: p.nick})
	}
	h.out.enter(r, p)
	h.replay(r, p, since)
	return nil
}

// part takes somebody out of a room, and tells the others; e is what they are told.
func (h *hub) part(p *person, r *room, e Event) {
	loud := !h.quiet(r) || e.Kind == Kicked
	delete(r.people, p)
	r.changed()
	p.rooms = slices.DeleteFunc(p.rooms, func(o *room) bool { return o == r })
	h.out.exit(r, p)
	if loud {
		e.Room = r.name
		h.cast(r, nil, e)
	}
	if len(r.people) == 0 {
		r.empty = h.now
	}
}

// leave takes in that somebody's connection has ended.
func (h *hub) leave(p *person, why string) {
	if p.gone {
		return
	}
	p.gone = true
	for _, r := range slices.Clone(p.rooms) {
		h.part(p, r, Event{Kind: Left, Nick: p.nick, Text: why})
	}
	if p.fold != "" {
		delete(h.nicks, p.fold)
		if len(h.parted) < partingsKept && !h.guestLike(p.fold) {
			h.parted[p.fold] = parting{ipaddr.Site(p.addr), h.now.Add(nickKept)}
		}
	}
}

// drop ends somebody's connection.
func (h *hub) drop(p *person, why string) {
	h.leave(p, why)
	h.out.end(p, why)
}

// sweep forgets what is over: rooms that are empty, nicknames that were kept, mutes. It
// is called every now and then.
func (h *hub) sweep() {
	for fold, r := range h.rooms {
		// A room that the store does not have whole is not to be loaded from it.
		if len(r.people) == 0 && h.now.Sub(r.empty) >= h.o.KeepRoom && h.out.kept(fold) {
			delete(h.rooms, fold)
			h.bytes -= r.history.bytes
		}
	}
	for fold, was := range h.parted {
		if !was.until.After(h.now) {
			delete(h.parted, fold)
		}
	}
	h.mutes.forget(h.now)
}
