package chattext_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/iomux/internal/chattext"
)

func FuzzClean(f *testing.F) {
	for _, s := range []string{"hello", " a\r\nb\x1b[2J ", "a\xff\u202e\u0301\u0301\u0301\u0301\u0301", "👨\u200d👩\u200d👧\ufe0f", "ශ්\u200dරී", "\u200d\u200cب\u200cب", "ब\u093c\u200d\u093c", "\U000e0041\ue000\uffff"} {
		for _, max := range []int{-1, 0, 1, 5, 100} {
			f.Add(s, max)
		}
	}
	f.Fuzz(func(t *testing.T, s string, max int) {
		mustBeClean(t, s, max)
		// With room enough nothing that is fit to be seen is lost.
		if clean := chattext.Clean(s, 3*len(s)); unclean(s) == "" && strings.Trim(s, " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\t") == "" && clean != s {
			t.Errorf("Clean(%q): got %q, and there was nothing to do", s, clean)
		}
	})
}

func FuzzNick(f *testing.F) {
	for _, nick := range honest {
		f.Add(nick)
	}
	for _, pair := range spoofs {
		f.Add(pair[1])
	}
	f.Fuzz(func(t *testing.T, s string) {
		shown, _ := mustBeName(t, chattext.Nick, s, 24, 64, "-_.[]'")
		if shown == "" {
			return
		}
		// What is ignored is ignored anywhere but at the beginning, where it may not be.
		_, fold, _ := chattext.Nick(shown)
		if _, more, err := chattext.Nick(shown + "-_."); err == nil && more != fold {
			t.Errorf("nickname %q: fold %q, with -_. behind it %q", shown, fold, more)
		}
	})
}

func FuzzRoom(f *testing.F) {
	for _, nick := range honest {
		f.Add("#" + nick)
	}
	for _, room := range []string{"lobby", "##", "v1.1", "a_b-c", " #x\r\n"} {
		f.Add(room)
	}
	f.Fuzz(func(t *testing.T, s string) {
		mustBeName(t, chattext.Room, s, 32, 96, "-_.")
	})
}

// mustBeName holds what is taken for a name against the rules for it.
func mustBeName(t *testing.T, check func(string) (string, string, error), s string, runes, bytes int, signs string) (shown, fold string) {
	t.Helper()
	shown, fold, err := check(s)
	if err != nil {
		if shown != "" || fold != "" {
			t.Fatalf("%+q: got %q and %q beside %v", s, shown, fold, err)
		}
		if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e }) {
			t.Fatalf("%+q: %+q is not fit to be shown", s, err)
		}
		return "", ""
	}
	if clean := chattext.Clean(shown, bytes); shown == "" || clean != shown {
		t.Fatalf("%+q: shown as %+q, clean is %+q", s, shown, clean)
	}
	if n := utf8.RuneCountInString(shown); n > runes || len(shown) > bytes {
		t.Fatalf("%+q: shown as %q, of %d characters", s, shown, n)
	}
	for _, r := range shown {
		if r < 0x80 && !strings.ContainsRune(signs, r) && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') {
			t.Fatalf("%+q: shown as %q, with %q", s, shown, r)
		}
	}
	if fold == "" || !utf8.ValidString(fold) {
		t.Fatalf("%+q: fold %+q", s, fold)
	}
	if again, same, err := check(shown); err != nil || again != shown || same != fold {
		t.Fatalf("%+q: got %q and %q, and of the first %q and %q, %v", s, shown, fold, again, same, err)
	}
	for _, other := range []string{strings.ToUpper(shown), strings.ToLower(shown), strings.ToTitle(shown)} {
		if _, same, err := check(other); err == nil && same != fold {
			t.Fatalf("%+q: fold %+q, in another case, %+q, %+q", shown, fold, other, same)
		}
	}
	return shown, fold
}
