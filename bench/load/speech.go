//go:build linux

package load

import "bytes"

// speech says what the lines of a room look like: a mark, by which they are found
// behind whatever a server puts before them, and behind it what [lines] says, which
// tells which line it is.
type speech struct {
	lines  lines
	size   int
	recent [speechRecent]spoken // many members hear the same lines at about the same time
}

// spoken is a line without its end.
type spoken struct {
	number uint64
	text   []byte // nil: none yet
}

const (
	mark         = "bench#0:" // of the speaker; lines have no # elsewhere
	speechRecent = 256
)

func newSpeech(size int) speech { return speech{lines: newLines(size), size: size} }

// fill writes line seq of a kind into p, which is of the line's size.
func (s *speech) fill(p []byte, kind uint32, seq uint64) {
	copy(p, mark)
	s.lines.fill(p[len(mark):], kind, seq)
}

// sizeOf is how long lines of a kind are.
func (s *speech) sizeOf(kind uint32) int {
	if kind == probeLine {
		return LeastRoomLine
	}
	return s.size
}

// text is line seq of a kind, without its end. It is good until the next call.
func (s *speech) text(kind uint32, seq uint64) []byte {
	number := seq<<1 | uint64(kind)
	r := &s.recent[number%speechRecent]
	if r.text == nil || r.number != number {
		p := append(r.text[:0], make([]byte, s.sizeOf(kind))...)
		s.fill(p, kind, seq)
		r.number, r.text = number, p[:len(p)-1]
	}
	return r.text
}

// find is what a line of the server's has of the speaker's, nil where it is another's.
func (s *speech) find(line []byte) []byte {
	i := bytes.Index(line, []byte(mark))
	if i < 0 {
		return nil
	}
	return bytes.TrimSuffix(line[i:], []byte("\r"))
}

// which tells which line a text is; it is not ok if it is none, or was changed.
func (s *speech) which(text []byte) (kind uint32, seq uint64, ok bool) {
	const end = len(mark) + lineHead
	if len(text) < end {
		return 0, 0, false
	}
	var h uint64
	for i, c := range text[len(mark):end] {
		h |= uint64(c-'a') & 15 << (4 * i)
	}
	number := unmix(h)
	kind, seq = uint32(number>>32), number&(1<<32-1)
	return kind, seq, kind <= burstLine && bytes.Equal(text, s.text(kind, seq))
}
