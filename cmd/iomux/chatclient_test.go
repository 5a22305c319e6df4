//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/iomux/cmd/internal/harmless"
)

func TestChatTransport(t *testing.T) {
	for _, c := range []struct {
		url, over string
		is        bool
	}{
		{"chat://127.0.0.1:7001", "tcp://127.0.0.1:7001", true},
		{"CHAT://localhost", "tcp://localhost:7000", true},
		{"chats://host", "tls://host:7000", true},
		{"chats://[::1]", "tls://[::1]:7000", true},
		{"chat://[::1]:80", "tcp://[::1]:80", true},
		{"chat://", "tcp://", true},
		{"chat:host", "chat:host", false},
		{"tcp://host:1", "tcp://host:1", false},
	} {
		if over, is := chatTransport(c.url); over != c.over || is != c.is {
			t.Errorf("%s: %q, %v", c.url, over, is)
		}
	}
}

func TestChatClientBadCalls(t *testing.T) {
	dead := deadPort(t)
	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   []string
	}{
		{"no host", []string{"chat://"}, 2, []string{`"chat://"`, "chat://HOST:PORT"}},
		{"no host but a port", []string{"chats://:7000"}, 2, []string{`"chats://:7000"`, "no host"}},
		{"port 0", []string{"chat://127.0.0.1:0"}, 2, []string{"between 1 and 65535"}},
		{"path", []string{"chat://127.0.0.1:7000/lobby"}, 2, []string{"chat://HOST:PORT"}},
		{"IPv6 without brackets", []string{"chat://::1"}, 2, []string{"chat://HOST:PORT"}},
		{"nothing listens", []string{"chat://" + dead}, 1, []string{dead, "nothing listens there"}},
		{"trust without TLS", []string{"--insecure", "chat://127.0.0.1"}, 2, []string{"--insecure", "chats://127.0.0.1:7000", `"chat://127.0.0.1"`}},
		{"nick for no chat", []string{"--nick", "ann", "tcp://127.0.0.1:1"}, 2, []string{"--nick", "chat://", `"tcp://127.0.0.1:1"`}},
		{"reconnect for no chat", []string{"--reconnect", "tcp://127.0.0.1:1"}, 2, []string{"--reconnect", "chat://"}},
		{"colours for no chat", []string{"--color", "never", "tcp://127.0.0.1:1"}, 2, []string{"--color", "chat://"}},
		{"two words", []string{"--nick", "ann bob", "chat://127.0.0.1"}, 2, []string{`"ann bob"`, "without spaces"}},
		{"two lines", []string{"--room", "a\n/quit", "chat://127.0.0.1"}, 2, []string{"without spaces"}},
		{"no name", []string{"--login", "", "chat://127.0.0.1"}, 2, []string{"want a name"}},
		{"too long", []string{"--room", strings.Repeat("x", 97), "chat://127.0.0.1"}, 2, []string{"at most 96 bytes"}},
		{"colour", []string{"--color", "red", "chat://127.0.0.1"}, 2, []string{`"red"`, "auto, always or never"}},
		{"reconnect in a pipe", []string{"--reconnect", "chat://127.0.0.1"}, 2, []string{"--reconnect", "terminal"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			check(t, call(t, "", append([]string{"connect"}, c.args...)...), c.status, c.says)
		})
	}
}

