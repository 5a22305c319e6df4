//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
)

// framing is what a client sends and what an echo server sends back. Behind what is in
// order the client closes with 1000.
type framing struct {
	name string
	in   string
	want []string
}

const bye = "close 1000"

// framings are the cases of RFC 6455 that frames alone can make.
func framings() (list []framing) {
	add := func(name, in string, want ...string) {
		list = append(list, framing{name, in + closing(1000, ""), want})
	}
	good := func(name, in string, want ...string) { add(name, in, append(want, bye)...) }
	bad := func(code int, name, in string, before ...string) {
		add(name, in, append(before, fmt.Sprint("close ", code))...)
	}
	kinds := map[ws.OpCode]string{ws.OpText: "text ", ws.OpBinary: "binary "}

	// Lengths on both sides of where their form changes, in one frame and in several.
	for op, kind := range kinds {
		for _, n := range []int{0, 1, 2, 124, 125, 126, 127, 128, 1000, 65534, 65535, 65536} {
			p := strings.Repeat("abcdefg", n/7+1)[:n]
			name := fmt.Sprintf("%s%d bytes", kind, n)
			good(name, masked(op, true, p), kind+p)
			good(name+" in two", masked(op, false, p[:n/2])+masked(0, true, p[n/2:]), kind+p)
			good(name+" in three, one empty", masked(op, false, p[:n/3])+masked(0, false, "")+masked(0, true, p[n/3:]), kind+p)
			good(name+" behind nothing", masked(op, false, "")+masked(0, true, p), kind+p)
		}
		bad(1009, kind+"one byte more than a frame may have", raw(frameBits{op: op, fin: true, masked: true}, strings.Repeat("x", 65537)))
		bad(1009, kind+"the header alone of a frame too large", raw(frameBits{op: op, fin: true, masked: true, claim: 65537}, ""))
		bad(1009, kind+"as large as can be said", raw(frameBits{op: op, fin: true, masked: true, claim: 1<<63 - 1}, ""))
		half := strings.Repeat("x", 50_000)
		good(kind+"as large as a message may be", masked(op, false, half)+masked(0, true, half), kind+half+half)
		bad(1009, kind+"one byte more than a message may have", masked(op, false, half)+masked(0, false, half)+masked(0, true, "x"))
		bad(1009, kind+"which is seen at the header", masked(op, false, half)+raw(frameBits{fin: true, masked: true, claim: 50_001}, ""))
		for _, form := range []int{16, 64} {
			for n := range []int{0, 1, 125} {
				bad(1002, fmt.Sprintf("%s%d bytes, length in %d bits", kind, n, form), raw(frameBits{op: op, fin: true, masked: true, form: form}, strings.Repeat("x", n)))
			}
		}
		bad(1002, kind+"65535 bytes, length in 64 bits", raw(frameBits{op: op, fin: true, masked: true, form: 64}, strings.Repeat("x", 65535)))
		bad(1002, kind+"with the high bit of the length", raw(frameBits{op: op, fin: true, masked: true, form: 64, high: true}, strings.Repeat("x", 200)))
	}

	// Every opcode, whole or not, masked or not, and with reserved bits.
	for op := range ws.OpCode(16) {
		for _, fin := range []bool{true, false} {
			for _, mask := range []bool{true, false} {
				name := fmt.Sprintf("opcode %d, fin %v, masked %v", op, fin, mask)
				in := raw(frameBits{op: op, fin: fin, masked: mask}, "")
				switch {
				case mask && op == ws.OpPing && fin:
					good(name, in, "pong ")
				case mask && op == ws.OpPong && fin:
					good(name, in)
				case mask && op == ws.OpClose && fin:
					add(name, in, "close")
				case mask && kinds[op] != "" && fin:
					good(name, in, kinds[op])
				case mask && kinds[op] != "":
					good(name, in) // and it is never finished
				default:
					bad(1002, name, in)
				}
			}
		}
		for rsv := byte(1); rsv < 8; rsv++ {
			bad(1002, fmt.Sprintf("opcode %d, reserved bits %d", op, rsv), raw(frameBits{op: op, fin: true, masked: true, rsv: rsv}, "x"))
		}
	}

	// Control frames.
	long := strings.Repeat("p", 125)
	for _, p := range []string{"", "x", "\x00\xff\xfe", long} {
		good("a ping of "+p, masked(ws.OpPing, true, p), "pong "+p)
		good("a pong that nobody asked for, of "+p, masked(ws.OpPong, true, p))
		good("a ping inside a message, of "+p, masked(ws.OpText, false, "ab")+masked(ws.OpPing, true, p)+masked(0, true, "cd"), "pong "+p, "text abcd")
		good("a pong inside a message, of "+p, masked(ws.OpBinary, false, "ab")+masked(ws.OpPong, true, p)+masked(0, true, "cd"), "binary abcd")
	}
	good("a ping inside of a character", masked(ws.OpText, false, "\xc3")+masked(ws.OpPing, true, "?")+masked(0, true, "\xa4"), "pong ?", "text ä")
	good("ten pings", strings.Repeat(masked(ws.OpPing, true, "x"), 10), slices.Repeat([]string{"pong x"}, 10)...)
	add("a close inside a message", masked(ws.OpText, false, "ab")+closing(1001, "bye"), "close 1001")
	for _, op := range []ws.OpCode{ws.OpPing, ws.OpPong, ws.OpClose} {
		bad(1002, fmt.Sprintf("opcode %d of 126 bytes", op), masked(op, true, long+"p"))
		bad(1002, fmt.Sprintf("opcode %d in two", op), masked(op, false, "x")+masked(0, true, "y"))
		bad(1002, fmt.Sprintf("opcode %d in two inside a message", op), masked(ws.OpText, false, "a")+masked(op, false, "x")+masked(0, true, "y"))
	}
	bad(1002, "a continuation of nothing", masked(0, true, "x"))
	bad(1002, "a continuation of what is over", masked(ws.OpText, true, "x")+masked(0, true, "x"), "text x")
	bad(1002, "a message inside a message", masked(ws.OpText, false, "x")+masked(ws.OpText, true, "x"))
	bad(1002, "a beginning inside a message", masked(ws.OpText, false, "x")+masked(ws.OpBinary, false, "x"))
	add("nothing comes behind a close", closing(1000, "")+masked(ws.OpText, true, "x"), bye)

	// Close frames.
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		add(fmt.Sprint("close code ", code), closing(code, "why ä"), fmt.Sprint("close ", code))
	}
	for _, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		bad(1002, fmt.Sprint("close code ", code), closing(code, ""))
	}
	bad(1002, "half a close code", masked(ws.OpClose, true, "\x03"))
	add("a reason of 123 bytes", closing(1000, strings.Repeat("x", 123)), bye)
	bad(1002, "a reason of 124 bytes", closing(1000, strings.Repeat("x", 124)))
	bad(1007, "a reason that is not UTF-8", closing(1000, "\xff"))
	bad(1007, "a reason that ends inside of a character", closing(1000, "x\xc3"))

	// Text, whole and cut at every byte. Binary messages may have any bytes.
	for _, s := range []string{
		"κόσμε", "\u007f\u0080\u07ff\u0800\uffff\U00010000\U0010ffff", "\ufeff", "𝄞", "ab\x00c", // in order
		"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x82\x82\xac", "\xf4\x90\x80\x80", "\xf5", "\xff",
		"a\xe2\x82", "a\xf0\x9d\x84", "κόσμε\xed\xa0\x80edited", "\xc3(", "\xe2\x82(", "\xf0\x9d\x84(",
	} {
		want := []string{"close 1007"}
		if utf8.ValidString(s) {
			want = []string{"text " + s, bye}
		}
		for i := range len(s) + 1 {
			add(fmt.Sprintf("text %q cut at %d", s, i), masked(ws.OpText, false, s[:i])+masked(0, true, s[i:]), want...)
		}
		add(fmt.Sprintf("text %q", s), masked(ws.OpText, true, s), want...)
		good(fmt.Sprintf("binary %q", s), masked(ws.OpBinary, true, s), "binary "+s)
	}
	// No need to wait for the end of what cannot be text any more.
	bad(1007, "text that is wrong before it ends", masked(ws.OpText, false, "a\xff")+raw(frameBits{fin: true, masked: true, claim: 10}, ""))
	bad(1007, "a surrogate that has begun", masked(ws.OpText, false, "\xed\xa0")+raw(frameBits{fin: true, masked: true, claim: 10}, ""))
	return list
}

