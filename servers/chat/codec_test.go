//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseLine(t *testing.T) {
	for line, want := range map[string]Command{
		"":                             {},
		"  \t ":                        {},
		"hello  there ":                {Name: "say", Text: "hello  there"},
		"//etc":                        {Name: "say", Text: "/etc"},
		"/":                            {Name: "/"},
		"/hello x":                     {Name: "/hello", Text: "x"},
		"/ME  waves":                   {Name: "me", Text: "waves"},
		"/join #a":                     {Name: "join", Room: "#a"},
		"/part a  for good":            {Name: "part", Room: "a", Text: "for good"},
		"/part":                        {Name: "part"},
		"/msg bob  two words":          {Name: "msg", To: "bob", Text: "two words"},
		"/msg bob":                     {Name: "msg", To: "bob"},
		"/topic two words":             {Name: "topic", Text: "two words"},
		"/login s3cret":                {Name: "login", Text: "s3cret"},
		"/login ann pass with spaces":  {Name: "login", To: "ann", Text: "pass with spaces"},
		"/ban 192.0.2.0/24 1h":         {Name: "ban", To: "192.0.2.0/24", Text: "1h"},
		"/who":                         {Name: "who"},
		"/nick ann":                    {Name: "nick", Text: "ann"},
		"/unknown things here":         {Name: "unknown", Text: "things here"},
		"/kick ann because of reasons": {Name: "kick", To: "ann", Text: "because of reasons"},
	} {
		if got := parseLine(line); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, want %+v", line, got, want)
		}
	}
}

// decodeAll is what a codec makes of p: the names and texts, and how it ends.
func decodeAll(c Codec, p []byte, ends bool) (list []Command, left int, err error) {
	for len(p) > 0 {
		cmd, n, err := c.Decode(p, ends)
		if err != nil {
			return list, len(p), err
		}
		if n < 0 || n > len(p) {
			panic("used more than there is")
		}
		if n == 0 {
			break
		}
		list, p = append(list, cmd), p[n:]
	}
	return list, len(p), nil
}

// inPieces gives a codec what has come after each piece, as a connection does.
func inPieces(c Codec, p []byte, size int) (list []Command, err error) {
	var kept []byte
	for len(p) > 0 {
		n := min(size, len(p))
		kept = append(kept, p[:n]...)
		p = p[n:]
		got, left, err := decodeAll(c, kept, false)
		if list = append(list, got...); err != nil {
			return list, err
		}
		kept = kept[len(kept)-left:]
	}
	got, _, err := decodeAll(c, kept, true)
	return append(list, got...), err
}

func fuzzDecode(f *testing.F, c Codec, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s), 1)
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, p []byte, size int) {
		want, wantErr := inPieces(c, p, max(len(p), 1))
		got, err := inPieces(c, p, max(1, size))
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: in pieces of %d: %v, at once: %v", p, size, err, wantErr)
		}
		if err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: in pieces of %d: %+v, at once: %+v", p, size, got, want)
		}
		var r *Refusal
		if err != nil && (!errors.As(err, &r) || len(r.Reply) == 0) {
			t.Fatalf("%q: %v has no reply", p, err)
		}
		for _, c := range got {
			if len(c.Text) > objectLimit || strings.ContainsAny(c.Name, " \n") && c.Name[0] == '/' {
				t.Fatalf("%q: got %+v", p, c)
			}
		}
	})
}

func FuzzLines(f *testing.F) {
	fuzzDecode(f, Lines{}, "hello\n", "/nick ann\r\n/join x\nlast", "\xff\xfb\x01a\xff\xfa\x18\x00\xff\xf0b\n", "\n\n\n", "//\n/\n", strings.Repeat("x", lineLimit+1), "/msg a b\x00c\n")
}

func FuzzJSON(f *testing.F) {
	fuzzDecode(f, JSON{}, `{"do":"hello","nick":"ann","rooms":[{"room":"a","after":1,"epoch":"e"}]}`+"\n", `{"do":"say","text":"x","id":"1"}`+"\n{}\n", "[1]\n", "\n\n", `{"do":1}`, `{"do":"login","secret":"\u0000"}`)
}

