//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"bytes"
	encoding "encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
)

// Of a text without quotes the words are what is between blanks; words that are quoted
// come back as they were; and in no case is there a byte that was not in the text.
func FuzzCommandSplit(f *testing.F) {
	for _, s := range []string{"", " ", "a b", "'a b'", `"a\"b"`, `a\ b`, "a\x00b", "'", `"`, `\`, "''", "a'b\"c\\d", "\t\r\n", "é\u00a0\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := splitCommand(text)
		if strings.Contains(text, "\x00") != errors.Is(err, errCommandNUL) && !errors.Is(err, errCommandQuotes) {
			t.Fatalf("%q: %v", text, err)
		}
		if err != nil {
			return
		}
		if !strings.ContainsAny(text, `'"\`) {
			blank := func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) }
			if want := strings.FieldsFunc(text, blank); !slices.Equal(words, want) {
				t.Fatalf("%q: got %q, want %q", text, words, want)
			}
		}
		rest := text
		for _, b := range []byte(strings.Join(words, "")) {
			i := strings.IndexByte(rest, b)
			if i < 0 {
				t.Fatalf("%q: %q has what is not in it", text, words)
			}
			rest = rest[i+1:]
		}
		for name, quote := range map[string]func(string) string{
			"apostrophes": func(w string) string { return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'" },
			"marks":       func(w string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `"` },
			"backslashes": func(w string) string {
				if w == "" {
					return "''"
				}
				return `\` + strings.Join(strings.Split(string(latin(w)), ""), `\`)
			},
		} {
			var quoted []string
			for _, w := range words {
				quoted = append(quoted, quote(w))
			}
			again, err := splitCommand(strings.Join(quoted, " "))
			want := words
			if name == "backslashes" {
				want = nil
				for _, w := range words {
					want = append(want, string(latin(w)))
				}
			}
			if err != nil || !slices.Equal(again, want) {
				t.Fatalf("%q in %s: got %q, %v, want %q", text, name, again, err, want)
			}
		}
	})
}

// latin has a letter for each byte, so that a text can be cut between any two.
func latin(s string) (r []rune) {
	for _, b := range []byte(s) {
		r = append(r, rune(b&0x7f|1))
	}
	return r
}

// However a stream of frames is cut, the same commands come of it.
func FuzzCommandFrames(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01x\x00\x00\x00\x00\x00\x00\x00\x02yz"), uint8(1))
	f.Add([]byte("\x00\x00\x04\x00"+strings.Repeat("x", commandMax)+"\x00"), uint8(3))
	f.Add([]byte("\x00\x00\x04\x01x"), uint8(2))
	f.Add([]byte("\xff\xff\xff\xff"), uint8(255))
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		whole, _, wholeErr := cutAll(slices.Clone(stream))
		var ahead []byte
		var pieces [][]byte
		var err error
		for rest := stream; len(rest) > 0 && (err == nil || errors.Is(err, errCommandShort)); {
			n := min(len(rest), int(step)+1)
			ahead = append(ahead, rest[:n]...)
			rest = rest[n:]
			var more [][]byte
			more, ahead, err = cutAll(ahead)
			pieces = append(pieces, more...)
		}
		if !slices.EqualFunc(pieces, whole, bytes.Equal) || len(stream) > 0 && !errors.Is(err, wholeErr) {
			t.Fatalf("%q by %d: %q, %v, at once %q, %v", stream, step, pieces, err, whole, wholeErr)
		}
		var again []byte
		for _, p := range whole {
			if len(p) > commandMax {
				t.Fatalf("a command of %d bytes", len(p))
			}
			again = append(encoding.BigEndian.AppendUint32(again, uint32(len(p))), p...)
		}
		if !bytes.HasPrefix(stream, again) {
			t.Fatalf("%q is %q", stream, whole)
		}
	})
}

// cutAll takes all frames off p.
func cutAll(p []byte) (list [][]byte, rest []byte, err error) {
	for {
		payload, rest, err := cutCommandFrame(p)
		if err != nil {
			return list, p, err
		}
		list = append(list, slices.Clone(payload))
		p = rest
	}
}

func TestCommandHead(t *testing.T) {
	if got := appendCommandHead([]byte("x"), CommandCut, 1<<20); string(got) != "x\x00\x10\x00\x01\x05" {
		t.Errorf("%q", got)
	}
	names := map[string]bool{}
	for s := range CommandStatus(10) {
		names[s.String()] = true
	}
	if len(names) != 10 || CommandStatus(9).String() != "status 9" {
		t.Errorf("%v", names)
	}
}