// tableLimits are those for which the table is made.
var tableLimits = Options{FrameLimit: 65536, MessageLimit: 100_000}

// decode is what a server would send for what it receives, in chunks of some size,
// what is not used of one coming back before the next.
func decode(in []byte, chunk func() int) (got []string) {
	var (
		d          decoder
		s          scratch
		from, have int
	)
	for have < len(in) {
		have = min(have+max(chunk(), 1), len(in))
		for from < have {
			f, used, err := d.next(&s, &tableLimits, in[from:have])
			if err != nil {
				return append(got, fmt.Sprint("close ", codeOf(err)))
			}
			if used == 0 {
				break
			}
			from += used
			switch f.op {
			case ws.OpText, ws.OpBinary:
				got = append(got, describe(f.op, f.payload))
				d.done(&s)
			case ws.OpPing:
				got = append(got, describe(ws.OpPong, f.payload))
			case ws.OpClose:
				e, err := parseClose(f.payload)
				switch {
				case err != nil:
					return append(got, fmt.Sprint("close ", codeOf(err)))
				case e.Code == noCode:
					return append(got, "close")
				}
				return append(got, fmt.Sprint("close ", e.Code))
			}
		}
	}
	return append(got, "no end")
}

func TestFramesDecoded(t *testing.T) {
	list := framings()
	if len(list) < 200 {
		t.Fatalf("%d cases", len(list))
	}
	for _, f := range list {
		for name, n := range map[string]int{"byte by byte": 1, "by threes": 3, "all at once": len(f.in)} {
			if got := decode([]byte(f.in), func() int { return n }); !slices.Equal(got, f.want) {
				t.Errorf("%s, %s: got %.200q, want %.200q", f.name, name, got, f.want)
			}
		}
	}
}

