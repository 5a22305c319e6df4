//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"hash/fnv"
	"strings"
	"unicode/utf8"
)

// painter colours what is shown. All sequences are its own, around text that is
// harmless: a server can have a line be of another kind, and nothing else.
type painter struct{ colors bool }

// Sequences that select how a terminal draws, ECMA-48 8.3.117.
const (
	drawPlain = "\x1b[0m"
	drawBold  = "\x1b[1m"
	drawDim   = "\x1b[2m"
	drawRed   = "\x1b[31m"
)

// nickColors are those that can be read on black and on white, without red, which is
// for what went wrong.
var nickColors = []string{"\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[35m", "\x1b[36m", "\x1b[92m", "\x1b[94m", "\x1b[95m", "\x1b[96m"}

// line is a line as it is shown to who is called self.
func (p painter) line(l *chatLine, self string) string {
	var b strings.Builder
	p.draw(&b, drawDim, l.where+l.stamp)
	switch l.kind {
	case lineNotice:
		p.draw(&b, drawDim, l.before+l.text)
	case lineFailed:
		p.draw(&b, drawRed, l.before+l.text)
	case lineSaid, lineActed, lineTold:
		p.draw(&b, drawDim, l.before)
		p.draw(&b, nickColor(l.nick), l.nick)
		b.WriteString(l.after)
		p.mentions(&b, l.text, self)
	default:
		b.WriteString(l.before + l.nick + l.after + l.text)
	}
	return b.String()
}

// note is what the client itself has to say.
func (p painter) note(text string) string {
	var b strings.Builder
	p.draw(&b, drawDim, "-- "+text)
	return b.String()
}

// draw writes s in a style.
func (p painter) draw(b *strings.Builder, style, s string) {
	if !p.colors || s == "" {
		b.WriteString(s)
		return
	}
	b.WriteString(style + s + drawPlain)
}

// mentions writes a text, in which self is bold.
func (p painter) mentions(b *strings.Builder, text, self string) {
	if !p.colors || self == "" {
		b.WriteString(text)
		return
	}
	shown := 0
	for i := 0; i+len(self) <= len(text); {
		if mentioned(text, i, self) {
			b.WriteString(text[shown:i])
			shown = i + len(self)
			p.draw(b, drawBold, text[i:shown])
			i = shown
			continue
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
	}
	b.WriteString(text[shown:])
}

// mentioned reports whether self is named at i, and not just a part of a word.
func mentioned(text string, i int, self string) bool {
	end := i + len(self)
	if !strings.EqualFold(text[i:end], self) {
		return false
	}
	before, _ := utf8.DecodeLastRuneInString(text[:i])
	after, _ := utf8.DecodeRuneInString(text[end:])
	return !(i > 0 && inName(before)) && !(end < len(text) && inName(after))
}

// nickColor is the colour of a name, always the same.
func nickColor(nick string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(strings.ToLower(nick))) // never fails
	return nickColors[h.Sum32()%uint32(len(nickColors))]
}