// Chunks are what reads bring: here only that nothing breaks.
func FuzzChunks(f *testing.F) {
	f.Add([]byte(" a\n"))
	f.Add([]byte("quit\n"))
	f.Add(bytes.Repeat([]byte("x"), 3000))
	f.Fuzz(func(t *testing.T, p []byte) {
		list, left, err := decodeAll(Chunks{}, p, true)
		if err != nil || left > 0 || len(list) != (len(p)+chunkSize-1)/chunkSize {
			t.Fatalf("%d bytes: %d commands, %d left, %v", len(p), len(list), left, err)
		}
	})
}

// Whatever the pieces in which the first bytes come, a stranger is told from a member.
func FuzzRefuse(f *testing.F) {
	for _, s := range []string{"GET / HTTP/1.1\r\n", "NICK a\n", "GET well\n", "\x16\x03\x01", "hello\n", "CAP\n", "PRI * HTTP/2.0\r\n", "T / HTTP/1.1\r\n", "\nNICK a\n", "G", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		whole, unsure := refuse(p)
		if unsure {
			return
		}
		for n := range p {
			if len(bytes.Trim(p[:n], "\r\n")) == 0 {
				continue // who has sent but empty lines is looked at again
			}
			if whole == httpRefusal && !maybeForeign(string(bytes.TrimLeft(p[:n], "\r\n"))) {
				continue // a method of others, which comes whole or not at all
			}
			if r, unsure := refuse(p[:n]); !unsure && r != whole {
				t.Fatalf("%q: of %d bytes it says %v, of all %v", p, n, r, whole)
			}
		}
	})
}

// What the codecs write is one line each, of clean bytes, for every kind of event; and
// JSON says all that Lines does.
func TestEncodeEveryKind(t *testing.T) {
	e := Event{
		Time: start, Room: "room", Seq: 7, Epoch: "e", Nick: "ann", To: "bob", By: "op", Text: "text <&> \u2028", ID: "id", Code: CodeNick,
		Old: true, Missed: true, Login: true, Count: 3, Names: []string{"ann", "bob", "cid"}, Rooms: []RoomInfo{{"r", 1, "t"}, {"s", 2, ""}},
	}
	for _, kind := range []Kind{Welcome, Named, Said, Acted, Told, Joined, Left, Renamed, Topic, Kicked, Entered, Exited, Members, Rooms, Notice, Failed, Pong} {
		e.Kind = kind
		text := Lines{}.Encode([]byte("before "), &e)
		if !bytes.HasPrefix(text, []byte("before ")) || !bytes.HasSuffix(text, []byte("\r\n")) {
			t.Errorf("%s: %q", kind, text)
		}
		object := JSON{}.Encode(nil, &e)
		var m map[string]any
		if err := json.Unmarshal(object, &m); err != nil || m["ev"] != string(kind) || bytes.Count(object, []byte("\n")) != 1 || m["time"] != float64(start.UnixMilli()) {
			t.Errorf("%s: %s, %v", kind, object, err)
		}
		if chunk := (Chunks{}).Encode(nil, &e); len(chunk) > 0 {
			t.Errorf("%s: the tutorial's clients get %q", kind, chunk)
		}
	}
	e.Kind, e.Old = Said, false
	if chunk := (Chunks{}).Encode(nil, &e); string(chunk) != e.Text {
		t.Errorf("got %q", chunk)
	}
	if got := (Lines{}).Encode(nil, &Event{Kind: "new"}); len(got) > 0 {
		t.Errorf("a kind that lines have no words for: %q", got)
	}
	for count, want := range map[int]string{1: "with nobody else.", 2: "with 1 other: bob.", 22: "with 21 others."} {
		e := Event{Kind: Entered, Room: "r", Nick: "ann", Count: count, Names: []string{"ann", "bob"}}
		if got := string(Lines{}.Encode(nil, &e)); !strings.Contains(got, want) {
			t.Errorf("%d members: %q, want %q", count, got, want)
		}
	}
}

