package chattext_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"example.com/iomux/internal/chattext"
)

const enough = 1 << 16

func TestClean(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "", ""},
		{"plain", "hello, world", "hello, world"},
		{"white space at the ends", " \t\u3000a b\u00a0\n", "a b"},
		{"white space alone", " \t \r\n", ""},
		{"tab within", "a\tb", "a\tb"},
		{"LF", "a\nb", "a b"},
		{"CR LF", "a\r\nb", "a b"},
		{"CR", "a\rb", "a b"},
		{"LF CR", "a\n\rb", "a  b"},
		{"VT and FF", "a\vb\fc", "a b c"},
		{"NEL, line and paragraph separator", "a\u0085b\u2028c\u2029d", "a b c d"},
		{"a forged line of another's", "hi\r\n[lobby] ann: pay me", "hi [lobby] ann: pay me"},
		{"NUL", "a\x00b", "ab"},
		{"BEL", "\a\a\aa\a", "a"},
		{"CSI 2J", "a\x1b[2Jb", "a[2Jb"},
		{"OSC 52, the clipboard", "\x1b]52;c;cm0gLXJm\x07a", "]52;c;cm0gLXJma"},
		{"DCS", "\x1bP+q544e\x1b\\a", "P+q544e\\a"},
		{"CSI of C1", "a\u009b2Jb", "a2Jb"},
		{"CSI of C1 as a byte", "a\x9b2Jb", "a\ufffd2Jb"},
		{"DEL", "a\x7fb", "ab"},
		{"IRC bold, colour, reset", "\x02a\x0304b\x0f", "a04b"},
		{"bytes of no UTF-8", "a\xff\xc3", "a\ufffd\ufffd"},
		{"overlong /", "\xc0\xaf", "\ufffd\ufffd"},
		{"surrogate", "\xed\xa0\x80", "\ufffd\ufffd\ufffd"},
		{"beyond Unicode", "\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"},
		{"U+FFFD itself", "a\ufffdb", "a\ufffdb"},
		{"overrides and embeddings", "a\u202a\u202b\u202c\u202d\u202eb", "ab"},
		{"isolates", "a\u2066\u2067\u2068\u2069b", "ab"},
		{"marks of direction", "a\u200e\u200f\u061cb", "ab"},
		{"an override that hides an ending", "photo\u202egpj.exe", "photogpj.exe"},
		{"zero width", "a\u200b\u2060\u2061\u2062\u2063\u2064\u180e\u00ad\u034fb", "ab"},
		{"byte order mark", "\ufeffa\ufeff", "a"},
		{"fillers", "a\u115f\u1160\u3164\uffa0b", "ab"},
		{"tags", "a\U000e0001\U000e0041\U000e007fb", "ab"},
		{"a flag made of tags", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "🏴"},
		{"annotation, object", "a\ufff9b\ufffac\ufffb\ufffc", "abc"},
		{"private use", "a\ue000\U000f0000\U0010fffdb", "a\ufffd\ufffd\ufffdb"},
		{"noncharacters", "a\ufdd0\uffff\U0010ffffb", "a\ufffd\ufffd\ufffdb"},
		{"a character of next year", "a\U0001faefb", "a\U0001faefb"},
		{"four marks", "a\u0300\u0301\u0302\u0303b", "a\u0300\u0301\u0302\u0303b"},
		{"five marks", "a\u0300\u0301\u0302\u0303\u0304b", "a\u0300\u0301\u0302\u0303b"},
		{"a storm", "Z" + strings.Repeat("\u030d", 500) + "o", "Z\u030d\u030d\u030d\u030do"},
		{"a storm with joiners", "ब" + strings.Repeat("\u093c\u200d", 9) + "ब", "ब\u093c\u200d\u093c\u200d\u093c\u200d\u093c\u200dब"},
		{"a mark at the beginning", "\u0301\u0301a", "a"},
		{"a mark at the beginning, behind white space", " \u0301a", "a"},
		{"José in two ways", "Jos\u00e9 Jose\u0301", "Jos\u00e9 Jose\u0301"},
		{"family", "👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"},
		{"with a colour of skin", "👩🏽\u200d🚀", "👩🏽\u200d🚀"},
		{"heart on fire", "❤\ufe0f\u200d🔥", "❤\ufe0f\u200d🔥"},
		{"head shaking", "🙂\u200d↔\ufe0f", "🙂\u200d↔\ufe0f"},
		{"keycap", "1\ufe0f\u20e3", "1\ufe0f\u20e3"},
		{"regional flag", "🇵🇹", "🇵🇹"},
		{"Persian", "نمی\u200cدانم", "نمی\u200cدانم"},
		{"Sinhala", "ශ්\u200dරී", "ශ්\u200dරී"},
		{"Bengali", "র\u200d্য", "র\u200d্য"},
		{"joiner between Latin letters", "ad\u200dmin ad\u200cmin", "admin admin"},
		{"joiner at an end", "👨\u200d 🚀\u200d", "👨 🚀"},
		{"joiner at the beginning", "\u200d🚀", "🚀"},
		{"joiners in a row", "👨\u200d\u200d\u200d👩", "👨\u200d👩"},
		{"joiner before what goes", "👨\u200d\x00👩", "👨👩"},
		{"joiner before an object", "👨\u200d\ufffc👩", "👨👩"},
		{"joiner before a vowel that is not seen", "ក\u200d\u17b4ក", "កក"},
		{"non-joiner between emoji", "👨\u200c👩", "👨👩"},
		{"variation selectors in a row", "❤\ufe0f\ufe0f", "❤\ufe0f"},
		{"variation selector on nothing", "\ufe0fa \ufe0fb", "a b"},
		{"variation selectors that carry data", "a\U000e0100\U000e01ef\ufe00b", "ab"},
		{"Arabic number sign", "\u0600١٢", "\u0600١٢"},
		{"many scripts", "Ελληνικά עברית العربية हिन्दी ไทย 中文 한국어 😀", "Ελληνικά עברית العربية हिन्दी ไทย 中文 한국어 😀"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := chattext.Clean(tt.in, enough); got != tt.want {
				t.Errorf("Clean(%+q): got %+q, want %+q", tt.in, got, tt.want)
			}
		})
	}
}

