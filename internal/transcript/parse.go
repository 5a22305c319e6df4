package transcript

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Parse reads the text of a file. Name is the file's, for messages. The error
// names the line, what is wrong with it and what would be right.
func Parse(name, text string) (*Script, error) {
	s := &Script{name: name}
	for i, raw := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		l, err := parseLine(strings.TrimSpace(raw))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
		l.number = i + 1
		s.lines = append(s.lines, l)
	}
	if err := s.checkOrder(); err != nil {
		return nil, err
	}
	return s, nil
}

// connName is the name of a connection.
var connName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

var errLine = errors.New(`no line of a transcript, want > "bytes", < "bytes", > EOF, < EOF, with the name of a connection in front if there are several, or # why`)

func parseLine(s string) (line, error) {
	switch {
	case !utf8.ValidString(s):
		return line{}, errors.New(`the line is not UTF-8, want such a byte as \xff in quotes, or as hex:ff`)
	case s == "":
		return line{}, nil
	case s[0] == '#':
		return line{op: comment, note: strings.TrimSpace(s[1:])}, nil
	}
	at := strings.IndexAny(s, "<>")
	if at < 0 {
		return line{}, errLine
	}
	l := line{conn: s[:at]}
	event := s[at:]
	if l.conn != "" && !connName.MatchString(l.conn) {
		return line{}, fmt.Errorf("%q is no name of a connection, want a letter, then letters, digits, - and _", l.conn)
	}
	if op, ok := words[event]; ok {
		l.op = op
		return l, nil
	}
	switch event[0] {
	case '>':
		l.op = send
	case '<':
		l.op = receive
	}
	what, ok := strings.CutPrefix(event[1:], " ")
	if !ok {
		return line{}, fmt.Errorf("want a blank behind %c", event[0])
	}
	if err := l.parseText(strings.TrimSpace(what)); err != nil {
		return line{}, err
	}
	return l, nil
}

// parseText reads what a line sends or receives.
func (l *line) parseText(s string) (err error) {
	if digits, ok := strings.CutPrefix(s, "hex:"); ok {
		bytes, err := hex.DecodeString(digits)
		if err != nil {
			return fmt.Errorf("hex: %w, want pairs of hexadecimal digits", err)
		}
		l.text, l.hex = literalText(string(bytes)), true
	} else if strings.HasPrefix(s, `"`) {
		if l.text, err = parseQuoted(s); err != nil {
			return err
		}
	} else {
		return errLine
	}
	_, literal := l.text.literal()
	switch {
	case len(l.text.parts) == 0:
		return errors.New("there is no byte in it; an empty datagram is written EMPTY")
	case l.op == send && !literal:
		return errors.New(`a placeholder cannot be sent; a < that begins none is written \x3c`)
	}
	return nil
}
