//go:build linux

package load

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"example.com/iomux"
)

var chats = map[string]Config{
	"alone":      {Conns: 1, Size: 64},
	"one line":   {Conns: 20, Size: 64},
	"burst":      {Conns: 20, Size: 64, Depth: 32},
	"short":      {Conns: 5, Size: LeastLine + 1, Depth: 3},
	"large":      {Conns: 3, Size: 30_001, Depth: 3},
	"one window": {Conns: 300, Size: 100, Depth: 2},
}

func TestChat(t *testing.T) {
	for _, b := range iomux.Backends() {
		for name, c := range chats {
			t.Run(string(b)+"/"+name, func(t *testing.T) {
				// Members join in any order, some long after others.
				room := &chatroom{lateBy: func(n int) int { return n * 7 % 4 }}
				c.Kind, c.Addr, c.Backend, c.Messages = Chat, room.serve(t), b, 2000
				r, err := Run(c)
				if err != nil {
					t.Fatal(err)
				}
				if r.Connected != c.Conns || r.ConnectTime <= 0 || r.Shares != nil || r.Latency.TotalCount() > r.Messages {
					t.Errorf("%+v", r)
				}
				if burst := int64(c.Conns * max(1, c.Depth)); r.Messages > (2000+burst-1)/burst*burst {
					t.Errorf("%d deliveries, bursts of %d", r.Messages, burst)
				}
			})
		}
	}
}

// TestChatLiars: each loses, adds or changes something of one line, for one
// member.
func TestChatLiars(t *testing.T) {
	const victim, when = 3, 10
	var kept []byte
	at := func(lie func([]byte) [][]byte) func(int, int, []byte) [][]byte {
		return func(member, line int, text []byte) [][]byte {
			if member == victim && line == when {
				return lie(text)
			}
			return [][]byte{text}
		}
	}
	liars := map[string]func(member, line int, text []byte) [][]byte{
		"flips a bit":     at(func(p []byte) [][]byte { p[len(p)-2] ^= 1; return [][]byte{p} }),
		"flips the first": at(func(p []byte) [][]byte { p[0] ^= 1; return [][]byte{p} }),
		"drops a line":    at(func([]byte) [][]byte { return nil }),
		"repeats a line":  at(func(p []byte) [][]byte { return [][]byte{p, p} }),
		"drops a newline": at(func(p []byte) [][]byte { return [][]byte{p[:len(p)-1]} }),
		"adds a newline":  at(func(p []byte) [][]byte { return [][]byte{p, {'\n'}} }),
		"swaps two lines": func(member, line int, text []byte) [][]byte {
			if member == victim && line == when {
				kept = text
				return nil
			}
			if member == victim && line == when+1 {
				return [][]byte{text, kept}
			}
			return [][]byte{text}
		},
	}
	for name, lie := range liars {
		for depth, bursts := range map[int]string{1: "lines", 4: "bursts"} {
			t.Run(name+"/"+bursts, func(t *testing.T) {
				kept = nil
				room := &chatroom{spoil: lie}
				if name == "swaps two lines" && depth == 1 {
					t.Skip("a line at a time cannot be swapped")
				}
				_, err := Run(Config{Kind: Chat, Addr: room.serve(t), Conns: 5, Size: 64, Depth: depth, Messages: 1000, Patience: 200 * time.Millisecond})
				if !errors.Is(err, ErrWrongEcho) {
					t.Errorf("got %v, want %v", err, ErrWrongEcho)
				}
			})
		}
	}
}

// TestMissedProbe: who has had one line must have all that follow, also before
// the bursts.
func TestMissedProbe(t *testing.T) {
	seen := 0
	room := &chatroom{
		lateBy: func(n int) int { return 4 * (n / 4) }, // member 4 waits for four lines
		spoil: func(member, line int, text []byte) [][]byte {
			if member == 1 {
				if seen++; seen == 2 {
					return nil
				}
			}
			return [][]byte{text}
		},
	}
	// Should it be the sender's own, there is no next that would show it.
	_, err := Run(Config{Kind: Chat, Addr: room.serve(t), Conns: 5, Size: 64, Messages: 100, Patience: 300 * time.Millisecond})
	if !errors.Is(err, ErrWrongEcho) {
		t.Errorf("got %v, want %v", err, ErrWrongEcho)
	}
}

func TestBrokenChats(t *testing.T) {
	tests := map[string]struct {
		handle func(net.Conn)
		want   string
	}{
		"silent":       {func(c net.Conn) { io.Copy(io.Discard, c) }, "0 of 3 members have joined"},
		"echo":         {echoing(honest), "1 of 3 members have joined"},
		"closes":       {func(c net.Conn) { c.Read(make([]byte, 1)) }, "connection 0"},
		"closes early": {func(net.Conn) {}, "connection"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Run(Config{Kind: Chat, Addr: serve(t, test.handle), Conns: 3, Size: 64, Messages: 100, Patience: 200 * time.Millisecond})
			if err == nil || errors.Is(err, ErrWrongEcho) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestChatGoesSilent is not the same as losing a line: nobody gets any.
func TestChatGoesSilent(t *testing.T) {
	room := &chatroom{spoil: func(_, line int, text []byte) [][]byte {
		if line >= 10 {
			return nil
		}
		return [][]byte{text}
	}}
	_, err := Run(Config{Kind: Chat, Addr: room.serve(t), Conns: 3, Size: 64, Messages: 100, Patience: 100 * time.Millisecond})
	if err == nil || errors.Is(err, ErrWrongEcho) || !strings.Contains(err.Error(), "no echo for") {
		t.Errorf("got %v", err)
	}
}

// TestLines: no newline but the last, no blank, no two alike.
func TestLines(t *testing.T) {
	for _, size := range []int{LeastLine, 25, 64, 1000} {
		l := newLines(size)
		seen := map[string]bool{}
		for kind := range uint32(2) {
			for seq := range uint64(500) {
				p := make([]byte, size)
				l.fill(p, kind, seq)
				if text, ok := strings.CutSuffix(string(p), "\n"); !ok || strings.Trim(text, letters) != "" || seen[text] {
					t.Fatalf("line %d of kind %d: %q", seq, kind, p)
				} else {
					seen[text] = true
				}
			}
		}
	}
}