func TestCleanCuts(t *testing.T) {
	tests := []struct {
		in   string
		max  int
		want string
	}{
		{"hello", 5, "hello"},
		{"hello", 4, "hell"},
		{"hello", 0, ""},
		{"hello", -1, ""},
		{"", 0, ""},
		{"äöü", 5, "äö"},
		{"äöü", 4, "äö"},
		{"äöü", 1, ""},
		{"😀😀", 7, "😀"},
		{"ab cd", 3, "ab"},
		{"  ab", 2, "ab"},
		{"ab   ", 2, "ab"},
		{"\x00\x00ab\x00c", 3, "abc"},
		{"a\xff", 3, "a"}, // U+FFFD would be the fourth byte
		{"a\xff", 4, "a\ufffd"},
		{"👨\u200d👩", 10, "👨"}, // no joiner at the end
		{"👨\u200d👩", 11, "👨\u200d👩"},
		{strings.Repeat("a", 5000), 4096, strings.Repeat("a", 4096)},
	}
	for _, tt := range tests {
		if got := chattext.Clean(tt.in, tt.max); got != tt.want {
			t.Errorf("Clean(%+q, %d): got %+q, want %+q", tt.in, tt.max, got, tt.want)
		}
	}
}

// Every byte alone, first, last, within, twice, and behind the beginning of a
// character that it may or may not go on with.
func TestCleanEveryByte(t *testing.T) {
	for b := range 256 {
		s := string([]byte{byte(b)})
		for _, in := range []string{s, s + "ab", "ab" + s, "a" + s + "b", s + s, "a" + s + s + "b", "a\xc3" + s, "a\xe2\x80" + s + "b", "a\xf0\x9f" + s, "\x1b" + s + "[b", "é" + s + "é"} {
			mustBeClean(t, in, enough)
		}
		got := chattext.Clean("a"+s+"b", enough)
		switch {
		case b == '\t', b >= 0x20 && b < 0x7f:
			if got != "a"+s+"b" {
				t.Errorf("byte %#x: got %+q, it may stay", b, got)
			}
		case b >= '\n' && b <= '\r':
			if got != "a b" {
				t.Errorf("byte %#x: got %+q, want a space for it", b, got)
			}
		case b < 0x80:
			if got != "ab" {
				t.Errorf("byte %#x: got %+q, want it gone", b, got)
			}
		default:
			if got != "a\ufffdb" {
				t.Errorf("byte %#x: got %+q, want U+FFFD for it", b, got)
			}
		}
	}
}

