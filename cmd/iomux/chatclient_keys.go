//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
)

// keys is what is typed. An editor holds a lock, but not while it waits here.
//
// A first Ctrl-C empties the line and a second one ends the input; the editor would
// take the first for the end already.
type keys struct {
	in          io.Reader
	lock        *sync.Mutex
	interrupted func() // the first Ctrl-C has come
	pressed     bool   // and nothing since
}

const (
	keyInterrupt = 0x03
	keyToEnd     = 0x05 // Ctrl-E: the cursor behind the line
	keyErase     = 0x15 // Ctrl-U: what is before it goes
)

var errLongKey = errors.New("the terminal sends a key without an end")

// Read implements io.Reader.
func (k *keys) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, errLongKey // the editor would ask for ever
	}
	// Half as much, because a Ctrl-C becomes two keys.
	typed := make([]byte, max(len(p)/2, 1))
	k.lock.Unlock()
	n, err := k.in.Read(typed)
	k.lock.Lock()
	out := p[:0]
	for _, b := range typed[:n] {
		switch {
		case b != keyInterrupt:
			k.pressed = false
			out = append(out, b)
		case k.pressed:
			return len(out), io.EOF
		default:
			k.pressed = true
			if len(p) > 1 {
				out = append(out, keyToEnd)
			}
			out = append(out, keyErase)
			k.interrupted()
		}
	}
	return len(out), err
}

// typedLines are the lines that come back with the arrow keys. Not those with a secret:
// somebody may look on.
type typedLines struct{ lines []string }

// typedKept is how many there are.
const typedKept = 500

// Add implements term.History.
func (h *typedLines) Add(line string) {
	word := commandOf(line)
	if word == "" || word == "/login" || h.Len() > 0 && h.At(0) == line {
		return
	}
	h.lines = append(h.lines, line)
	if len(h.lines) > typedKept {
		h.lines = slices.Delete(h.lines, 0, 1)
	}
}

// Len implements term.History.
func (h *typedLines) Len() int { return len(h.lines) }

// At implements term.History: 0 is the last one.
func (h *typedLines) At(i int) string { return h.lines[len(h.lines)-1-i] }

// commandOf is the first word of a line, in lower case, as the server takes it for a
// command.
func commandOf(line string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	return strings.ToLower(word)
}
