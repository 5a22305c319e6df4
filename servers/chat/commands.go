//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// builtin is a command as the hub does it.
type builtin struct {
	usage, help string
	open        bool // also for who has not logged in, where one must
	operator    bool
	do          func(h *hub, p *person, c *Command) *failure
}

const helloCommand = "hello"

// addCommands sets the commands up: the server's own, and those of Options.
func (h *hub) addCommands() {
	h.commands = map[string]builtin{
		"nick":   {usage: "NAME", help: "be called NAME", do: doNick},
		"join":   {usage: "ROOM", help: "enter a room", do: doJoin},
		"part":   {usage: "[ROOM [WHY]]", help: "leave a room", do: doPart},
		"say":    {usage: "TEXT", help: "say something in the room joined last", do: doSay},
		"me":     {usage: "TEXT", help: "do something instead of saying it", do: doMe},
		"msg":    {usage: "WHO|#ROOM TEXT", help: "say something to one member alone, or in another room", do: doMsg},
		"who":    {usage: "[ROOM]", help: "who is in a room", do: doWho},
		"rooms":  {help: "what rooms there are", do: doRooms},
		"topic":  {usage: "[TEXT|-]", help: "what the room is about, or from now on is; - is nothing", do: doTopic},
		"login":  {usage: "[NAME] SECRET", help: "log in", open: true, do: doLogin},
		"ping":   {help: "get an answer", open: true, do: doPing},
		"help":   {usage: "[COMMAND]", help: "what commands there are", open: true, do: doHelp},
		"quit":   {usage: "[WHY]", help: "leave", open: true, do: doQuit},
		"kick":   {usage: "WHO [WHY]", help: "put somebody out of the room", operator: true, do: doKick},
		"mute":   {usage: "WHO [TIME]", help: "have somebody not be heard, for 10m if no time is given", operator: true, do: doMute},
		"unmute": {usage: "WHO", help: "have somebody be heard again", operator: true, do: doUnmute},
		"ban":    {usage: "WHO|ADDRESS|NETWORK [TIME]", help: "keep somebody out; without a time for ever", operator: true, do: doBan},
		"unban":  {usage: "WHO|ADDRESS|NETWORK", help: "let somebody in again", operator: true, do: doUnban},
		"bans":   {help: "who is kept out", operator: true, do: doBans},
		"wall":   {usage: "TEXT", help: "tell everybody in all rooms something", operator: true, do: doWall},
		// Not of the help: a client that says hello twice says nothing new.
		helloCommand: {open: true, do: func(*hub, *person, *Command) *failure {
			return fail(CodeUsage, "hello has to come first")
		}},
	}
	for name, spec := range h.o.Commands {
		open := h.commands[name].open // one that takes the place of such a one is, too
		h.commands[name] = builtin{usage: spec.Usage, help: spec.Help, operator: spec.Operator, open: open, do: func(h *hub, p *person, c *Command) *failure {
			spec.Do(&Call{Command: *c, hub: h, person: p})
			return nil
		}}
	}
}

// doHelp lists the commands that p may give, or explains one.
func doHelp(h *hub, p *person, c *Command) *failure {
	if name := strings.TrimPrefix(strings.ToLower(c.Text), "/"); name != "" {
		b, ok := h.commands[name]
		if !ok || name == helloCommand {
			return fail(CodeUnknown, "there is no command %s; /help lists them", clean(name, 32))
		}
		h.notice(p, "%s: %s", commandLine(name, b), b.help)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(h.commands)) {
		b := h.commands[name]
		if name == helloCommand || b.operator && !p.operator || name == "login" && h.o.Auth == nil {
			continue
		}
		h.notice(p, "%s: %s", commandLine(name, b), b.help)
	}
	return nil
}

func commandLine(name string, b builtin) string {
	return strings.TrimSpace("/" + name + " " + b.usage)
}