// Every character of the planes that have any, between letters of a script that joins.
func TestCleanEveryCharacter(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r >= 0x20000 && r < 0xe0000 || r > 0xe1000 && r < 0x10ff00 {
			continue // Han, nothing, and private use
		}
		if utf8.ValidRune(r) {
			mustBeClean(t, "ب"+string(r)+"ب", enough)
		}
	}
}

// mustBeClean holds the result of Clean against the rule, which is said here once more
// and from the other end.
func mustBeClean(t *testing.T, in string, max int) {
	t.Helper()
	got := chattext.Clean(in, max)
	if why := unclean(got); why != "" {
		t.Fatalf("Clean(%+q, %d): got %+q: %s", in, max, got, why)
	}
	if len(got) > 0 && len(got) > max {
		t.Fatalf("Clean(%+q, %d): got %d bytes", in, max, len(got))
	}
	if again := chattext.Clean(got, max); again != got {
		t.Fatalf("Clean(%+q, %d): got %+q, and of that %+q", in, max, got, again)
	}
}

func unclean(s string) string {
	if !utf8.ValidString(s) {
		return "not UTF-8"
	}
	if strings.TrimSpace(s) != s {
		return "white space at an end"
	}
	marks := 0
	runes := []rune(s)
	for i, r := range runes {
		switch {
		case r == '\t':
		case r < 0x20, r >= 0x7f && r < 0xa0:
			return fmt.Sprintf("control character %U", r)
		case r == 0x200c || r == 0x200d:
			if i == 0 || i == len(runes)-1 || unicode.IsSpace(runes[i+1]) || runes[i-1] < 0x80 || runes[i+1] < 0x80 {
				return fmt.Sprintf("joiner %U joins nothing", r)
			}
			continue
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x61c:
			return fmt.Sprintf("%U changes direction", r)
		case r == 0x2028 || r == 0x2029:
			return fmt.Sprintf("%U ends a line", r)
		case r >= 0x200b && r <= 0x200f, r >= 0x2060 && r <= 0x206f, r == 0xfeff, r == 0xad, r == 0x34f, r == 0x180e, r == 0x3164:
			return fmt.Sprintf("%U is not seen", r)
		case r >= 0xe0000 && r <= 0xe0fff:
			return fmt.Sprintf("tag %U", r)
		case r >= 0xe000 && r <= 0xf8ff, r >= 0xf0000, r&0xfffe == 0xfffe:
			return fmt.Sprintf("%U means nothing to others", r)
		}
		if !unicode.IsMark(r) {
			marks = 0
		} else if marks++; marks > 4 {
			return "five marks in a row"
		} else if i == 0 {
			return "a mark at the beginning"
		}
	}
	return ""
}

func TestCleanAllocatesNothingForTheClean(t *testing.T) {
	long := strings.Repeat("a", 100)
	for _, s := range []string{"", "hello, world", "Привет, как дела? 😀", "👨\u200d👩\u200d👧 e\u0301", "नमस्ते दुनिया", " trimmed\t\r\n", "\x00begins late", long} {
		if n := testing.AllocsPerRun(100, func() { chattext.Clean(s, 64) }); n != 0 {
			t.Errorf("Clean(%+q): %v allocations, want none", s, n)
		}
	}
}

func TestCleanAllocatesNoMoreThanMax(t *testing.T) {
	s := "a\x00" + strings.Repeat("b", 1<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := chattext.Clean(s, 100)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; len(got) != 100 || n > 1<<16 {
		t.Errorf("Clean of a MiB to 100 bytes: got %d bytes, %d allocated", len(got), n)
	}
}
