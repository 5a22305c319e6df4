//go:build linux

package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"example.com/iomux"
)

// dressed is a line as a chat passes it on: behind who has said it, and after something
// of its own now and then.
func dressed(line int, text []byte) []byte {
	var p []byte
	if line%3 == 0 {
		p = append(p, "** somebody has joined\r\n\n"...)
	}
	return fmt.Appendf(p, "[lobby] guest1: %s\r\n", bytes.TrimSuffix(text, []byte("\n")))
}

// crowd is a server for rooms, whose lines go through lie once they are dressed. Members
// have their places behind the speaker, who is 0: a server cannot know who came first.
func crowd(lie func(place, line int, text []byte) [][]byte) *chatroom {
	r := &chatroom{probe: LeastRoomLine}
	r.spoil = func(member, line int, text []byte) [][]byte {
		text = dressed(line, text)
		if lie == nil || line < 0 {
			return [][]byte{text}
		}
		return lie(r.place(member), line, text)
	}
	return r
}

// place is a member's, whose lock is held.
func (r *chatroom) place(member int) int { return (member - r.speaker + r.came) % r.came }

// drop closes the connection of who is at a place; say holds the lock.
func (r *chatroom) drop(place int, reset bool) {
	for _, m := range r.members {
		if r.place(m.number) == place {
			if reset {
				tcp(m.Conn).SetLinger(0)
			}
			m.gone = true
			m.Close()
		}
	}
}

func TestRoom(t *testing.T) {
	rooms := map[string]Config{
		"two":      {Conns: 2, Size: 64},
		"fifty":    {Conns: 50, Size: 64},
		"bursts":   {Conns: 50, Size: 64, Depth: 10},
		"shortest": {Conns: 5, Size: LeastRoomLine + 1, Depth: 3},
		"long":     {Conns: 3, Size: 30_001, Depth: 2},
	}
	for _, b := range iomux.Backends() {
		for name, c := range rooms {
			t.Run(string(b)+"/"+name, func(t *testing.T) {
				room := crowd(nil)
				room.lateBy = func(n int) int { return n * 7 % 4 }
				c.Kind, c.Addr, c.Backend, c.Rate, c.Messages = Room, room.serve(t), b, 2000, int64(60*(c.Conns-1))
				r, err := Run(c)
				if err != nil {
					t.Fatal(err)
				}
				if r.Messages != c.Messages || r.Latency.TotalCount() < 1 || r.Latency.TotalCount() > 60 || r.Connected != c.Conns || r.Shares != nil || r.Dropped != 0 {
					t.Errorf("%d deliveries of %d, %d latencies: %+v", r.Messages, c.Messages, r.Latency.TotalCount(), r)
				}
			})
		}
	}
}

// TestRoomInTime: a window has the lines that were meant for it, at their rate.
func TestRoomInTime(t *testing.T) {
	r, err := Run(Config{Kind: Room, Addr: crowd(nil).serve(t), Conns: 5, Size: 64, Rate: 1000, Depth: 10, Warm: 100 * time.Millisecond, Duration: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Latency.TotalCount(); n < 190 || n > 210 {
		t.Errorf("%d lines in 200 ms, want 200, or a burst more or less", n)
	}
}

// liar is a server that is wrong, and what is to be said of it.
type liar struct {
	lie  func(place, line int, text []byte) [][]byte
	want string
}

const roomLines = 30 // that liars are told

// roomLiars each lose, add or change something of one line, for one member.
func roomLiars() map[string]liar {
	const victim, when, lines = 3, 10, roomLines
	var kept []byte
	at := func(line int, lie func([]byte) [][]byte) func(int, int, []byte) [][]byte {
		return func(m, n int, text []byte) [][]byte {
			if m == victim && n == line {
				return lie(text)
			}
			return [][]byte{text}
		}
	}
	flip := func(where int) func([]byte) [][]byte {
		return func(p []byte) [][]byte {
			p[bytes.Index(p, []byte(mark))+where] ^= 1
			return [][]byte{p}
		}
	}
	drop := func([]byte) [][]byte { return nil }
	swapped := func(from, to int) func(int, int, []byte) [][]byte {
		return func(m, n int, text []byte) [][]byte {
			switch {
			case m == victim && n == from:
				kept = bytes.Clone(text)
				return nil
			case m == victim && n == to:
				return [][]byte{text, kept}
			}
			return [][]byte{text}
		}
	}
	return map[string]liar{
		"flips a bit of the mark":   {at(when, flip(2)), "line 11, where 10 was due"},
		"flips a bit of the number": {at(when, flip(len(mark))), "line 10: "},
		"flips a bit of the text":   {at(when, flip(40)), "line 10: "},
		"drops a line":              {at(when, drop), "line 11, where 10 was due: 1 are lost"},
		"drops the last line":       {at(lines-1, drop), "member"},
		"flips the last mark":       {at(lines-1, flip(2)), "member"},
		"repeats a line":            {at(when, func(p []byte) [][]byte { return [][]byte{p, p} }), "member"},
		"repeats the last line":     {at(lines-1, func(p []byte) [][]byte { return [][]byte{p, p} }), "member"},
		"swaps two lines":           {swapped(when, when+1), "line 11, where 10 was due"},
		"swaps two lines far apart": {swapped(when, when+9), "line 11, where 10 was due"},
		"joins two lines":           {at(when, func(p []byte) [][]byte { return [][]byte{bytes.TrimRight(p, "\r\n")} }), "line 10: "},
		"cuts a line":               {at(when, func(p []byte) [][]byte { return [][]byte{append(p[:len(p)-4:len(p)-4], '\n')} }), "line 10: "},
		"adds to a line":            {at(when, func(p []byte) [][]byte { return [][]byte{append(p[:len(p)-2:len(p)-2], "x\r\n"...)} }), "line 10: "},
		"never ends a line":         {at(lines-1, func([]byte) [][]byte { return [][]byte{make([]byte, longestLine+1)} }), "without an end of line"},
	}
}

func TestRoomLiars(t *testing.T) {
	for name := range roomLiars() {
		for depth, how := range map[int]string{1: "lines", 5: "bursts"} {
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel() // some take as long as there is patience
				liar := roomLiars()[name]
				c := Config{Kind: Room, Addr: crowd(liar.lie).serve(t), Conns: 5, Size: 64, Depth: depth, Rate: 3000, Messages: 4 * roomLines, Patience: time.Second}
				if _, err := Run(c); !errors.Is(err, ErrWrongEcho) || !strings.Contains(err.Error(), liar.want) {
					t.Errorf("got %v, want %v with %q", err, ErrWrongEcho, liar.want)
				}
			})
		}
	}
}