// The same over connections.
func TestFramesServed(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		ends := make(chan error, 1)
		h := handler{message: echo, closed: func(_ *Conn, err error) { ends <- err }}
		l := serve(t, o, reactor.ListenOptions{}, h, tableLimits)
		for _, f := range framings() {
			for _, bytewise := range []bool{false, true} {
				if bytewise && len(f.in) > 300 {
					continue // a system call a byte
				}
				c := l.open(t)
				var got []string
				if bytewise {
					for i := range len(f.in) {
						c.send(f.in[i : i+1])
					}
				} else {
					c.send(f.in)
				}
				for {
					s, err := c.tryNext()
					if err != nil {
						break
					}
					if strings.HasPrefix(s, "close 1") && len(s) > len(bye) {
						s = s[:len(bye)] // a refusal has a reason, which is for people
					}
					got = append(got, s)
				}
				c.Close()
				if !slices.Equal(got, f.want) {
					t.Errorf("%s, bytewise %v: got %.200q, want %.200q", f.name, bytewise, got, f.want)
				}
				checkEnd(t, f, receive(t, ends))
			}
		}
		l.deserted(t)
		if n := l.assembly.Load(); n != 0 {
			t.Errorf("%d bytes of fragments are counted, of nobody", n)
		}
	})
}

// checkEnd checks that Closed has got what the client was told.
func checkEnd(t *testing.T, f framing, err error) {
	t.Helper()
	switch last := f.want[len(f.want)-1]; last {
	case "close 1007":
		if errors.Is(err, ErrText) {
			return
		}
	case "close 1009":
		if errors.Is(err, ErrTooLarge) {
			return
		}
	}
	var peer *CloseError
	if !errors.As(err, &peer) && !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrTooLarge) {
		t.Errorf("%s: Closed got %v", f.name, err)
	}
}

// FuzzFrames: however the bytes are cut, the same comes of them.
func FuzzFrames(f *testing.F) {
	for i, c := range framings() {
		if len(c.in) < 300 {
			f.Add([]byte(c.in), []byte{byte(i)})
		}
	}
	f.Fuzz(func(t *testing.T, in, cuts []byte) {
		once := decode(slices.Clone(in), func() int { return len(in) })
		i := 0
		cut := decode(slices.Clone(in), func() int {
			if len(cuts) == 0 {
				return 1
			}
			i++
			return int(cuts[i%len(cuts)])
		})
		if !slices.Equal(once, cut) {
			t.Errorf("at once: %q\nin pieces: %q", once, cut)
		}
		for _, s := range once {
			if s, isText := strings.CutPrefix(s, "text "); isText && !utf8.ValidString(s) {
				t.Errorf("text is %q", s)
			}
		}
	})
}

// What the server frames, a client reads.
func TestAppend(t *testing.T) {
	leaktest.Check(t)
	for _, n := range []int{0, 125, 126, 65535, 65536} {
		p := strings.Repeat("x", n)
		if got, want := string(AppendText([]byte("before"), []byte(p))), "before"+raw(frameBits{op: ws.OpText, fin: true}, p); got != want {
			t.Errorf("text of %d bytes: %.20q", n, got)
		}
		if got, want := string(AppendBinary(nil, []byte(p))), raw(frameBits{op: ws.OpBinary, fin: true}, p); got != want {
			t.Errorf("binary of %d bytes: %.20q", n, got)
		}
	}
	for _, c := range []struct {
		code   int
		reason string
		want   string
	}{
		{0, "unsaid", "close"},
		{1005, "unsaid", "close"},
		{1001, "", "close 1001"},
		{1006, "x", "close 1000 x"},
		{70000, "x", "close 1000 x"},
		{4000, "a\xffb", "close 4000 a\ufffdb"},
		{4000, strings.Repeat("x", 122) + "ä", "close 4000 " + strings.Repeat("x", 122)},
		{4000, strings.Repeat("x", 121) + "ä", "close 4000 " + strings.Repeat("x", 121) + "ä"},
	} {
		out := closeFrame(c.code, c.reason)
		if got := describe(ws.OpClose, out[2:]); got != c.want || int(out[1]) != len(out)-2 {
			t.Errorf("close %d %.10q: got %q, want %q", c.code, c.reason, got, c.want)
		}
	}
}
