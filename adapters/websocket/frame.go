//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// AppendText appends to dst a whole message of text as the server sends it, and
// returns the extended slice. Frames of a server are the same for all its clients, so
// one slice may be given to Conn.WriteFrames of many. p must be UTF-8, which is not
// checked here: browsers close a connection on which something else comes.
func AppendText(dst, p []byte) []byte { return appendFrame(dst, ws.OpText, p) }

// AppendBinary is AppendText for a binary message.
func AppendBinary(dst, p []byte) []byte { return appendFrame(dst, ws.OpBinary, p) }

// fin marks the last frame of a message, RFC 6455, 5.2.
const fin = 0x80

// appendFrame appends a frame that is a message of its own, unmasked.
func appendFrame(dst []byte, op ws.OpCode, p []byte) []byte {
	dst = append(dst, fin|byte(op))
	switch n := len(p); {
	case n <= 125:
		dst = append(dst, byte(n))
	case n <= math.MaxUint16:
		dst = append(dst, 126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, 127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	return append(dst, p...)
}

// maxReason is what a close frame has room for beside the code.
const maxReason = ws.MaxControlFramePayloadSize - 2

// closeFrame is a close frame; code 0 or noCode is none. The reason is made UTF-8 and
// cut to what there is room for.
func closeFrame(code int, reason string) []byte {
	if code == 0 || code == noCode {
		return appendFrame(nil, ws.OpClose, nil)
	}
	if !sendable(code) {
		code = normalClosure
	}
	reason = strings.ToValidUTF8(reason, string(utf8.RuneError))
	if len(reason) > maxReason {
		end := maxReason
		for !utf8.RuneStart(reason[end]) {
			end--
		}
		reason = reason[:end]
	}
	var room [ws.MaxControlFramePayloadSize]byte
	payload := binary.BigEndian.AppendUint16(room[:0], uint16(code))
	return appendFrame(nil, ws.OpClose, append(payload, reason...))
}