// TestRoomMissedProbe: who has joined must hear all that follows, also before the load.
// One member never joins, so that there is always one more probe.
func TestRoomMissedProbe(t *testing.T) {
	const members = 5
	room := &chatroom{probe: LeastRoomLine, speaker: -1}
	heard, victim := 0, -1
	last := func() int {
		if room.speaker == members-1 {
			return members - 2
		}
		return members - 1
	}
	room.lateBy = func(n int) int {
		switch {
		case room.speaker < 0:
			return 1
		case n == last():
			return room.lines + 1
		}
		return 0
	}
	room.spoil = func(member, line int, text []byte) [][]byte {
		if victim < 0 && member != room.speaker && member != last() {
			victim = member
		}
		if member == victim {
			if heard++; heard == 2 {
				return nil
			}
		}
		return [][]byte{dressed(line, text)}
	}
	_, err := Run(Config{Kind: Room, Addr: room.serve(t), Conns: members, Size: 64, Rate: 100, Messages: 100, Patience: time.Second})
	if !errors.Is(err, ErrWrongEcho) {
		t.Errorf("got %v, want %v", err, ErrWrongEcho)
	}
}

// TestRoomWaitsForProbes: a server gets the next probe when it has dealt with the last.
func TestRoomWaitsForProbes(t *testing.T) {
	r := newRoom(&generator{Config: Config{Conns: 3, Size: 64}})
	r.sent, r.joined = 1, 1
	if err := r.tick(r.next); err != nil || r.sent != 1 {
		t.Errorf("%d probes, %v; want no second one", r.sent, err)
	}
}

// TestRoomDrops: members that the server closes are counted and owed nothing, and the
// others must have everything all the same.
func TestRoomDrops(t *testing.T) {
	var room *chatroom
	room = crowd(func(place, line int, text []byte) [][]byte {
		if line == 10 && (place == 2 || place == 3) {
			room.drop(place, place == 2)
			return nil
		}
		return [][]byte{text}
	})
	r, err := Run(Config{Kind: Room, Addr: room.serve(t), Conns: 6, Size: 64, Depth: 10, Rate: 2000, Messages: 200})
	if err != nil {
		t.Fatal(err)
	}
	if r.Dropped != 2 || r.Messages < 3*40 {
		t.Errorf("%d dropped, want 2, and %d deliveries", r.Dropped, r.Messages)
	}
}

