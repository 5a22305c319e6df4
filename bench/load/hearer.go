//go:build linux

package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"example.com/iomux"
)

// longestLine bounds what a server may send without an end of line.
const longestLine = 64 << 10

// hearer is a member of a room. The first is the speaker: what it hears does not
// count, for a chat may or may not have it hear what it has said itself.
type hearer struct {
	socket
	room   *roomful
	joined bool
	next   uint64 // the line of the speaker's that it is to hear next
	part   []byte // of a line that has not come whole
}

func (m *hearer) ready(events iomux.Events) error {
	r := m.room
	if events&iomux.Writable != 0 && len(m.rest) > 0 {
		if err := r.resume(); err != nil {
			return err
		}
	}
	if events&iomux.Readable == 0 {
		return nil
	}
	p, err := r.read(&m.socket)
	if err != nil {
		return r.broken(m, err)
	}
	if len(p) == 0 || m == r.speaker() {
		return nil
	}
	before := m.next
	if err := m.take(p); err != nil {
		return err
	}
	if r.phase == settling {
		return nil
	}
	r.delivered(before, m.next, r.now())
	return nil
}

// take takes what has come apart into lines.
func (m *hearer) take(p []byte) error {
	for len(p) > 0 {
		n := bytes.IndexByte(p, '\n')
		if n < 0 {
			if len(m.part)+len(p) > longestLine {
				return fmt.Errorf("%w: member %d: %d bytes without an end of line", ErrWrongEcho, m.id, len(m.part)+len(p))
			}
			m.part = append(m.part, p...)
			return nil
		}
		line := p[:n]
		p = p[n+1:]
		if len(m.part) > 0 {
			line = append(m.part, line...)
			m.part = line[:0]
		}
		if err := m.hear(line); err != nil {
			return err
		}
	}
	return nil
}

// hear checks a line: whatever the server says itself is its own business, but of the
// speaker's lines each must come, once, whole and behind the one before.
func (m *hearer) hear(line []byte) error {
	r := m.room
	text := r.speech.find(line)
	switch {
	case text == nil:
		return nil
	case !m.joined:
		return m.join(text)
	case m.next == r.sent:
		return fmt.Errorf("%w: member %d: %q, where nothing more was said", ErrWrongEcho, m.id, text)
	case !bytes.Equal(text, r.speech.text(r.kind, m.next)):
		return m.wrong(text)
	}
	m.next++
	if r.phase == settling {
		r.probed(m)
	}
	return nil
}

// join finds out which probe was the first that the member heard.
func (m *hearer) join(text []byte) error {
	r := m.room
	kind, seq, ok := r.speech.which(text)
	if !ok || kind != probeLine || seq >= r.sent {
		return fmt.Errorf("%w: member %d: its first line %q was never said", ErrWrongEcho, m.id, text)
	}
	m.joined, m.next = true, seq+1
	r.joined++
	r.probed(m)
	return nil
}

// wrong is the error of a line that is not the next.
func (m *hearer) wrong(text []byte) error {
	r := m.room
	kind, seq, ok := r.speech.which(text)
	switch {
	case !ok || kind == r.kind && seq >= r.sent:
		return fmt.Errorf("%w: member %d: line %d: %q, where %q was due", ErrWrongEcho, m.id, m.next, text, r.speech.text(r.kind, m.next))
	case kind != r.kind:
		return fmt.Errorf("%w: member %d: a probe once more, where line %d was due", ErrWrongEcho, m.id, m.next)
	case seq > m.next:
		return fmt.Errorf("%w: member %d: line %d, where %d was due: %d are lost, or out of order", ErrWrongEcho, m.id, seq, m.next, seq-m.next)
	}
	return fmt.Errorf("%w: member %d: line %d once more, or out of order, where %d was due", ErrWrongEcho, m.id, seq, m.next)
}

// leftBy reports whether an error is that of a connection that the server has ended.
func leftBy(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE)
}
