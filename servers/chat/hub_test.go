//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// stage is a hub without loops: what it tells people is noted for each, as Lines writes
// it, and the time stands still.
type stage struct {
	t      *testing.T
	o      Options
	hub    *hub
	heard  map[*person][]string
	in     map[*room][]*person
	ended  map[*person]string
	login  []*person
	notes  []string
	store  map[string]StoredRoom
	broken error // of load
	busy   bool  // the store is
	bans   []Ban
	casts  int
}

var start = time.Date(2026, 11, 27, 9, 30, 0, 0, time.UTC)

func newStage(t *testing.T, o Options) *stage {
	t.Helper()
	s := &stage{t: t, heard: map[*person][]string{}, in: map[*room][]*person{}, ended: map[*person]string{}, store: map[string]StoredRoom{}}
	o.now = func() time.Time { return start }
	o.Logger = slog.New(slog.DiscardHandler)
	if err := o.fill(); err != nil {
		t.Fatal(err)
	}
	s.o = o
	s.hub = newHub(&s.o, s)
	return s
}

func (s *stage) send(p *person, pk *packet) {
	text := Lines{}.Encode(nil, &pk.event)
	for line := range strings.Lines(string(text)) {
		s.heard[p] = append(s.heard[p], strings.TrimSuffix(line, "\r\n"))
	}
}

func (s *stage) cast(r *room, but *person, pk *packet) {
	s.casts++
	for _, p := range s.in[r] {
		if p != but || p.echo && pk.event.Kind != Renamed {
			s.send(p, pk)
		}
	}
}
func (s *stage) enter(r *room, p *person) { s.in[r] = append(s.in[r], p) }
func (s *stage) exit(r *room, p *person) {
	s.in[r] = slices.DeleteFunc(s.in[r], func(q *person) bool { return p == q })
}
func (s *stage) end(p *person, why string) {
	if _, twice := s.ended[p]; twice {
		s.t.Errorf("%s is ended twice", p.nick)
	}
	s.ended[p] = why
}
func (s *stage) check(p *person, name, secret string) {
	s.login = append(s.login, p)
	s.notes = append(s.notes, "check "+name)
}
func (s *stage) load(fold string, limit int) (StoredRoom, bool, error) {
	if s.broken != nil {
		return StoredRoom{}, false, s.broken
	}
	r, ok := s.store[fold]
	r.Events = r.Events[max(0, len(r.Events)-limit):]
	return r, ok, nil
}
func (s *stage) kept(string) bool { return !s.busy }
func (s *stage) keep(fold string, r StoredRoom) {
	r.Events = append(s.store[fold].Events, r.Events...)
	s.store[fold] = r
}
func (s *stage) keepBans(list []Ban) { s.bans = list }
func (s *stage) note(what string, args ...any) {
	s.notes = append(s.notes, what+" "+strings.TrimSpace(fmt.Sprintln(args...)))
}

// comes lets somebody in from an address, and drops what it is told at first.
func (s *stage) comes(addr string) *person {
	s.t.Helper()
	p := &person{}
	if addr != "" {
		p.addr = netip.MustParseAddr(addr)
	}
	s.hub.enter(p)
	if !p.gone {
		s.hub.greet(p, nil)
	}
	s.heard[p] = nil
	return p
}

// called lets somebody in who has a name.
func (s *stage) called(nick string) *person {
	s.t.Helper()
	p := s.comes("")
	s.gives(p, "/nick "+nick)
	s.hears(p, "** you are called "+nick+" now")
	s.quiet()
	return p
}

// gives has somebody type lines.
func (s *stage) gives(p *person, lines ...string) {
	s.t.Helper()
	for _, l := range lines {
		c := parseLine(l)
		s.hub.do(p, &c)
	}
}