func TestRoomWithoutSpeaker(t *testing.T) {
	for name, test := range map[string]struct {
		who  func(place int) bool
		want string
	}{
		"speaker": {func(place int) bool { return place == 0 }, "load: connection 0: "},
		"all":     {func(place int) bool { return place > 0 }, "all 2 members were dropped"},
	} {
		t.Run(name, func(t *testing.T) {
			var room *chatroom
			room = crowd(func(place, line int, text []byte) [][]byte {
				if line == 10 && test.who(place) {
					room.drop(place, false)
					return nil
				}
				return [][]byte{text}
			})
			_, err := Run(Config{Kind: Room, Addr: room.serve(t), Conns: 3, Size: 64, Rate: 2000, Messages: 1000, Patience: time.Second})
			if err == nil || errors.Is(err, ErrWrongEcho) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestBrokenRooms(t *testing.T) {
	for name, test := range map[string]struct {
		handle func(net.Conn)
		want   string
	}{
		"silent":       {func(c net.Conn) { io.Copy(io.Discard, c) }, "0 of 2 members have joined"},
		"echo":         {echoing(honest), "0 of 2 members have joined"},
		"closes early": {func(net.Conn) {}, "connection"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Run(Config{Kind: Room, Addr: serve(t, test.handle), Conns: 3, Size: 64, Rate: 100, Messages: 100, Patience: 200 * time.Millisecond})
			if err == nil || errors.Is(err, ErrWrongEcho) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestRoomGoesSilent is not the same as losing a line: nobody gets any.
func TestRoomGoesSilent(t *testing.T) {
	room := crowd(func(_, line int, text []byte) [][]byte {
		if line >= 10 {
			return nil
		}
		return [][]byte{text}
	})
	_, err := Run(Config{Kind: Room, Addr: room.serve(t), Conns: 3, Size: 64, Rate: 2000, Messages: 100, Patience: 100 * time.Millisecond})
	if err == nil || errors.Is(err, ErrWrongEcho) || !strings.Contains(err.Error(), "no echo for") {
		t.Errorf("got %v", err)
	}
}

// TestRoomBehind: a server that is too slow for its speaker is behind at the end of the
// window, and everything comes all the same; what waited for it is felt by the lines.
func TestRoomBehind(t *testing.T) {
	slow := crowd(func(place, _ int, text []byte) [][]byte {
		if place == 0 {
			time.Sleep(2 * time.Millisecond) // a server's work, for each line
		}
		return [][]byte{text}
	})
	c := Config{Kind: Room, Addr: slow.serve(t), Conns: 4, Size: 64, Rate: 5000, Warm: 20 * time.Millisecond, Duration: 50 * time.Millisecond}
	r, err := Run(c)
	if err != nil {
		t.Fatal(err)
	}
	if r.Backlog < 3*100 || r.Latency.TotalCount() < 249 || r.Latency.TotalCount() > 251 || r.Latency.Max() < int64(50*time.Millisecond) {
		t.Errorf("behind by %d, %d latencies up to %v", r.Backlog, r.Latency.TotalCount(), time.Duration(r.Latency.Max()))
	}
}

// TestSpeech: lines are found behind anything, told apart, and not taken for others.
func TestSpeech(t *testing.T) {
	s := newSpeech(64)
	for kind := range uint32(2) {
		for _, seq := range []uint64{0, 1, 255, 256, 257, 1 << 20, 1<<32 - 1} {
			p := make([]byte, s.sizeOf(kind))
			s.fill(p, kind, seq)
			line := append([]byte("[lobby] somebody: "), p[:len(p)-1]...)
			text := s.find(append(line, '\r'))
			if !bytes.Equal(text, p[:len(p)-1]) || !bytes.Equal(text, s.text(kind, seq)) {
				t.Fatalf("line %d of kind %d: found %q in %q", seq, kind, text, line)
			}
			if k, n, ok := s.which(text); !ok || k != kind || n != seq {
				t.Fatalf("line %d of kind %d is taken for %d of %d, %t", seq, kind, n, k, ok)
			}
			text[len(text)-1] ^= 1
			if _, _, ok := s.which(text); ok {
				t.Fatalf("line %d of kind %d, changed, is taken for one", seq, kind)
			}
		}
	}
	for _, line := range []string{"", "bench#", "** bench has joined", "ench#0:abc"} {
		if text := s.find([]byte(line)); text != nil {
			t.Errorf("found %q in %q", text, line)
		}
	}
	if _, _, ok := s.which([]byte(mark)); ok {
		t.Error("a mark without anything is taken for a line")
	}
}

// TestHearPieces: however a stream is cut, the same is heard.
func TestHearPieces(t *testing.T) {
	r := newRoom(&generator{Config: Config{Conns: 2, Size: 64}, phase: warming})
	r.kind, r.sent = burstLine, 40
	var stream []byte
	for seq := range r.sent {
		p := make([]byte, 64)
		r.speech.fill(p, burstLine, seq)
		stream = append(stream, dressed(int(seq), p)...)
	}
	for n := 1; n < 200; n++ {
		m := &hearer{room: r, joined: true}
		if err := pieces(stream, []byte{byte(n - 1)}, m.take); err != nil || m.next != r.sent {
			t.Fatalf("in pieces of %d: %d of %d lines: %v", n, m.next, r.sent, err)
		}
		if err := m.take(stream[len(stream)-1:]); err != nil {
			t.Fatalf("an empty line: %v", err)
		}
		more := make([]byte, 64)
		r.speech.fill(more, burstLine, r.sent)
		if err := m.take(dressed(1, more)); !errors.Is(err, ErrWrongEcho) || m.next != r.sent {
			t.Fatalf("a line more, as it would be: %v", err)
		}
	}
}
