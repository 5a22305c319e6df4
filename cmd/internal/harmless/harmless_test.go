package harmless_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"example.com/iomux/cmd/internal/harmless"
)

func TestString(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"plain text", "This is the message.\tIt will be repeated.\n", "This is the message.\tIt will be repeated.\n"},
		{"other scripts", "Grüße, 欢迎致电10086, سلام, नमस्ते, 👋", "Grüße, 欢迎致电10086, سلام, नमस्ते, 👋"},
		{"joiners", "می\u200cخواهم 👩\u200d💻", "می\u200cخواهم 👩\u200d💻"},
		{"colour", "\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"window title", "\x1b]0;owned\a", `\x1b]0;owned\x07`},
		{"8-bit CSI, as UTF-8 and bare", "\u009b2J \x9b2J", `\u009b2J \x9b2J`},
		{"backspace and delete", "a\bb\x7f", `a\x08b\x7f`},
		{"carriage return that overwrites", "safe\revil", `safe\x0devil`},
		{"line end of the network", "one\r\ntwo\r\n", "one\ntwo\n"},
		{"two of them", "\r\r\n", "\\x0d\n"},
		{"at the end", "end\r", `end\x0d`},
		{"NUL", "\x00", `\x00`},
		{"override and isolate", "user\u202etxt.exe\u2066", `user\u202etxt.exe\u2066`},
		{"marks of direction", "\u200e\u200f\u061c", `\u200e\u200f\u061c`},
		{"line separators", "\u2028\u2029\u0085", `\u2028\u2029\u0085`},
		{"invisible", "a\u200bb\ufeff\U000e0041", `a\u200bb\ufeff\U000e0041`},
		{"not UTF-8", "caf\xe9 \xff", `caf\xe9 \xff`},
		{"surrogate, overlong", "\xed\xa0\x80 \xc0\xaf", `\xed\xa0\x80 \xc0\xaf`},
		{"character that was cut", "ab\xf0\x9f\x91", `ab\xf0\x9f\x91`},
		{"the replacement character itself", "\ufffd", "\ufffd"},
	} {
		if got := harmless.String(c.in); got != c.want {
			t.Errorf("%s: %q became %q, want %q", c.name, c.in, got, c.want)
		}
	}
}

// What a terminal is still waiting for must not be kept from it: only what may
// turn out differently is held back.
func TestWriterHoldsBackOnlyWhatIsOpen(t *testing.T) {
	var out bytes.Buffer
	w := harmless.NewWriter(&out)
	for _, step := range []struct{ in, shown string }{
		{"login: ", "login: "},
		{"\xe6", ""},
		{"\xac", ""},
		{"\xa2", "欢"},
		{"a\r", "a"},
		{"\n", "\n"},
		{"\r", ""},
		{"b", `\x0db`},
		{"\xe6\xac", ""},
		{"\x1b", `\xe6\xac\x1b`},
		{"\xf0\x9f", ""},
	} {
		out.Reset()
		if n, err := w.Write([]byte(step.in)); n != len(step.in) || err != nil {
			t.Fatalf("Write(%q) = %d, %v", step.in, n, err)
		}
		if out.String() != step.shown {
			t.Errorf("after %q: %q, want %q", step.in, out.String(), step.shown)
		}
	}
	out.Reset()
	if err := w.Flush(); err != nil || out.String() != `\xf0\x9f` {
		t.Errorf("Flush: %v, %q", err, out.String())
	}
	out.Reset()
	if err := w.Flush(); err != nil || out.Len() != 0 {
		t.Errorf("second Flush: %v, %q", err, out.String())
	}
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestWriterReportsErrors(t *testing.T) {
	w := harmless.NewWriter(broken{})
	if _, err := w.Write([]byte("x\r")); !errors.Is(err, errBroken) {
		t.Errorf("Write: %v", err)
	}
	if err := w.Flush(); !errors.Is(err, errBroken) {
		t.Errorf("Flush: %v", err)
	}
}

// FuzzWriter: whatever comes, and however it is cut, nothing that a terminal
// obeys gets through, harmless text is left alone, and cutting changes nothing.
func FuzzWriter(f *testing.F) {
	for _, s := range []string{
		"This is the message.  It will be repeated.", "\x1b]52;c;aGk=\x1b\\", "\u009b31m", "\x9b31m", "a\r\nb\rc\r",
		"user\u202efdp.exe", "\xe6\xac\xa2\xe8\xbf", "\xf0\x9f\x91\x8b", "\xed\xa0\x80", "\u2028", "\x00\x7f\x80\xff",
	} {
		f.Add([]byte(s), uint8(1))
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		whole := harmless.String(string(in))

		var out bytes.Buffer
		w := harmless.NewWriter(&out)
		for p := in; len(p) > 0; {
			n := min(max(int(step), 1), len(p))
			if _, err := w.Write(p[:n]); err != nil {
				t.Fatal(err)
			}
			p = p[n:]
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if out.String() != whole {
			t.Fatalf("in pieces of %d: %q, as a whole %q", step, out.String(), whole)
		}

		if !utf8.ValidString(whole) {
			t.Fatalf("%q is not UTF-8", whole)
		}
		for _, r := range whole {
			if r == '\n' || r == '\t' {
				continue
			}
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.In(r, unicode.Zl, unicode.Zp) {
				t.Fatalf("%q got through from %q", r, in)
			}
		}
		if bare := strings.Trim(string(in), "abcdefghijklmnopqrstuvwxyz \n\t"); bare == "" && whole != string(in) {
			t.Fatalf("plain %q became %q", in, whole)
		}
	})
}
