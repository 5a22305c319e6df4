//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"bytes"
	"strings"
)

// Chunks is the chat of a tutorial on Python's socketserver: what one read brings, without
// the white space around it, comes to everybody as it is, the speaker included. There are
// no nicknames and no notices, and a message has no end of its own.
type Chunks struct{}

// chunkSize is how much the tutorial reads at a time.
const chunkSize = 1024

// Traits implements Codec.
func (Chunks) Traits() Traits { return Traits{Echo: true, Foreign: true} }

// Decode implements Codec.
func (Chunks) Decode(p []byte, _ bool) (c Command, used int, err error) {
	piece := p[:min(len(p), chunkSize)]
	// What counts as white space for bytes in Python: unicode's does not.
	text := strings.Clone(string(bytes.Trim(piece, " \t\n\v\f\r")))
	if text == "" || text == "quit" {
		return Command{Name: "quit"}, len(piece), nil
	}
	return Command{Name: "say", Text: text}, len(piece), nil
}

// Encode implements Codec.
func (Chunks) Encode(dst []byte, e *Event) []byte {
	if e.Kind == Said && !e.Old {
		dst = append(dst, e.Text...)
	}
	return dst
}
