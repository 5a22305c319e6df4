//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bytes"
	"errors"

	"example.com/iomux/adapters/websocket"
	"example.com/iomux/servers/chat"
)

// framed is the codec of WebSocket clients: JSON, each object a message. What is
// encoded for all of them is a frame already.
type framed struct{ chat.JSON }

// Traits implements chat.Codec: pings look whether the clients are there.
func (f framed) Traits() chat.Traits {
	t := f.JSON.Traits()
	t.Alive = true
	return t
}

// Decode implements chat.Codec: a message is there as a whole. What a client is told
// that sends something else is a frame, too.
func (f framed) Decode(p []byte, _ bool) (chat.Command, int, error) {
	c, used, err := f.JSON.Decode(p, true)
	var r *chat.Refusal
	if errors.As(err, &r) {
		err = &chat.Refusal{Why: r.Why, Reply: frame(nil, r.Reply)}
	}
	return c, used, err
}

// Encode implements chat.Codec.
func (f framed) Encode(dst []byte, e *chat.Event) []byte { return frame(dst, f.JSON.Encode(nil, e)) }

// frame appends a line of JSON as a message, unless there is none.
func frame(dst, line []byte) []byte {
	if len(line) == 0 {
		return dst
	}
	return websocket.AppendText(dst, bytes.TrimSuffix(line, []byte("\n")))
}