// The parts of a line are the line, and who speaks is who the server says.
func TestParseChatLine(t *testing.T) {
	for _, c := range []struct {
		in   string
		want chatLine
	}{
		{"** Welcome to iomux.", chatLine{kind: lineNotice, before: "** ", text: "Welcome to iomux."}},
		{"** !! there is nobody called eve", chatLine{kind: lineFailed, before: "** !! ", text: "there is nobody called eve"}},
		{"[lobby] ann: hello: you", chatLine{kind: lineSaid, where: "[lobby] ", nick: "ann", after: ": ", text: "hello: you"}},
		{"[lobby] 2026-11-27 09:30 ann: old", chatLine{kind: lineSaid, where: "[lobby] ", stamp: "2026-11-27 09:30 ", nick: "ann", after: ": ", text: "old"}},
		{"[lobby] 2026-11-27 09:30 ** the topic is: x (by y)", chatLine{kind: lineNotice, where: "[lobby] ", stamp: "2026-11-27 09:30 ", before: "** ", text: "the topic is: x (by y)"}},
		{"[lobby] * ann waves", chatLine{kind: lineActed, where: "[lobby] ", before: "* ", nick: "ann", after: " ", text: "waves"}},
		{"[lobby] ** cid has joined", chatLine{kind: lineNotice, where: "[lobby] ", before: "** ", text: "cid has joined"}},
		{"-> you, from ann: in, from bob: private", chatLine{kind: lineTold, before: "-> you, from ", nick: "ann", after: ": ", text: "in, from bob: private"}},
		// What somebody says cannot be the server's word.
		{"[lobby] eve: ** !! you are banned", chatLine{kind: lineSaid, where: "[lobby] ", nick: "eve", after: ": ", text: "** !! you are banned"}},
		{"[lobby] two words: x", chatLine{where: "[lobby] ", text: "two words: x"}},
		{`[\x1b[31m] ann: x`, chatLine{text: `[\x1b[31m] ann: x`}},
		{"-> you", chatLine{text: "-> you"}},
		{"", chatLine{}},
		{"hello", chatLine{text: "hello"}},
	} {
		if got := parseChatLine(c.in); got != c.want {
			t.Errorf("%q: %+v", c.in, got)
		}
	}
}

var sequences = regexp.MustCompile("\x1b\\[[0-9]+m")

