package transcript

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Text is what is sent or received: bytes and placeholders. The zero Text is
// empty.
type Text struct{ parts []part }

// part is a run of bytes, or a placeholder if it has a kind.
type part struct {
	literal string
	kind    string
	name    string // under which a number is kept, "" if it is not
	plus    uint64 // how much greater than the kept one it must be
}

// Kinds of placeholders.
const (
	ctime      = "CTIME"
	pid        = "PID"
	number     = "N"
	host       = "HOST"
	port       = "PORT"
	serverHost = "SERVER-HOST"
	serverPort = "SERVER-PORT"
)

var kinds = []string{ctime, pid, number, host, port, serverHost, serverPort}

var (
	// What is meant as a placeholder, right or wrong.
	lookalike   = regexp.MustCompile(`<[A-Z]+(-[A-Z]+)*(:[^<>]*)?>`)
	placeholder = regexp.MustCompile(`^<([A-Z-]+)(?::([a-z][a-z0-9]*)(?:\+([1-9][0-9]{0,5}))?)?>$`)
)

// ParseText reads text in which placeholders stand among bytes without quotes,
// such as the expected output of a program.
func ParseText(s string) (Text, error) {
	return parse(s, func(literal string) (string, error) { return literal, nil })
}

// parseQuoted reads text in Go's quotes. A placeholder has no escape in it, so
// that \x3c is a way to write < without beginning one.
func parseQuoted(s string) (Text, error) {
	if quoted, err := strconv.QuotedPrefix(s); err != nil || quoted != s {
		return Text{}, errors.New("the text is not in Go's quotes, want \"bytes\" with \\n, \\x00 and so on, and nothing behind it")
	}
	return parse(s[1:len(s)-1], func(literal string) (string, error) { return strconv.Unquote(`"` + literal + `"`) })
}

// parse splits text at its placeholders; unquote turns what is between them into
// bytes.
func parse(s string, unquote func(string) (string, error)) (t Text, err error) {
	add := func(from, to int) {
		if from == to || err != nil {
			return
		}
		var literal string
		literal, err = unquote(s[from:to])
		t.parts = append(t.parts, part{literal: literal})
	}
	done := 0
	for _, at := range lookalike.FindAllStringIndex(s, -1) {
		add(done, at[0])
		p, wrong := parsePlaceholder(s[at[0]:at[1]])
		if wrong != nil {
			return Text{}, wrong
		}
		t.parts = append(t.parts, p)
		done = at[1]
	}
	add(done, len(s))
	if err != nil {
		return Text{}, err
	}
	return t, t.check()
}

func parsePlaceholder(s string) (part, error) {
	m := placeholder.FindStringSubmatch(s)
	switch {
	case m == nil:
		return part{}, fmt.Errorf("%s is no placeholder, want <KIND>, <KIND:name> or <N:name+1>, the name of small letters and digits", s)
	case !slices.Contains(kinds, m[1]):
		return part{}, fmt.Errorf("%s is no placeholder, want one of <%s>; a < that begins none is written \\x3c", s, strings.Join(kinds, ">, <"))
	case m[2] != "" && m[1] != pid && m[1] != number:
		return part{}, fmt.Errorf("%s has a name, which only <PID> and <N> can have", s)
	case m[3] != "" && m[1] != number:
		return part{}, fmt.Errorf("%s counts, which only <N> does", s)
	}
	p := part{kind: m[1], name: m[2]}
	if m[3] != "" {
		var err error
		if p.plus, err = strconv.ParseUint(m[3], 10, 64); err != nil {
			return part{}, err
		}
	}
	return p, nil
}

// check wants an end for each number: a server that is still sending its digits
// must not be mistaken for one that has sent them all.
func (t Text) check() error {
	for i, p := range t.parts {
		if p.kind != pid && p.kind != number {
			continue
		}
		if i+1 == len(t.parts) || t.parts[i+1].kind != "" || digit(t.parts[i+1].literal[0]) {
			return fmt.Errorf("nothing says where %v ends, want a character behind it that is no digit", p)
		}
	}
	return nil
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// literalText is text without placeholders.
func literalText(p string) Text {
	if p == "" {
		return Text{}
	}
	return Text{[]part{{literal: p}}}
}

// literal is the text's bytes, if it has no placeholder.
func (t Text) literal() (string, bool) {
	var s string
	for _, p := range t.parts {
		if p.kind != "" {
			return "", false
		}
		s += p.literal
	}
	return s, true
}

// String is the text in quotes, as parseQuoted reads it.
func (t Text) String() string {
	var b strings.Builder
	b.WriteByte('"')
	for _, p := range t.parts {
		if p.kind != "" {
			b.WriteString(p.String())
			continue
		}
		quoted := strconv.Quote(p.literal)
		b.WriteString(lookalike.ReplaceAllStringFunc(quoted[1:len(quoted)-1], func(s string) string { return `\x3c` + s[1:] }))
	}
	b.WriteByte('"')
	return b.String()
}

// String is a placeholder as it is written.
func (p part) String() string {
	s := "<" + p.kind
	if p.name != "" {
		s += ":" + p.name
	}
	if p.plus != 0 {
		s += fmt.Sprintf("+%d", p.plus)
	}
	return s + ">"
}