// doPing answers.
func doPing(h *hub, p *person, c *Command) *failure {
	h.send(p, Event{Kind: Pong, ID: c.ID})
	return nil
}

// doQuit lets p go.
func doQuit(h *hub, p *person, c *Command) *failure {
	h.drop(p, h.reason(p, c.Text))
	return nil
}

// doNick has p be called something else.
func doNick(h *hub, p *person, c *Command) *failure {
	if c.Text == "" {
		return fail(CodeUsage, "which name? /nick NAME")
	}
	shown, fold, failed := h.nickFor(p, c.Text)
	if failed != nil {
		return failed
	}
	if h.muted(p) && fold != p.fold {
		return fail(CodeMuted, "who is muted keeps its name")
	}
	if !p.nicks.allow(h.now) {
		return fail(CodeLimit, "you change your name too often; wait a moment")
	}
	h.rename(p, shown, fold)
	return nil
}

// doJoin has p enter a room.
func doJoin(h *hub, p *person, c *Command) *failure {
	return h.join(p, Since{Room: c.Room, After: c.After, Epoch: c.Epoch})
}

// doPart has p leave one.
func doPart(h *hub, p *person, c *Command) *failure {
	r, why, failed := h.here(p, c)
	if failed != nil {
		return failed
	}
	why = h.reason(p, why)
	h.part(p, r, Event{Kind: Left, Nick: p.nick, Text: why})
	h.send(p, Event{Kind: Exited, Room: r.name, Text: why})
	return nil
}

// here is the room that a command is about, which p is in, and its text.
func (h *hub) here(p *person, c *Command) (r *room, text string, failed *failure) {
	if c.Room == "" {
		if r = p.current(); r == nil {
			return nil, "", fail(CodeOutside, "you are in no room; /join ROOM enters one")
		}
		return r, c.Text, nil
	}
	r, failed = h.room(c.Room, false)
	if failed == nil && p.in(r) {
		return r, c.Text, nil
	}
	if failed == nil {
		failed = fail(CodeOutside, "you are not in the room %s", r.name)
	}
	return nil, "", failed
}

// doWho tells who is in a room.
func doWho(h *hub, p *person, c *Command) *failure {
	r := p.current()
	if c.Room != "" {
		var failed *failure
		if r, failed = h.room(c.Room, false); failed != nil {
			return failed
		}
	}
	if r == nil {
		return fail(CodeUsage, "in which room? /who ROOM")
	}
	if r.members == nil || r.stale && h.now.Sub(r.members.event.Time).Abs() >= listKept {
		r.stale = false
		names := r.names()
		r.members = &packet{event: Event{Kind: Members, Time: h.now, Room: r.name, Count: len(names), Names: names[:min(len(names), namesShown)]}}
	}
	h.out.send(p, r.members)
	return nil
}

// namesShown is how many members of a room are named: more nobody reads.
const namesShown = 1000

// doRooms tells what rooms there are, the largest first.
func doRooms(h *hub, p *person, _ *Command) *failure {
	if h.list == nil || h.now.Sub(h.list.event.Time).Abs() >= listKept {
		h.list = &packet{event: h.roomList()}
	}
	h.out.send(p, h.list)
	return nil
}

// listKept is how old the list of rooms may be, or of who is in a large one: to sort ten
// thousand takes a while, and many may ask.
const listKept = time.Second

func (h *hub) roomList() Event {
	list := make([]RoomInfo, 0, len(h.rooms))
	for _, r := range h.rooms {
		list = append(list, r.info())
	}
	slices.SortFunc(list, func(a, b RoomInfo) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Name, b.Name)
	})
	return Event{Kind: Rooms, Time: h.now, Rooms: list[:min(len(list), roomsShown)], Count: len(list)}
}

// roomsShown is how many rooms are listed.
const roomsShown = 200

// notice tells somebody something that there is no kind of event for.
func (h *hub) notice(p *person, format string, args ...any) {
	h.send(p, Event{Kind: Notice, Text: fail("", format, args...).text})
}
