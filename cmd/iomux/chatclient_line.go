//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"strings"
	"unicode"
)

// lineKind is what a line of the server is about.
type lineKind uint8

const (
	lineOther  lineKind = iota // what is not known; it is shown as it is
	lineNotice                 // of the server, or about a room
	lineFailed                 // something was not done
	lineSaid
	lineActed
	lineTold // in private
)

// chatLine is a line of the server in its parts, which behind each other are the line
// again. It is made of text that is harmless already: what is said cannot pass for a
// notice, as that is told by how the line begins.
type chatLine struct {
	kind   lineKind
	where  string // "[lobby] "
	stamp  string // "2026-11-27 09:30 ": it is from the history
	before string // "** ", "* " or "-> you, from "
	nick   string
	after  string // ": " or " "
	text   string
}

// room is the room that a line is about, "" for none.
func (l *chatLine) room() string {
	return strings.TrimSuffix(strings.TrimPrefix(l.where, "["), "] ")
}

const (
	noticeMark = "** "
	failedMark = "** !! "
	stampForm  = "0000-00-00 00:00 " // 0 is any digit
)

// parseChatLine takes a line apart.
func parseChatLine(s string) chatLine {
	switch {
	case strings.HasPrefix(s, failedMark):
		return chatLine{kind: lineFailed, before: failedMark, text: s[len(failedMark):]}
	case strings.HasPrefix(s, noticeMark):
		return chatLine{kind: lineNotice, before: noticeMark, text: s[len(noticeMark):]}
	case strings.HasPrefix(s, "-> "):
		to, rest, ok := strings.Cut(s, ", from ")
		nick, text, said := strings.Cut(rest, ": ")
		if ok && said && isName(to[len("-> "):]) && isName(nick) {
			return chatLine{kind: lineTold, before: to + ", from ", nick: nick, after: ": ", text: text}
		}
	case strings.HasPrefix(s, "["):
		room, rest, ok := strings.Cut(s[1:], "] ")
		if ok && isName(room) {
			l := parseInRoom(rest)
			l.where = s[:len(s)-len(rest)]
			return l
		}
	}
	return chatLine{text: s}
}

// parseInRoom takes apart what is behind the name of a room.
func parseInRoom(s string) chatLine {
	var l chatLine
	if hasStamp(s) {
		l.stamp, s = s[:len(stampForm)], s[len(stampForm):]
	}
	if text, ok := strings.CutPrefix(s, noticeMark); ok {
		l.kind, l.before, l.text = lineNotice, noticeMark, text
		return l
	}
	if act, ok := strings.CutPrefix(s, "* "); ok {
		if nick, text, ok := strings.Cut(act, " "); ok && isName(nick) {
			l.kind, l.before, l.nick, l.after, l.text = lineActed, "* ", nick, " ", text
			return l
		}
	}
	if nick, text, ok := strings.Cut(s, ": "); ok && isName(nick) {
		l.kind, l.nick, l.after, l.text = lineSaid, nick, ": ", text
		return l
	}
	l.text = s
	return l
}

// hasStamp reports whether s begins with a time.
func hasStamp(s string) bool {
	if len(s) < len(stampForm) {
		return false
	}
	for i, want := range []byte(stampForm) {
		if digit := s[i] >= '0' && s[i] <= '9'; want == '0' && !digit || want != '0' && s[i] != want {
			return false
		}
	}
	return true
}

// isName reports whether s can be what somebody or a room is called. What the server
// calls a name is drawn in the prompt and put into the line being edited, so nothing
// else may be one.
func isName(s string) bool {
	odd := func(r rune) bool { return !inName(r) && !strings.ContainsRune(".[]'", r) }
	return s != "" && len(s) <= wordLimit && !strings.ContainsFunc(s, odd)
}

// inName reports whether r is of a name wherever it stands.
func inName(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '-' || r == '_'
}