// hears wants exactly these lines to have been told to somebody since it was last asked.
func (s *stage) hears(p *person, want ...string) {
	s.t.Helper()
	if got := s.heard[p]; !slices.Equal(got, want) {
		s.t.Errorf("%s heard\n\t%s\nwant\n\t%s", p.nick, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	s.heard[p] = nil
}

// quiet forgets what was told.
func (s *stage) quiet() { clear(s.heard) }

// operator makes one of somebody.
func (s *stage) operator(nick string) *person {
	p := s.called(nick)
	p.loggedIn, p.operator = true, true
	return p
}

// later moves the clock.
func (s *stage) later(d time.Duration) { s.hub.now = s.hub.now.Add(d) }

func TestTalk(t *testing.T) {
	s := newStage(t, Options{})
	a, b := s.called("ann"), s.called("bob")
	s.gives(a, "hello", "//half", "/me waves", "  ", "")
	s.hears(b, "[lobby] ann: hello", "[lobby] ann: /half", "[lobby] * ann waves")
	s.hears(a)
	b.echo = true
	s.gives(b, "echo")
	s.hears(b, "[lobby] bob: echo")
	s.hears(a, "[lobby] bob: echo")
	s.gives(a, "/msg bob psst", "/msg eve psst", "/msg bob", "/msg #lobby aloud", "/say said")
	s.hears(b, "-> bob, from ann: psst", "[lobby] ann: aloud", "[lobby] ann: said")
	s.hears(a, "** !! there is nobody called eve", "** !! there is nothing to say in it")
	s.gives(a, "/quit for tea", "/join lobby", "/nick ann", "never said")
	s.hears(b, "[lobby] ** ann has left: for tea")
	if why, ended := s.ended[a]; !ended || why != "for tea" {
		t.Errorf("ended %v: %q", ended, why)
	}
}

func TestRooms(t *testing.T) {
	s := newStage(t, Options{RoomsPerMember: 3, MaxRooms: 3})
	a, b := s.called("ann"), s.called("bob")
	s.gives(a, "/join Fruit")
	s.hears(a, "[Fruit] ** you are in the room, with nobody else. /part leaves it.")
	s.gives(b, "/join #fruit")
	s.hears(b, "[Fruit] ** you are in the room, with 1 other: ann. /part leaves it.")
	s.hears(a, "[Fruit] ** bob has joined")
	s.gives(a, "in fruit", "/join lobby", "in the lobby", "/topic pears", "/topic", "/who", "/who fruit")
	s.hears(b, "[Fruit] ann: in fruit", "[lobby] ann: in the lobby", "[lobby] ** the topic is: pears (by ann)")
	s.hears(a, "** what you say is said in lobby now", "[lobby] ** the topic is: pears (by ann)", "[lobby] ** the topic is: pears (by ann)", "[lobby] ** here are 2: ann, bob", "[Fruit] ** here are 2: ann, bob")
	s.gives(b, "/rooms", "/part fruit for good", "/part fruit", "/part nowhere")
	s.hears(b, "** Fruit (2)", "** lobby (2): pears", "[Fruit] ** you are not in the room any more: for good",
		"** !! you are not in the room Fruit", "** !! there is no room nowhere")
	s.hears(a, "[Fruit] ** bob has left: for good")
	s.gives(a, "/join c", "/join d", "/join", "/join !", "/part", "/part", "/part", "/part", "said nowhere")
	got := s.heard[a]
	for _, want := range []string{"you are in 3 rooms already", "which room? /join ROOM", "you are in no room"} {
		if !slices.ContainsFunc(got, func(l string) bool { return strings.Contains(l, want) }) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	s.gives(b, "/who")
	s.hears(b, "[lobby] ** ann has left", "[lobby] ** here are 1: bob")
	s.gives(b, "/nick bert", "/who", "/rooms")
	s.hears(b, "** you are called bert now", "[lobby] ** here are 1: bert", "** Fruit (2)", "** lobby (2): pears") // of a moment ago
	s.later(listKept)
	s.gives(b, "/rooms")
	s.hears(b, "** lobby (1): pears", "** Fruit (0)", "** c (0)")
	s.gives(b, "/join d")
	if !strings.Contains(s.heard[b][len(s.heard[b])-1], "there are 3 rooms already") {
		t.Errorf("got %q", s.heard[b])
	}
	// Fruit and c are empty, the lobby is not.
	s.later(59*time.Second - listKept)
	s.hub.sweep()
	if len(s.hub.rooms) != 3 {
		t.Errorf("%d rooms are left too soon", len(s.hub.rooms))
	}
	s.later(time.Second)
	s.hub.sweep()
	if len(s.hub.rooms) != 1 {
		t.Errorf("%d rooms are left, want the lobby", len(s.hub.rooms))
	}
	s.gives(b, "/part") // now the lobby is empty too, and has not been for long
	s.hub.sweep()
	if len(s.hub.rooms) != 1 {
		t.Error("a room goes with its last member")
	}
}

func TestTooManyRoomsForOne(t *testing.T) {
	s := newStage(t, Options{RoomsPerMember: 2})
	a := s.called("ann")
	s.gives(a, "/join b", "/join c")
	if got := s.heard[a][1]; !strings.Contains(got, "you are in 2 rooms already") {
		t.Errorf("got %q", got)
	}
}

func TestNicks(t *testing.T) {
	s := newStage(t, Options{NickRate: -1})
	a, b := s.called("ann"), s.called("bob")
	for _, c := range []struct{ typed, want string }{
		{"/nick ann", "** !! ann is taken"},
		{"/nick ANN", "** !! ANN is taken"},
		{"/nick \u0430nn", "** !!"}, // a Cyrillic letter in a Latin name
		{"/nick admin", "** !! admin is a reserved name"},
		{"/nick Adm1n", "** !! Adm1n is a reserved name"},
		{"/nick iomux", "** !! iomux is a reserved name"},
		{"/nick guest77", "** !! guest77 is a name that guests are given"},
		{"/nick", "** !! which name? /nick NAME"},
		{"/nick two words", "** !!"},
		{"/nick " + strings.Repeat("x", 100), "** !!"},
	} {
		s.gives(b, c.typed)
		if got := s.heard[b]; len(got) != 1 || !strings.HasPrefix(got[0], c.want) {
			t.Errorf("%q: got %q, want %q", c.typed, got, c.want)
		}
		s.quiet()
	}
	s.gives(b, "/nick Bob")
	s.hears(b, "** you are called Bob now")
	s.hears(a, "[lobby] ** bob is called Bob now")
	s.gives(b, "/nick Bob")
	s.hears(b)
	s.gives(b, "/nick carl", "/msg bob you?")
	s.hears(b, "** you are called carl now", "** !! there is nobody called bob")
}

// A name is kept for a while for the address that has had it, so that nobody else can
// be taken for who has just left.
func TestNickAfterQuit(t *testing.T) {
	s := newStage(t, Options{})
	a, b, c := s.comes("192.0.2.1"), s.comes("192.0.2.2"), s.comes("192.0.2.1")
	s.gives(a, "/nick ann", "/quit")
	s.quiet()
	s.gives(b, "/nick ann")
	s.hears(b, "** !! ann has only just left, and may come back")
	s.gives(c, "/nick ann")
	s.hears(c, "** you are called ann now")
	s.gives(c, "/quit")
	s.later(nickKept)
	s.quiet()
	s.gives(b, "/nick ann")
	s.hears(b, "** you are called ann now")
	s.hub.sweep()
	if len(s.hub.parted) != 0 {
		t.Errorf("%d names are kept for ever", len(s.hub.parted))
	}
}

func TestNickAndJoinRates(t *testing.T) {
	s := newStage(t, Options{JoinRate: 4})
	a := s.comes("")
	for i := range 4 {
		s.gives(a, fmt.Sprintf("/nick name%c", 'a'+i))
	}
	if got := s.heard[a][3]; got != "** !! you change your name too often; wait a moment" {
		t.Errorf("got %q", got)
	}
	s.later(20 * time.Second)
	s.quiet()
	s.gives(a, "/nick nameagain")
	s.hears(a, "** you are called nameagain now")
	s.gives(a, "/join a", "/join b", "/join c", "/join d") // and the lobby
	if got := s.heard[a][3]; got != "[d] ** you are in the room, with nobody else. /part leaves it." {
		t.Errorf("got %q", got) // 20 s have given one back
	}
	s.quiet()
	s.gives(a, "/join e")
	s.hears(a, "** !! you join too many rooms; wait a moment")
}

// Who joins is shown the last messages, with their times, and who comes back those since
// it was there.
func TestHistory(t *testing.T) {
	s := newStage(t, Options{History: 5, Replay: 3})
	a := s.called("ann")
	for i := range 8 {
		s.gives(a, fmt.Sprint("message ", i))
	}
	s.gives(a, "/topic fruit")
	b := &person{}
	s.hub.enter(b)
	s.hub.greet(b, nil)
	s.hears(b,
		"** Welcome to iomux. You are guest2; /nick NAME changes that, /help lists what there is.",
		"[lobby] ** you are in the room, with 1 other: ann. /part leaves it.",
		"[lobby] ** the topic is: fruit (by ann)",
		"[lobby] 2026-11-27 09:30 ann: message 5", "[lobby] 2026-11-27 09:30 ann: message 6", "[lobby] 2026-11-27 09:30 ann: message 7")
	r := s.hub.rooms["lobby"]
	if r.history.count != 5 || r.seq != 9 {
		t.Fatalf("%d messages are kept of %d", r.history.count, r.seq)
	}
	for _, c := range []struct {
		after  uint64
		epoch  string
		first  int // -1: none
		missed bool
	}{
		{9, r.epoch, -1, false}, {8, r.epoch, -1, false}, {7, r.epoch, 7, false}, {5, r.epoch, 5, false},
		{3, r.epoch, 3, false}, {2, r.epoch, 3, true}, {0, r.epoch, 3, true}, {10, r.epoch, 5, true}, {8, "another", 5, true}, {0, "", 5, false},
	} {
		p := &person{}
		s.hub.enter(p)
		got := &Event{}
		first := -1
		s.hub.out = tap{s, func(e *Event) {
			if e.Kind == Entered {
				got = e
			} else if e.Kind == Said && first < 0 {
				fmt.Sscanf(e.Text, "message %d", &first)
			}
		}}
		s.hub.do(p, &Command{Name: helloCommand, Rooms: []Since{{Room: "lobby", After: c.after, Epoch: c.epoch}}})
		s.hub.out = s
		if got.Missed != c.missed || first != c.first || got.Seq != 9 || got.Epoch != r.epoch {
			t.Errorf("after %d of %q: %+v, first %d; want missed %v, first %d", c.after, c.epoch, got, first, c.missed, c.first)
		}
		s.hub.leave(p, "")
	}
}

// tap is a stage that looks at what is sent.
type tap struct {
	*stage
	f func(*Event)
}

func (t tap) send(p *person, pk *packet) {
	t.f(&pk.event)
	t.stage.send(p, pk)
}

// What is sent again with the same ID is not said twice.
func TestSaidAgain(t *testing.T) {
	s := newStage(t, Options{})
	a, b := s.called("ann"), s.called("bob")
	say := func(p *person, id, text string) { s.hub.do(p, &Command{Name: "say", Text: text, ID: id}) }
	say(a, "1", "once")
	say(a, "1", "once")
	say(b, "1", "another's")
	say(a, "2", "next")
	s.hears(b, "[lobby] ann: once", "[lobby] ann: next")
	s.hears(a, "[lobby] 2026-11-27 09:30 ann: once", "[lobby] bob: another's")
}

func TestHello(t *testing.T) {
	s := newStage(t, Options{MOTD: "be kind\nto all"})
	p := &person{}
	s.hub.enter(p)
	s.hub.do(p, &Command{Name: helloCommand, To: "ann", Rooms: []Since{{Room: "b"}, {Room: "a"}}})
	s.hears(p, "** Welcome to iomux. You are ann; /nick NAME changes that, /help lists what there is.", "** be kind", "** to all",
		"[b] ** you are in the room, with nobody else. /part leaves it.", "[a] ** you are in the room, with nobody else. /part leaves it.")
	s.hub.do(p, &Command{Name: helloCommand})
	s.hears(p, "** !! hello has to come first")
	q := &person{}
	s.hub.enter(q)
	s.hub.do(q, &Command{Name: helloCommand, To: "ann"})
	s.hears(q, "** Welcome to iomux. You are guest2; /nick NAME changes that, /help lists what there is.", "** be kind", "** to all",
		"** !! ann is taken", "[lobby] ** you are in the room, with nobody else. /part leaves it.")
	r := &person{}
	s.hub.enter(r)
	s.hub.do(r, &Command{Name: "ping"}) // without a hello
	if got := s.heard[r]; len(got) != 5 || got[4] != "** pong" {
		t.Errorf("got %q", got)
	}
}

func TestOperators(t *testing.T) {
	s := newStage(t, Options{NickRate: -1})
	op, a, b := s.operator("chef"), s.called("ann"), s.comes("192.0.2.9")
	s.quiet()
	s.gives(a, "/kick chef", "/ban chef", "/wall hi", "/mute chef", "/bans")
	no := "** !! only operators may do that"
	s.hears(a, no, no, no, no, no)
	s.gives(op, "/kick ann too loud", "/kick ann", "/kick nobody", "/kick")
	s.hears(a, "[lobby] ** ann was put out by chef: too loud", "[lobby] ** you are not in the room any more: put out by chef")
	s.hears(b, "[lobby] ** ann was put out by chef: too loud")
	s.hears(op, "[lobby] ** ann was put out by chef: too loud", "** !! ann is not in the room lobby", "** !! there is nobody called nobody", "** !! whom? A nickname is missing")
	s.gives(a, "/join lobby")
	s.quiet()

	s.gives(op, "/mute ann 5m", "/mute ann x")
	s.hears(a, "** you are muted until 2026-11-27 09:35:00 UTC, by chef")
	s.hears(op, "** ann is muted until 2026-11-27 09:35:00 UTC", `** !! "x" is not a time; want one such as 10m or 24h`)
	s.gives(op, "/mute chef", "/kick chef")
	s.hears(op, "** !! that is yourself", "** !! that is yourself; /part leaves a room")
	s.gives(a, "hello", "/me waves", "/msg bob psst", "/topic mine", "/nick anna")
	muted := "** !! you are muted: nobody hears you"
	s.hears(a, muted, muted, "** !! there is nobody called bob", muted, "** !! who is muted keeps its name")
	s.hears(b)
	s.gives(a, "/part lobby rude", "/join lobby")
	s.hears(b, "[lobby] ** ann has left", "[lobby] ** ann has joined")
	s.quiet()
	s.gives(op, "/unmute ann", "/unmute ann")
	s.gives(a, "hello")
	s.hears(op, "** ann is heard again", "** !! ann is not muted", "[lobby] ann: hello")
	s.gives(op, "/mute ann")
	s.later(muteTime)
	s.quiet()
	s.gives(a, "over")
	s.hears(op, "[lobby] ann: over")

	s.gives(op, "/ban 192.0.2.0/24 1h", "/ban ann", "/ban 0.0.0.0/0", "/ban chef", "/ban", "/ban !")
	if s.ended[a] != "banned" || s.ended[b] != "banned" || len(s.ended) != 2 {
		t.Errorf("ended: %v", s.ended)
	}
	if len(s.bans) != 2 || !s.bans[1].Until.IsZero() {
		t.Errorf("kept: %v", s.bans)
	}
	s.quiet()
	s.gives(op, "/bans")
	s.hears(op, "** 192.0.2.0/24, until 2026-11-27 10:40:00 UTC (by chef)", "** ann, for ever (by chef)")
	again := &person{addr: netip.MustParseAddr("192.0.2.77")}
	s.hub.enter(again)
	s.hears(again, "** !! you are banned here")
	c := s.comes("198.51.100.1")
	s.gives(c, "/nick Ann")
	s.hears(c, "** !! Ann is banned")
	s.later(nickKept)
	s.gives(op, "/unban ann", "/unban ann", "/unban 192.0.2.0/24")
	s.gives(c, "/nick Ann")
	s.hears(c, "** you are called Ann now")
	if len(s.bans) != 0 {
		t.Errorf("kept: %v", s.bans)
	}
	s.quiet()
	s.gives(op, "/wall all of you")
	s.hears(c, "** from chef, to all: all of you")
}

// Who is muted and comes again by another name is still muted, if its address is its own.
func TestMutedAddress(t *testing.T) {
	s := newStage(t, Options{Exempt: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}})
	op := s.operator("chef")
	for addr, want := range map[string]bool{"192.0.2.1": true, "127.0.0.1": false, "198.51.100.1": false} {
		a := s.comes(addr)
		s.gives(op, "/mute "+a.nick)
		s.gives(a, "/quit")
		b := s.comes(addr)
		s.gives(b, "hello")
		if got := slices.Equal(s.heard[b], []string{"** !! you are muted: nobody hears you"}); got != want {
			t.Errorf("%s: muted: %v", addr, got)
		}
		s.gives(op, "/unmute "+b.nick)
		s.quiet()
		s.gives(b, "hello")
		s.hears(b)
	}
}

// A ban ends nobody's connection who is an operator, and not one's own.
func TestBansOfOperators(t *testing.T) {
	s := newStage(t, Options{})
	a, b := s.comes("192.0.2.1"), s.comes("192.0.2.2")
	a.operator, b.operator = true, true
	s.quiet()
	s.gives(a, "/ban 192.0.0.0/8", "/ban 192.0.2.2", "/ban 192.0.2.1")
	s.hears(a, "** !! 192.0.0.0/8 has yourself in it", "** 192.0.2.2/32 is banned; connections ended: 0", "** !! 192.0.2.1/32 has yourself in it")
	if b.gone || len(s.bans) != 1 {
		t.Errorf("gone: %v, bans: %v", b.gone, s.bans)
	}
}

// Who has not been greeted yet is not told anything.
func TestAnnounceToTheGreeted(t *testing.T) {
	s := newStage(t, Options{})
	a := s.called("ann")
	b := &person{}
	s.hub.enter(b)
	s.hub.announce("", "soon over")
	s.hears(a, "** soon over")
	s.hears(b)
}

type doorman struct{}

func (doorman) Check(string, string) (Account, error) { panic("the stage does not ask") }
func (doorman) Reserved(nick string) bool             { return nick == "carl" }

func TestLogin(t *testing.T) {
	s := newStage(t, Options{Auth: doorman{}, RequireLogin: true, NickRate: -1})
	p := s.comes("")
	s.gives(p, "hello", "/nick carl", "/join x", "/help quit", "/login", "/login carl secret", "/login carl secret")
	first := "** !! log in first: /login NAME SECRET, or /login TOKEN"
	s.hears(p, first, first, first, "** /quit [WHY]: leave", "** !! the secret is missing: /login NAME SECRET, or /login TOKEN", "** !! one login at a time")
	s.hub.checked(p, Account{}, ErrLogin)
	s.hears(p, "** !! wrong name or secret")
	s.gives(p, "/login carl secret")
	s.hub.checked(p, Account{Name: "carl", Operator: true}, nil)
	s.hears(p, "** you are called carl now", "** you are logged in, as an operator", "[lobby] ** you are in the room, with nobody else. /part leaves it.")
	s.gives(p, "/login carl secret", "/nick ann", "/nick carl")
	s.hears(p, "** !! you are logged in already", "** you are called ann now", "** you are called carl now")

	// The user's second connection gets the name, and the first is a guest.
	q := s.comes("")
	s.gives(q, "/login carl secret")
	s.hub.checked(q, Account{Name: "carl"}, nil)
	if q.nick != "carl" || !strings.HasPrefix(p.nick, guestPrefix) {
		t.Errorf("they are called %s and %s", q.nick, p.nick)
	}
	for _, note := range s.notes {
		if strings.Contains(note, "secret") && !strings.HasSuffix(note, ErrLogin.Error()) {
			t.Errorf("the log has the secret: %q", note)
		}
	}

	// Whoever guesses is cut off.
	r := s.comes("")
	for range loginTries {
		s.gives(r, "/login carl guess")
		s.hub.checked(r, Account{}, errors.Join(ErrLogin))
	}
	if s.ended[r] == "" {
		t.Error("one may guess for ever")
	}
	s.hub.checked(r, Account{Operator: true}, nil) // comes too late
	if r.operator {
		t.Error("who is gone logs in")
	}
}

// The list of who is there is what is so, whoever came, went or got a new name since.
func TestWhoIsThere(t *testing.T) {
	s := newStage(t, Options{NickRate: -1})
	a := s.called("ann")
	who := func(want string) {
		t.Helper()
		s.quiet()
		s.gives(a, "/who")
		s.hears(a, "[lobby] ** here are "+want)
	}
	who("1: ann")
	b := s.called("bob")
	who("2: ann, bob")
	s.gives(b, "/nick zoe")
	who("2: ann, zoe")
	s.gives(b, "/part")
	who("1: ann")
	s.gives(b, "/join lobby", "/quit")
	who("1: ann")
}

// In a room with very many, coming and going is not told.
func TestQuietRoom(t *testing.T) {
	s := newStage(t, Options{Quiet: 3})
	a := s.called("ann")
	var all []*person
	for range 4 {
		all = append(all, s.comes(""))
	}
	s.hears(a, "[lobby] ** guest2 has joined", "[lobby] ** guest3 has joined")
	s.gives(all[3], "/quit", "")
	s.hears(a)
	s.gives(all[2], "/quit") // they are 4 when it goes
	s.hears(a)
	s.gives(all[1], "/quit")
	s.hears(a, "[lobby] ** guest3 has left")
}

// What somebody says comes to all as clean text of one line, whatever it was.
func TestHostileTexts(t *testing.T) {
	s := newStage(t, Options{MaxText: 100, NickRate: -1, JoinRate: -1})
	a, b := s.called("ann"), s.called("bob")
	fields := []func(string) Command{
		func(x string) Command { return Command{Name: "say", Text: x} },
		func(x string) Command { return Command{Name: "me", Text: x} },
		func(x string) Command { return Command{Name: "msg", To: "bob", Text: x} },
		func(x string) Command { return Command{Name: "msg", To: x, Text: "x"} },
		func(x string) Command { return Command{Name: "nick", Text: x} },
		func(x string) Command { return Command{Name: "join", Room: x} },
		func(x string) Command { return Command{Name: "part", Room: x} },
		func(x string) Command { return Command{Name: "topic", Text: x} },
		func(x string) Command { return Command{Name: x} },
		func(x string) Command { return Command{Name: "say", Text: "x", ID: x} },
		func(x string) Command { return Command{Name: "help", Text: x} },
		func(x string) Command { return Command{Name: "kick", To: x} },
		func(x string) Command { return Command{Name: "ban", To: x} },
	}
	b.operator = true
	for i := range 256 {
		for _, f := range fields {
			for _, x := range []string{string([]byte{byte(i)}), "a" + string([]byte{byte(i)}) + "b\r\nQUIT", "\x1b]52;c;x\a" + string(rune(i))} {
				c := f(x)
				s.hub.do(b, &c)
			}
		}
	}
	c := Command{Name: "say", Text: strings.Repeat("x", 101)}
	s.hub.do(a, &c)
	heard := 0
	for _, lines := range s.heard {
		for _, l := range lines {
			heard++
			if strings.ContainsFunc(l, func(r rune) bool { return r < 0x20 && r != '\t' || r >= 0x7f && r < 0xa0 }) {
				t.Fatalf("told: %q", l)
			}
		}
	}
	if heard < 1000 {
		t.Errorf("only %d lines were told", heard)
	}
	if !slices.Contains(s.heard[a], "** !! a message may have 100 bytes, and this one has 101") {
		t.Error("a message that is too long is said")
	}
}

// What one who may not enter asks for is not made, and not much is answered.
func TestManyRoomsAtOnce(t *testing.T) {
	s := newStage(t, Options{})
	p := &person{}
	s.hub.enter(p)
	hello := &Command{Name: helloCommand, ID: strings.Repeat("<", 8000)}
	for i := range 2000 {
		hello.Rooms = append(hello.Rooms, Since{Room: fmt.Sprint("room", i)})
	}
	told, long := 0, 0
	s.hub.out = tap{s, func(e *Event) {
		told++
		long = max(long, len(JSON{}.Encode(nil, e)))
	}}
	s.hub.do(p, hello)
	s.gives(p, "/join more", "/join more")
	if len(s.hub.rooms) != 20 || told > 30 || long > 1000 {
		t.Errorf("%d rooms, %d events of up to %d bytes", len(s.hub.rooms), told, long)
	}
}

// The numbers of what was said are not given twice, should the store lack the last ones.
func TestCrash(t *testing.T) {
	s := newStage(t, Options{})
	a := s.called("ann")
	s.gives(a, "1", "2", "3")
	disk := map[string]StoredRoom{"lobby": s.store["lobby"]}
	s.gives(a, "lost", "lost") // ann's friends have seen number 5
	s = newStage(t, Options{})
	s.store = disk
	b := s.called("bob")
	s.gives(b, "4", "5", "6")
	p := &person{}
	s.hub.enter(p)
	var said []string
	s.hub.out = tap{s, func(e *Event) {
		if e.Kind == Said {
			said = append(said, e.Text)
		}
	}}
	s.hub.do(p, &Command{Name: helloCommand, Rooms: []Since{{Room: "lobby", After: 5, Epoch: disk["lobby"].Epoch}}})
	if !slices.Equal(said, []string{"4", "5", "6"}) {
		t.Errorf("who had seen what was lost is told %q", said)
	}
}

// A room that the store cannot read is not written over there, and one that it does not
// have whole is not forgotten.
func TestRoomAndStore(t *testing.T) {
	s := newStage(t, Options{})
	s.broken = errors.New("broken")
	a := s.called("ann")
	s.gives(a, "new", "/topic new")
	if len(s.store) != 0 {
		t.Errorf("kept: %v", s.store)
	}
	s.broken, s.busy = nil, true
	s.gives(a, "/join x", "/part")
	s.later(time.Hour)
	if s.hub.sweep(); len(s.hub.rooms) != 2 {
		t.Errorf("%d rooms are left, want two", len(s.hub.rooms))
	}
	s.busy = false
	if s.hub.sweep(); len(s.hub.rooms) != 1 {
		t.Errorf("%d rooms are left, want one", len(s.hub.rooms))
	}
}

func TestHistoryBounds(t *testing.T) {
	s := newStage(t, Options{HistoryTotal: 20_000, MaxText: 4000, MaxTopic: 100, JoinRate: -1})
	a := s.called("ann")
	for i := range 30 {
		s.gives(a, fmt.Sprintf("/join room%d", i%5), strings.Repeat("x", 1000))
	}
	sum := 0
	for _, r := range s.hub.rooms {
		sum += r.history.bytes
	}
	if sum != s.hub.bytes || sum > 20_000+5*1300 {
		t.Errorf("%d bytes are kept, %d counted", sum, s.hub.bytes)
	}
	// What is replayed is bounded, and said to be not all.
	s = newStage(t, Options{MaxText: 4000, MaxTopic: 100})
	a = s.called("ann")
	for range 100 {
		s.gives(a, strings.Repeat("x", 4000))
	}
	r := s.hub.rooms["lobby"]
	p := &person{}
	s.hub.enter(p)
	n, missed := 0, false
	s.hub.out = tap{s, func(e *Event) {
		if e.Kind == Said {
			n++
		}
		missed = missed || e.Missed
	}}
	s.hub.do(p, &Command{Name: helloCommand, Rooms: []Since{{Room: "lobby", After: 1, Epoch: r.epoch}}})
	if n == 0 || n > replayBytes/4000 || !missed {
		t.Errorf("%d messages were replayed, missed: %v", n, missed)
	}
	// Switched off, nothing is left of it.
	o := s.o
	o.History = 0
	s.hub.out = s
	s.hub.configure(&o)
	s.gives(a, "gone")
	if r.history.count != 0 || s.hub.bytes != 0 {
		t.Errorf("%d messages are kept", r.history.count)
	}
}

func TestMutedNetwork(t *testing.T) {
	s := newStage(t, Options{})
	op, a := s.operator("chef"), s.comes("2001:db8:1:2::5")
	s.gives(op, "/mute "+a.nick)
	s.hub.leave(a, "")
	b := s.comes("2001:db8:1:2::6")
	s.gives(b, "hello")
	s.hears(b, "** !! you are muted: nobody hears you")
	s.gives(op, "/unmute "+b.nick)
	s.quiet()
	s.gives(b, "hello")
	s.hears(op, "[lobby] "+b.nick+": hello")
}

// Another's message is not taken for a repetition, though it has the same name and ID.
func TestAnothersID(t *testing.T) {
	s := newStage(t, Options{})
	a, b := s.called("ann"), s.called("bob")
	s.hub.do(a, &Command{Name: "say", Text: "the first ann's", ID: "1"})
	s.gives(a, "/quit")
	c := s.called("ann")
	s.hub.do(c, &Command{Name: "say", Text: "the second ann's", ID: "1"})
	if got := s.heard[b]; len(got) == 0 || got[len(got)-1] != "[lobby] ann: the second ann's" {
		t.Errorf("heard %q", got)
	}
}

func TestBannedUser(t *testing.T) {
	s := newStage(t, Options{Auth: doorman{}})
	op, a := s.operator("chef"), s.comes("")
	s.hub.checked(a, Account{Name: "carl"}, nil)
	s.gives(op, "/ban carl")
	b := s.comes("")
	s.hub.checked(b, Account{Name: "carl"}, nil)
	if s.ended[a] != "banned" || s.ended[b] != "banned" {
		t.Errorf("ended: %v", s.ended)
	}
}

// Where one must log in, who has not hears nothing.
func TestStrangersHearNothing(t *testing.T) {
	s := newStage(t, Options{Auth: doorman{}, RequireLogin: true})
	op := s.comes("")
	op.loggedIn, op.operator = true, true
	stranger := s.comes("")
	s.gives(op, "/wall the key is under the mat", "/msg "+stranger.nick+" psst")
	s.hears(stranger)
	s.hub.announce("", "soon over")
	s.hears(stranger, "** soon over")

	s = newStage(t, Options{Auth: doorman{}})
	a, b := s.called("ann"), s.called("bob")
	a.loggedIn = true
	o := s.o
	o.RequireLogin = true
	s.hub.configure(&o)
	s.hears(b, "[lobby] ** you are not in the room any more: one must log in from now on")
	s.gives(a, "among us")
	s.hears(b)
	if !a.in(s.hub.rooms["lobby"]) {
		t.Error("who has logged in is put out")
	}
}

func TestBrokenLogins(t *testing.T) {
	s := newStage(t, Options{Auth: doorman{}})
	a := s.comes("")
	for range 2 * loginTries {
		s.hub.checked(a, Account{}, errors.New("dial of a secret place\nfailed"))
	}
	if got := s.heard[a]; len(got) != 2*loginTries || got[0] != "** !! logins cannot be looked at now; try again later" || a.gone {
		t.Errorf("heard %q", got)
	}
}

// Commands of one's own that take the place of the server's.
func TestOwnCommands(t *testing.T) {
	reply := func(text string) CommandSpec { return CommandSpec{Do: func(c *Call) { c.Reply(text) }} }
	s := newStage(t, Options{Auth: doorman{}, RequireLogin: true, Commands: map[string]CommandSpec{"help": reply("own help"), "more": reply("own more")}})
	a := s.comes("")
	s.gives(a, "/help", "/more")
	s.hears(a, "** own help", "** !! log in first: /login NAME SECRET, or /login TOKEN")
}
