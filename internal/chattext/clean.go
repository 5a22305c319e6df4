package chattext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	zwnj = '\u200c'
	zwj  = '\u200d'

	// maxMarks is how many combining marks may stand in a row: more climb into the
	// lines above and below.
	maxMarks = 4
)

// Clean makes a text safe to show anywhere, on a terminal and in a list of lines
// of other people's. The result is valid UTF-8 of at most max bytes, cut between
// characters, without white space at its ends; cleaned again it stays as it is.
//
//   - A byte that is not UTF-8, a noncharacter or one for private use becomes U+FFFD.
//   - A line's end (LF, VT, FF, CR, CR LF, NEL, U+2028, U+2029) becomes a space. TAB
//     stays; the other control characters (C0, DEL, C1) go.
//   - What has no shape of its own goes: marks and overrides of direction, zero-width
//     characters, the byte order mark, fillers, tags (a flag made of them becomes a
//     black one). A joiner (U+200C, U+200D) stays between letters of scripts that join,
//     U+200D between emoji too, and a variation selector behind what it varies.
//   - Of combining marks in a row four stay, and none at the beginning, where they
//     would sit on what is shown before the text.
//
// A character that is newer than this program's Unicode tables stays: tomorrow's
// emoji are nobody's danger. If there is nothing to do the result is s itself, and
// nothing is allocated; else no more than the result may have.
func Clean(s string, max int) string {
	s = strings.TrimRightFunc(s, unicode.IsSpace)
	c := cleaner{in: s, max: max}
	for c.at < len(s) {
		r, size := utf8.DecodeRuneInString(s[c.at:])
		out := c.judge(r, size)
		if out != gone && c.length()+utf8.RuneLen(out) > max {
			break
		}
		c.put(out, r, size)
	}
	return c.text()
}

// gone is what becomes of a character that is left out.
const gone = -1

// cleaner is a text half cleaned.
type cleaner struct {
	in    string
	max   int
	at    int    // what of in has been read
	start int    // where the result begins in in, while it is a part of in
	out   []byte // the result, once it is not
	last  rune   // of the result; 0 at its beginning
	marks int    // how many marks are the last of the result, joiners between them
}

func (c *cleaner) length() int {
	if c.out != nil {
		return len(c.out)
	}
	return c.at - c.start
}

// put adds out to the result, for r, which has size bytes.
func (c *cleaner) put(out, r rune, size int) {
	if out == gone && c.length() == 0 {
		c.start = c.at + size
	} else if c.out == nil && (out != r || r == utf8.RuneError && size == 1) {
		c.out = append(make([]byte, 0, min(c.max, len(c.in)-c.start+utf8.UTFMax)), c.in[c.start:c.at]...)
	}
	c.at += size
	if out == gone {
		return
	}
	if c.out != nil {
		c.out = utf8.AppendRune(c.out, out)
	}
	switch {
	case unicode.IsMark(out):
		c.marks++
	case out != zwj && out != zwnj:
		c.marks = 0
	}
	c.last = out
}

// text is the result without what its end should not be.
func (c *cleaner) text() string {
	s := c.in[c.start:c.at]
	if c.out != nil {
		s = string(c.out)
	}
	for {
		r, size := utf8.DecodeLastRuneInString(s)
		if size == 0 || !unicode.IsSpace(r) && r != zwj && r != zwnj {
			return s
		}
		s = s[:len(s)-size]
	}
}

// judge is what becomes of r, the next character: itself, another, or gone.
func (c *cleaner) judge(r rune, size int) rune {
	switch {
	case r >= 0x20 && r < 0x7f && r != ' ':
		return r
	case r >= 0xa0 && unicode.IsLetter(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
		return r
	case r == '\r' && c.at+1 < len(c.in) && c.in[c.at+1] == '\n':
		return gone
	case r >= '\n' && r <= '\r', r == 0x85, r == '\u2028', r == '\u2029':
		r = ' '
	case unicode.IsControl(r) && r != '\t':
		return gone
	}
	switch {
	case unicode.IsSpace(r):
		if c.last == 0 {
			return gone
		}
	case r == zwj || r == zwnj:
		if !c.joins(r, size) {
			return gone
		}
	case unicode.Is(unicode.Variation_Selector, r):
		// Those for emoji and signs; the others choose between shapes of a letter.
		if r != '\ufe0e' && r != '\ufe0f' || c.last == 0 || unicode.IsSpace(c.last) || c.marks > 0 {
			return gone
		}
	case invisible(r):
		return gone
	case unicode.IsMark(r):
		if c.last == 0 || c.marks == maxMarks {
			return gone
		}
	case unicode.Is(unicode.Co, r), unicode.Is(unicode.Noncharacter_Code_Point, r):
		return utf8.RuneError
	}
	return r
}

// invisible reports whether a character has no shape of its own, however it came
// by that.
func invisible(r rune) bool {
	if unicode.Is(unicode.Cf, r) {
		return !unicode.Is(unicode.Prepended_Concatenation_Mark, r) // signs around Arabic numbers
	}
	return unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || r == '\ufffc'
}

// joins reports whether a joiner does something where it stands: between the end of
// the result and what comes next.
func (c *cleaner) joins(joiner rune, size int) bool {
	next, n := utf8.DecodeRuneInString(c.in[c.at+size:])
	if n == 0 || invisible(next) {
		return false
	}
	if joiner == zwj && emoji(c.last) && (unicode.Is(unicode.So, next) || next == '↔') {
		return true
	}
	if unicode.IsMark(next) && c.marks == maxMarks {
		return false
	}
	return joining(c.last) && joining(next)
}

// emoji reports whether a character may end the emoji that stands before a joiner: a
// symbol, a colour of skin, a variation selector.
func emoji(r rune) bool {
	return unicode.Is(unicode.So, r) || r >= 0x1f3fb && r <= 0x1f3ff || r == '\ufe0f'
}

// joining reports whether a character is a letter or mark of a script whose letters
// change their shapes beside a joiner.
func joining(r rune) bool {
	return r > 0x590 && (unicode.IsLetter(r) || unicode.IsMark(r)) &&
		!unicode.Is(unicode.Variation_Selector, r) &&
		!unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Han, unicode.Hiragana,
			unicode.Katakana, unicode.Hangul, unicode.Inherited)
}
