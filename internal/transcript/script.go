package transcript

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// Script is the content of a file.
type Script struct {
	name  string // for messages
	lines []line
}

// line is one event, or none if it is blank or a comment.
type line struct {
	number int    // in the file, from 1
	conn   string // name of the connection, "" if it has none
	op     op
	text   Text   // of send and receive
	hex    bool   // how the text is written
	note   string // of a comment
}

type op int

const (
	blank op = iota
	comment
	connect
	send
	sendEOF
	taken
	receive
	receiveEOF
	nothing
)

// words are the events that have no text.
var words = map[string]op{
	"> CONNECT": connect,
	"> EOF":     sendEOF,
	"> TAKEN":   taken,
	"> EMPTY":   send,
	"< EMPTY":   receive,
	"< EOF":     receiveEOF,
	"< NOTHING": nothing,
}

// toServer reports whether an event is the client's doing.
func (o op) toServer() bool { return o == send || o == sendEOF }

// Load reads a file.
func Load(t testing.TB, path string) *Script {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(path, string(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// String is the file again, in the form that files have: [Parse] makes the same
// script of it.
func (s *Script) String() string {
	var b strings.Builder
	for _, l := range s.lines {
		b.WriteString(l.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// String is the line as it stands in a file.
func (l line) String() string {
	switch l.op {
	case blank:
		return ""
	case comment:
		return strings.TrimSpace("# " + l.note)
	case send:
		return l.conn + "> " + l.what()
	case receive:
		return l.conn + "< " + l.what()
	}
	for word, op := range words {
		if op == l.op {
			return l.conn + word
		}
	}
	return ""
}

// what is the text in the form that the line has.
func (l line) what() string {
	bytes, literal := l.text.literal()
	switch {
	case len(l.text.parts) == 0:
		return "EMPTY"
	case l.hex && literal:
		return "hex:" + hex.EncodeToString([]byte(bytes))
	}
	return l.text.String()
}
