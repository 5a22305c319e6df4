//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"slices"
	"strings"
)

// scene is what a client knows of the chat, from the lines it has seen: what the prompt
// shows, and what can be completed.
type scene struct {
	nick     string
	named    bool     // it is not one that the server has given
	rooms    []string // those one is in; the last is the current one
	people   recent
	places   recent
	commands recent
}

// The bounds of what a server can have a client remember.
const (
	roomsKnown    = 64
	peopleKnown   = 1000
	commandsKnown = 100
)

// chatCommands are those that every server has, for who is no operator.
var chatCommands = []string{"help", "join", "login", "me", "msg", "nick", "part", "ping", "quit", "rooms", "say", "topic", "who"}

func newScene() *scene {
	s := &scene{people: recent{limit: peopleKnown}, places: recent{limit: roomsKnown}, commands: recent{limit: commandsKnown}}
	for _, name := range chatCommands {
		s.commands.add(name)
	}
	return s
}

// restart forgets where one is: a connection is new.
func (s *scene) restart() { s.nick, s.rooms = "", nil }

// current is the room one speaks in.
func (s *scene) current() string {
	if len(s.rooms) == 0 {
		return ""
	}
	return s.rooms[len(s.rooms)-1]
}

// prompt shows who one is, and where.
func (s *scene) prompt() string {
	if room := s.current(); room != "" {
		return s.nick + "@" + room + prompt
	}
	return s.nick + prompt
}

// see takes in a line of the server.
func (s *scene) see(l *chatLine) {
	switch {
	case l.stamp != "": // who knows who is still there
	case l.nick != "":
		s.people.add(l.nick)
	case l.kind == lineNotice && l.where == "":
		s.seeNotice(l.text)
	case l.kind == lineNotice:
		s.places.add(l.room())
		s.seeInRoom(l.room(), l.text)
	}
}

func (s *scene) seeNotice(text string) {
	if strings.HasPrefix(text, "Welcome to ") {
		if i := strings.LastIndex(text, ". You are "); i >= 0 {
			name, _, _ := strings.Cut(text[i+len(". You are "):], ";")
			if isName(name) {
				s.nick, s.named = name, false
			}
		}
		return
	}
	if rest, ok := strings.CutPrefix(text, "you are called "); ok {
		if name, ok := strings.CutSuffix(rest, " now"); ok && isName(name) {
			s.nick, s.named = name, true
		}
		return
	}
	first, rest, _ := strings.Cut(text, " ")
	if name, ok := strings.CutPrefix(first, "/"); ok { // of the help
		if name = strings.TrimSuffix(name, ":"); isName(name) {
			s.commands.add(name)
		}
		return
	}
	if strings.HasPrefix(rest, "(") && isName(first) { // of the list of rooms
		s.places.add(first)
	}
}

func (s *scene) seeInRoom(room, text string) {
	if rest, ok := strings.CutPrefix(text, "you are in the room, with "); ok {
		s.enter(room)
		_, names, _ := strings.Cut(strings.TrimSuffix(rest, ". /part leaves it."), ": ")
		s.meet(names)
		return
	}
	if strings.HasPrefix(text, "you are not in the room any more") {
		s.rooms = slices.DeleteFunc(s.rooms, func(o string) bool { return o == room })
		return
	}
	if rest, ok := strings.CutPrefix(text, "here are "); ok {
		_, names, _ := strings.Cut(rest, ": ")
		s.meet(names)
		return
	}
	who, what, _ := strings.Cut(text, " ")
	if !isName(who) {
		return
	}
	switch {
	case what == "has joined":
		s.people.add(who)
	case what == "has left", strings.HasPrefix(what, "has left: "):
		s.people.remove(who)
	case strings.HasPrefix(what, "is called ") && strings.HasSuffix(what, " now"):
		s.people.remove(who)
		if name := strings.TrimSuffix(strings.TrimPrefix(what, "is called "), " now"); isName(name) {
			s.people.add(name)
		}
	}
}

// enter makes a room the current one.
func (s *scene) enter(room string) {
	s.rooms = append(slices.DeleteFunc(s.rooms, func(o string) bool { return o == room }), room)
	if len(s.rooms) > roomsKnown {
		s.rooms = s.rooms[1:]
	}
}

// meet takes in a list of names.
func (s *scene) meet(names string) {
	for name := range strings.SplitSeq(names, ", ") {
		if isName(name) {
			s.people.add(name)
		}
	}
}

// speak takes in a line that was sent. To join a room that one is in makes it the
// current one, which the server does not tell.
func (s *scene) speak(line string) {
	words := strings.Fields(line)
	if len(words) < 2 || !strings.EqualFold(words[0], "/join") {
		return
	}
	name := strings.TrimPrefix(words[1], "#")
	for _, room := range s.rooms {
		if strings.EqualFold(room, name) {
			s.enter(room)
			return
		}
	}
}

// recent is a list of words, the last used one last; the first goes when there are too
// many.
type recent struct {
	words []string
	limit int
}

func (r *recent) add(word string) {
	r.remove(word)
	r.words = append(r.words, word)
	if len(r.words) > r.limit {
		r.words = slices.Delete(r.words, 0, 1)
	}
}

func (r *recent) remove(word string) {
	if i := slices.Index(r.words, word); i >= 0 {
		r.words = slices.Delete(r.words, i, i+1)
	}
}