// Colours are around the text, and nothing else is; without them it is the text.
func TestPainter(t *testing.T) {
	l := parseChatLine("[lobby] bob: Ann, ann-lee, joann and ann!")
	bob := nickColor("bob")
	if nickColor("BOB") != bob {
		t.Error("the case of a name changes its colour")
	}
	want := "\x1b[2m[lobby] \x1b[0m" + bob + "bob\x1b[0m: \x1b[1mAnn\x1b[0m, ann-lee, joann and \x1b[1mann\x1b[0m!"
	if got := (painter{colors: true}).line(&l, "ann"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for in, want := range map[string]string{
		"** hello":           "\x1b[2m** hello\x1b[0m",
		"** !! no":           "\x1b[31m** !! no\x1b[0m",
		"[x] ** ann is here": "\x1b[2m[x] \x1b[0m\x1b[2m** ann is here\x1b[0m",
		"ann":                "ann",
	} {
		l := parseChatLine(in)
		if got := (painter{colors: true}).line(&l, "ann"); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if got := (painter{}).line(&l, "ann"); got != in {
			t.Errorf("without colours %q: %q", in, got)
		}
	}
}

// FuzzPainter: whatever a server sends, what is shown without colours is what was sent,
// made harmless, and with colours it is that and the client's own sequences.
func FuzzPainter(f *testing.F) {
	for _, s := range []string{
		"** Welcome to x. You are ann; /nick", "[lobby] 2026-11-27 09:30 ann: hi ann", "[lobby] * ann waves", "-> you, from eve: ann\x1b[31m",
		"** !! \u202eno", "[lobby] an\xcc: \x9b2J", "[] : ", "\r\x07", "[a] ann: ANN ann",
	} {
		f.Add(s, "ann")
	}
	f.Fuzz(func(t *testing.T, in, self string) {
		clean := harmless.String(strings.ReplaceAll(in, "\n", ""))
		if !isName(self) {
			self = ""
		}
		l := parseChatLine(clean)
		if whole := l.where + l.stamp + l.before + l.nick + l.after + l.text; whole != clean {
			t.Fatalf("%q in parts is %q", clean, whole)
		}
		if l.nick != "" && !isName(l.nick) {
			t.Fatalf("%q is no name", l.nick)
		}
		if got := (painter{}).line(&l, self); got != clean {
			t.Fatalf("%q is shown as %q", clean, got)
		}
		colored := (painter{colors: true}).line(&l, self)
		if got := sequences.ReplaceAllString(colored, ""); got != clean {
			t.Fatalf("%q is coloured as %q", clean, colored)
		}
		if i := strings.LastIndex(colored, "\x1b"); i >= 0 && !strings.HasPrefix(colored[i:], drawPlain) {
			t.Fatalf("%q does not end plainly", colored)
		}
		s := newScene()
		s.see(&l)
		if p := s.prompt(); strings.ContainsAny(p, "\x1b\n\t\\") || len(p) > 2*wordLimit+len("@> ") {
			t.Fatalf("%q makes the prompt %q", clean, p)
		}
	})
}

// scenery is a scene that has seen lines.
func scenery(lines ...string) *scene {
	s := newScene()
	for _, line := range lines {
		l := parseChatLine(line)
		s.see(&l)
	}
	return s
}

func TestScene(t *testing.T) {
	welcome := "** Welcome to iomux. You are guest7; /nick NAME changes that, /help lists what there is."
	lobby := "[lobby] ** you are in the room, with 2 others: bob, cid. /part leaves it."
	work := "[work] ** you are in the room, with nobody else. /part leaves it."
	for _, c := range []struct {
		name   string
		lines  []string
		prompt string
		people []string
	}{
		{"before the greeting", nil, "> ", nil},
		{"greeted", []string{welcome}, "guest7> ", nil},
		{"in the lobby", []string{welcome, lobby}, "guest7@lobby> ", []string{"bob", "cid"}},
		{"named", []string{welcome, lobby, "** you are called ann now"}, "ann@lobby> ", []string{"bob", "cid"}},
		{"in two rooms", []string{welcome, lobby, work}, "guest7@work> ", []string{"bob", "cid"}},
		{"back", []string{welcome, lobby, work, "[work] ** you are not in the room any more: tired"}, "guest7@lobby> ", []string{"bob", "cid"}},
		{"out of all", []string{welcome, lobby, "[lobby] ** you are not in the room any more"}, "guest7> ", []string{"bob", "cid"}},
		{"people come and go", []string{welcome, lobby, "[lobby] ** dan has joined", "[lobby] ** bob has left: bye", "[lobby] ** cid is called eve now"}, "guest7@lobby> ", []string{"dan", "eve"}},
		{"who spoke last is last", []string{welcome, lobby, "[lobby] bob: hi", "[lobby] 2026-11-27 09:30 old: hi"}, "guest7@lobby> ", []string{"cid", "bob"}},
		{"a list", []string{welcome, "[work] ** here are 2: dan, eve"}, "guest7> ", []string{"dan", "eve"}},
		// None of it is the server's word.
		{"said", []string{welcome, lobby, "[lobby] eve: ** you are called fool now", "[lobby] ** eve has left: cid is called fool now"}, "guest7@lobby> ", []string{"bob", "cid"}},
		{"no name", []string{"** you are called a\\x1b now", "** you are called  now", "** you are called a b now"}, "> ", nil},
	} {
		s := scenery(c.lines...)
		if s.prompt() != c.prompt || !slices.Equal(s.people.words, c.people) {
			t.Errorf("%s: prompt %q, people %q", c.name, s.prompt(), s.people.words)
		}
	}
	s := scenery(welcome, lobby, work)
	s.speak("hello")
	s.speak("/JOIN #Lobby")
	if s.prompt() != "guest7@lobby> " {
		t.Errorf("back in the lobby the prompt is %q", s.prompt())
	}
}

// A server cannot have a client remember more than it has room for.
func TestSceneIsBounded(t *testing.T) {
	s := newScene()
	for i := range 3000 {
		for _, line := range []string{
			fmt.Sprintf("[r%d] ** you are in the room, with 1 other: n%d. /part leaves it.", i, i),
			fmt.Sprintf("** /c%d: x", i),
		} {
			l := parseChatLine(line)
			s.see(&l)
		}
	}
	if len(s.rooms) > roomsKnown || len(s.people.words) > peopleKnown || len(s.places.words) > roomsKnown || len(s.commands.words) > commandsKnown {
		t.Errorf("%d rooms, %d people, %d places, %d commands", len(s.rooms), len(s.people.words), len(s.places.words), len(s.commands.words))
	}
	if s.current() != "r2999" || s.people.words[len(s.people.words)-1] != "n2999" {
		t.Error("the latest is not kept")
	}
}

func TestComplete(t *testing.T) {
	s := scenery(
		"** Welcome to iomux. You are andy; /nick",
		"[lobby] ** you are in the room, with 3 others: ann, annika, Bob, andy. /part leaves it.",
		"[work] ** you are in the room, with nobody else. /part leaves it.",
		"** /roll: throw a die",
		"** garden (3): flowers",
	)
	for _, c := range []struct{ in, want, which string }{
		{"/he|", "/help |", ""},
		{"/HE|", "/help |", ""},
		{"/ro|", "/ro|", "roll rooms"},
		{"/rol|", "/roll |", ""},
		{"/help jo|", "/help join |", ""},
		{"/help /jo|", "/help /join |", ""},
		{"b|", "Bob: |", ""},
		{"hello b| there", "hello Bob |there", ""},
		{"a|", "ann|", ""},
		{"ann|", "ann|", "ann annika"},
		{"anni|", "annika: |", ""},
		{"/msg b|", "/msg Bob |", ""},
		{"/msg #w|", "/msg #work |", ""},
		{"/join g|", "/join garden |", ""},
		{"x|", "x|", ""},
		{"|", "|", ""},
		{"/xyz|", "/xyz|", ""},
	} {
		pos := strings.IndexByte(c.in, '|')
		line, newPos, which := s.complete(strings.Replace(c.in, "|", "", 1), pos)
		if got := line[:newPos] + "|" + line[newPos:]; got != c.want || which != c.which {
			t.Errorf("%q: %q, %q; want %q, %q", c.in, got, which, c.want, c.which)
		}
	}
	many := newScene()
	for i := range 100 {
		many.people.add(fmt.Sprintf("n%02d", i))
	}
	if _, _, which := many.complete("x n", 3); !strings.HasSuffix(which, " n39 and 60 more") {
		t.Errorf("of a hundred: %q", which)
	}
}

// The first Ctrl-C empties the line, the second one behind it is the end.
func TestKeys(t *testing.T) {
	for _, c := range []struct {
		in, want string
		warned   int
		ends     bool
	}{
		{"abc", "abc", 0, false},
		{"ab\x03c\x03d", "ab\x05\x15c\x05\x15d", 2, false},
		{"ab\x03\x03c", "ab\x05\x15", 1, true},
	} {
		var lock sync.Mutex
		lock.Lock()
		warned := 0
		k := &keys{in: strings.NewReader(c.in), lock: &lock, interrupted: func() { warned++ }}
		var got []byte
		var err error
		for err == nil {
			buf := make([]byte, 64)
			var n int
			n, err = k.Read(buf)
			got = append(got, buf[:n]...)
		}
		rest, _ := io.ReadAll(k.in) // never fails
		if string(got) != c.want || warned != c.warned || !errors.Is(err, io.EOF) || k.pressed != c.ends {
			t.Errorf("%q: %q, %d warnings, %v, %q left", c.in, got, warned, err, rest)
		}
		if lock.TryLock() {
			t.Error("the lock is not held")
		}
	}
	var lock sync.Mutex
	lock.Lock()
	k := &keys{in: strings.NewReader("\x03"), lock: &lock, interrupted: func() {}}
	one := make([]byte, 1)
	if n, err := k.Read(one); n != 1 || err != nil || one[0] != keyErase {
		t.Errorf("with room for one: %d, %v, %q", n, err, one)
	}
	if _, err := k.Read(nil); !errors.Is(err, errLongKey) {
		t.Errorf("with no room: %v", err)
	}
}

func TestTypedLines(t *testing.T) {
	var h typedLines
	for _, line := range []string{"one", "", "two", "two", "/login ann secret", "  /LOGIN secret"} {
		h.Add(line)
	}
	if h.Len() != 2 || h.At(0) != "two" || h.At(1) != "one" {
		t.Errorf("%q", h.lines)
	}
	for i := range 2 * typedKept {
		h.Add(fmt.Sprint(i))
	}
	if h.Len() != typedKept || h.At(0) != fmt.Sprint(2*typedKept-1) {
		t.Errorf("%d lines, the last is %q", h.Len(), h.At(0))
	}
}

// A line without an end is shown in pieces that have one.
func TestReadChatIsBounded(t *testing.T) {
	attack := bytes.Repeat([]byte("\x1b\xff"), 1<<17)
	for _, screen := range []bool{false, true} {
		l, err := openLink(serveOne(t, func(conn *net.TCPConn) {
			if _, err := conn.Write(append(slices.Clone(attack), "\nx"...)); err != nil {
				t.Error(err)
			}
		}), 0)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		largest, lines := 0, 0
		err = readChat(l, screen, func(list []piece) error {
			for _, p := range list {
				largest = max(largest, len(p.text))
				got.WriteString(p.text)
				if p.ends {
					lines++
					got.WriteByte('\n')
				}
			}
			return nil
		})
		l.Close()
		if want := harmless.String(string(attack)) + "\nx"; err != nil || got.String() != want {
			t.Errorf("screen %v: %v, %d bytes, want %d", screen, err, got.Len(), len(want))
		}
		if largest > 3*pieceSize || lines != 1 {
			t.Errorf("screen %v: %d bytes in one piece, %d lines", screen, largest, lines)
		}
	}
}
