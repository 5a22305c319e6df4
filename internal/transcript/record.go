package transcript

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"time"
)

// Record is the clients of a script, as [Play] is, and returns a script that says
// what the server answered: a line that it agrees with stays, placeholders and all;
// one that it does not is replaced by what arrived. Where a new line begins is for the
// author: a line with any text, such as < "?", takes what has arrived by then. A
// transcript made so is read before it is believed.
func Record(network, address string, s *Script) (*Script, error) {
	return recordWithin(network, address, s, patience)
}

func recordWithin(network, address string, s *Script, patience time.Duration) (*Script, error) {
	stream, err := isStream(network)
	if err != nil {
		return nil, err
	}
	if err := s.checkKind(stream); err != nil {
		return nil, err
	}
	r := recorder{player: newPlayer(network, address, patience), stream: stream, ended: map[string]bool{}}
	defer r.close()
	for _, l := range s.lines {
		if err := r.step(l); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", s.name, l.number, err)
		}
	}
	for name, link := range r.links {
		if stream && !r.ended[name] {
			if err := r.end(line{conn: name, op: receiveEOF}, link); err != nil {
				return nil, fmt.Errorf("%s: connection %q: %w", s.name, name, err)
			}
		}
	}
	made := Script{s.name, r.lines}
	return Parse(s.name, made.String())
}

// recorder makes the lines of a new script.
type recorder struct {
	*player
	stream bool
	lines  []line
	ended  map[string]bool // connections that the server has ended
}

func (r *recorder) step(l line) error {
	if l.op == blank || l.op == comment {
		r.lines = append(r.lines, l)
		return nil
	}
	c, err := r.link(l.conn)
	switch {
	case err != nil:
		return err
	case r.ended[l.conn]: // what was planned behind the end
		return nil
	case l.op == receive:
		return r.hear(l, c)
	case l.op == receiveEOF:
		return r.end(l, c)
	}
	r.lines = append(r.lines, l)
	return r.act(l, c)
}

// hear records an answer.
func (r *recorder) hear(l line, c *link) error {
	got, _, err := c.receive(l.text, r.kept)
	switch {
	case err == nil:
		r.lines = append(r.lines, l)
		return nil
	case !errors.Is(err, errDiffers) && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	}
	if len(got) > 0 || errors.Is(err, errDiffers) {
		l.text = c.withPlaceholders(string(got))
		r.lines = append(r.lines, l)
	}
	if errors.Is(err, io.EOF) {
		r.lines = append(r.lines, line{conn: l.conn, op: receiveEOF})
		r.ended[l.conn] = true
	}
	return nil
}

// end records all that comes until the server ends.
func (r *recorder) end(l line, c *link) error {
	for {
		got, err := c.receiveEOF()
		if err == nil {
			r.lines = append(r.lines, line{conn: l.conn, op: receiveEOF})
			r.ended[l.conn] = true
			return nil
		}
		if !errors.Is(err, errDiffers) {
			return err
		}
		r.lines = append(r.lines, line{conn: l.conn, op: receive, text: c.withPlaceholders(string(got))})
	}
}

// timeText is what may be a time as C's ctime writes it.
const timeText = `[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}`

// withPlaceholders is text with placeholders for the times and addresses in it.
func (l *link) withPlaceholders(got string) (t Text) {
	own, server := l.known[host]+":"+l.known[port], l.known[serverHost]+":"+l.known[serverPort]
	pattern := timeText
	if own != ":" {
		pattern += "|" + regexp.QuoteMeta(own) + "|" + regexp.QuoteMeta(server)
	}
	add := func(p ...part) { t.parts = append(t.parts, p...) }
	done := 0
	for _, at := range regexp.MustCompile(pattern).FindAllStringIndex(got, -1) {
		found := got[at[0]:at[1]]
		switch found {
		case own:
			add(part{literal: got[done:at[0]]}, part{kind: host}, part{literal: ":"}, part{kind: port})
		case server:
			add(part{literal: got[done:at[0]]}, part{kind: serverHost}, part{literal: ":"}, part{kind: serverPort})
		default:
			if !isTime(found) {
				continue
			}
			add(part{literal: got[done:at[0]]}, part{kind: ctime})
		}
		done = at[1]
	}
	add(part{literal: got[done:]})
	return Text{slices.DeleteFunc(t.parts, func(p part) bool { return p == part{} })}
}
