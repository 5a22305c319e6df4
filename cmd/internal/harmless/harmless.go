// Package harmless shows what came from a stranger on a terminal without letting
// it do anything there.
//
// A terminal obeys what is written to it: escape sequences move the cursor,
// change the window's title, answer with input as if typed, and directional
// overrides make text read differently from what it is. Here all of it turns
// into visible text such as \x1b or \u202e.
package harmless

import (
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// String is s made harmless.
func String(s string) string {
	out, rest := appendSafe(nil, []byte(s))
	return string(appendEscapes(out, rest))
}

// Writer makes a stream harmless. What it passes on is valid UTF-8 in which the
// only control characters are newline and tab, however the stream was cut into
// writes. A carriage return before a newline is dropped, as line ends of the
// network have one.
type Writer struct {
	w    io.Writer
	held []byte // the beginning of a character, or a carriage return
	out  []byte
}

// NewWriter returns a Writer that passes on to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write passes p on, but for a character at its end that is not complete yet.
func (w *Writer) Write(p []byte) (int, error) {
	in := p
	if len(w.held) > 0 {
		in = append(w.held, p...)
	}
	var rest []byte
	w.out, rest = appendSafe(w.out[:0], in)
	w.held = append([]byte(nil), rest...)
	if len(w.out) == 0 {
		return len(p), nil
	}
	if _, err := w.w.Write(w.out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush passes on what was held back, as no more of it will come.
func (w *Writer) Flush() error {
	w.out = appendEscapes(w.out[:0], w.held)
	w.held = nil
	if len(w.out) == 0 {
		return nil
	}
	_, err := w.w.Write(w.out)
	return err
}

// appendSafe appends p in harmless form to dst. rest is the end of p that cannot
// be judged before more is there: at most three bytes.
func appendSafe(dst, p []byte) (out, rest []byte) {
	for len(p) > 0 {
		r, size := utf8.DecodeRune(p)
		switch {
		case r == utf8.RuneError && size == 1:
			if !utf8.FullRune(p) {
				return dst, p
			}
			dst = fmt.Appendf(dst, `\x%02x`, p[0])
		case r == '\r' && len(p) == 1:
			return dst, p
		case r == '\r' && p[1] == '\n':
			// The newline that follows says it all.
		case safe(r):
			dst = append(dst, p[:size]...)
		case r < utf8.RuneSelf:
			dst = fmt.Appendf(dst, `\x%02x`, r)
		case r <= 0xffff:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = fmt.Appendf(dst, `\U%08x`, r)
		}
		p = p[size:]
	}
	return dst, nil
}

// appendEscapes appends every byte of p as an escape.
func appendEscapes(dst, p []byte) []byte {
	for _, b := range p {
		dst = fmt.Appendf(dst, `\x%02x`, b)
	}
	return dst
}

// safe reports whether a terminal only draws r. Letters, marks, digits,
// punctuation, symbols and spaces are; of the rest newline and tab, and the two
// joiners, without which Persian, Indic scripts and many emoji cannot be
// written. Not safe: controls of both sets, escape among them; directional
// overrides; invisible characters; line separators; what is not assigned.
func safe(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return unicode.IsGraphic(r) || r == '\n' || r == '\t' || r == nonJoiner || r == joiner
}