func TestBucket(t *testing.T) {
	now := start
	b := newBucket(10, 3, now)
	for i, want := range []time.Duration{0, 0, 0, 100 * time.Millisecond, 200 * time.Millisecond} {
		if got := b.take(now); got != want {
			t.Errorf("take %d has to wait %v, want %v", i, got, want)
		}
	}
	now = now.Add(time.Second)
	if !b.fill(now) || b.level != 3 {
		t.Errorf("the level is %v a second later", b.level)
	}
	now = now.Add(-time.Hour) // a clock that goes back
	for range 3 {
		if !b.allow(now) {
			t.Error("nothing is allowed")
		}
	}
	if b.allow(now) {
		t.Error("too much is allowed")
	}
	if b := newBucket(-1, 0, now); b.take(now) != 0 || !b.allow(now) {
		t.Error("no limit is one")
	}
}

// The history keeps as much as it may, however it has wrapped.
func TestHistoryRing(t *testing.T) {
	var h history
	for i := range 1000 {
		h.add(Event{Seq: uint64(i + 1), Text: strings.Repeat("x", i%7)}, 100, 1<<20)
		if want := min(i+1, 100); h.count != want {
			t.Fatalf("%d are kept, want %d", h.count, want)
		}
		bytes := 0
		for j := range h.count {
			e := h.at(j).event
			if e.Seq != uint64(i+2-h.count+j) || !e.Old {
				t.Fatalf("the %dth is %+v", j, e)
			}
			bytes += keptSize(&e)
		}
		if bytes != h.bytes {
			t.Fatalf("%d bytes are kept, %d counted", bytes, h.bytes)
		}
	}
	if got := h.from(950); h.at(got).event.Seq != 951 {
		t.Errorf("behind 950 comes %d", h.at(got).event.Seq)
	}
	if h.from(1000) != h.count || h.from(0) != 0 {
		t.Error("the ends are wrong")
	}
	h.add(Event{Seq: 1001, Text: strings.Repeat("x", 900)}, 100, 2000)
	if h.bytes > 2000 || h.count < 2 {
		t.Errorf("%d bytes of %d messages are kept", h.bytes, h.count)
	}
	h.add(Event{}, 0, 0)
	if h.count != 0 || h.bytes != 0 {
		t.Error("there is something in no history")
	}
	if h.find(&Event{ID: "no such"}) != nil {
		t.Error("found what is not there")
	}
}

func TestBans(t *testing.T) {
	var b bans
	b.fill(nil)
	later := start.Add(time.Hour)
	for _, whom := range []string{"ann", "192.0.2.0/24", "2001:db8::/32", "198.51.100.7"} {
		if !b.set(Ban{Whom: whom, Until: later}, start) {
			t.Fatal(whom)
		}
	}
	for _, c := range []struct {
		a    string
		want bool
	}{{"192.0.2.9", true}, {"192.0.3.9", false}, {"2001:db8:7::1", true}, {"2001:db9::1", false}, {"198.51.100.7", true}, {"198.51.100.8", false}} {
		if got := b.addr(mustAddr(c.a), start); got != c.want {
			t.Errorf("%s: %v", c.a, got)
		}
		if b.addr(mustAddr(c.a), later) {
			t.Errorf("%s is banned for ever", c.a)
		}
	}
	b.set(Ban{Whom: "ANN"}, start)
	if list := b.current(start); len(list) != 4 || !b.nick("ann", later) {
		t.Errorf("one name is banned twice: %v", list)
	}
	b.set(Ban{Whom: "bob"}, later)
	if list := b.current(later); len(list) != 2 {
		t.Errorf("what is over is listed: %v", list)
	}
	if b.forget(later); len(b.nicks) != 2 || len(b.networks) != 0 {
		t.Errorf("what is over is kept: %v, %v", b.nicks, b.networks)
	}
	for i := range bansKept - 2 {
		if !b.set(Ban{Whom: fmt.Sprintf("2001:db8:%x::/48", i), Until: later}, start) {
			t.Fatalf("%d bans are too many", i)
		}
	}
	if b.set(Ban{Whom: "192.0.2.1"}, start) || !b.set(Ban{Whom: "192.0.2.1"}, later) {
		t.Error("the bound does not count what holds")
	}
	if !b.set(Ban{Whom: "::ffff:198.51.100.0/120"}, later) || !b.addr(mustAddr("198.51.100.9"), later) {
		t.Error("a network of mapped addresses is not one of IPv4")
	}
	if b.lift("nobody") || !b.lift("Ann") || b.nick("ann", start) {
		t.Error("lifted wrongly")
	}
}
