//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// decoder makes messages of frames. It holds nothing but the fragments of the message
// that is under way: a frame that is not whole stays where it is.
type decoder struct {
	op      ws.OpCode // of the message under way; 0: none is
	message []byte    // the fragments so far
	checked int       // bytes of message that are known to be UTF-8
}

// frame is a control frame or a whole message. That of a fragment is not the last one
// is OpContinuation, without payload.
type frame struct {
	op      ws.OpCode
	payload []byte
}

// headReader reads the header of a frame, without a buffer for each.
type headReader struct {
	bytes.Reader
	buf [ws.MaxHeaderSize]byte
}

// next takes the first frame of p, and unmasks it there. used is 0 while it is not
// whole. A header that cannot be is refused as soon as it is there.
func (d *decoder) next(s *scratch, o *Options, p []byte) (f frame, used int, err error) {
	s.in.Reset(p)
	h, err := ws.ReadHeaderBuffer(&s.in, s.in.buf[:])
	head := len(p) - s.in.Len()
	s.in.Reset(nil)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return frame{}, 0, nil
	case err != nil:
		return frame{}, 0, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if err := d.check(h, head, o); err != nil {
		return frame{}, 0, err
	}
	if h.Length > int64(len(p)-head) {
		return frame{}, 0, nil
	}
	used = head + int(h.Length)
	payload := p[head:used:used]
	ws.Cipher(payload, h.Mask, 0)
	if h.OpCode.IsControl() {
		return frame{h.OpCode, payload}, used, nil
	}
	f, err = d.add(s, h, payload)
	return f, used, err
}

// check refuses what the header alone shows to be wrong.
func (d *decoder) check(h ws.Header, head int, o *Options) error {
	state := ws.StateServerSide
	if d.op != 0 {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if ws.HeaderSize(h) != head {
		return fmt.Errorf("%w: the length %d is not in its shortest form", ErrProtocol, h.Length)
	}
	if h.OpCode.IsControl() {
		return nil
	}
	if h.Length > int64(o.FrameLimit) {
		return fmt.Errorf("%w: a frame of %d bytes, at most %d", ErrTooLarge, h.Length, o.FrameLimit)
	}
	if size := int64(len(d.message)) + h.Length; size > int64(o.MessageLimit) {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, size, o.MessageLimit)
	}
	return nil
}

// add takes a frame of data. A message that is one frame is not copied.
func (d *decoder) add(s *scratch, h ws.Header, payload []byte) (frame, error) {
	if d.op == 0 && h.Fin {
		if h.OpCode == ws.OpText && !utf8.Valid(payload) {
			return frame{}, fmt.Errorf("%w: a message of %d bytes", ErrText, len(payload))
		}
		return frame{h.OpCode, payload}, nil
	}
	if d.op == 0 {
		d.op = h.OpCode
		d.message, s.spare = s.spare, nil
	}
	d.message = append(d.message, payload...)
	if d.op == ws.OpText {
		n, ok := validPrefix(d.message[d.checked:])
		d.checked += n
		if !ok || h.Fin && d.checked < len(d.message) {
			return frame{}, fmt.Errorf("%w: at byte %d of a message", ErrText, d.checked)
		}
	}
	if !h.Fin {
		return frame{}, nil
	}
	f := frame{d.op, d.message}
	d.op, d.checked = 0, 0
	return f, nil
}

// done says that the message which next returned is not needed any more.
func (d *decoder) done(s *scratch) {
	if d.op == 0 && d.message != nil {
		if cap(d.message) <= keptScratch {
			s.spare = d.message[:0]
		}
		d.message = nil
	}
}

// validPrefix is how much of p is UTF-8 for sure, and whether the rest may still
// become it: that is the beginning of a character, of which more is to come.
func validPrefix(p []byte) (n int, ok bool) {
	n = len(p)
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if tail := p[len(p)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				n -= i
			}
			break
		}
	}
	if utf8.Valid(p[:n]) {
		return n, true
	}
	return 0, false
}

// parseClose reads the payload of a close frame.
func parseClose(p []byte) (*CloseError, error) {
	switch {
	case len(p) == 0:
		return &CloseError{Code: noCode}, nil
	case len(p) == 1:
		return nil, fmt.Errorf("%w: a close frame with half a code", ErrProtocol)
	}
	e := &CloseError{Code: int(binary.BigEndian.Uint16(p)), Reason: string(p[2:])}
	switch {
	case !sendable(e.Code):
		return nil, fmt.Errorf("%w: a close frame with code %d", ErrProtocol, e.Code)
	case !utf8.ValidString(e.Reason):
		return nil, fmt.Errorf("%w: the reason of a close frame", ErrText)
	}
	return e, nil
}
