//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	encoding "encoding/binary"
	"errors"
	"fmt"
)

// The framed protocol: a command is its length, 4 bytes of which the highest is first,
// and its text; an answer is a length, and so many bytes, of which the first is a
// CommandStatus and the others are the output.

// CommandStatus is what has become of a command.
type CommandStatus byte

// What can become of a command. Clients of the tutorial's protocol are not told: for them
// a command without output does not exist.
const (
	CommandOK       CommandStatus = 0 // it has done what it does
	CommandNotFound CommandStatus = 1 // there is no such command
	CommandRefused  CommandStatus = 2 // it is no command, or has arguments that are not taken; the output says why
	CommandFailed   CommandStatus = 3 // the program has failed
	CommandLate     CommandStatus = 4 // its time was over, and it was killed; the output is what there was
	CommandCut      CommandStatus = 5 // it has written too much, and was killed; the output is the beginning
	CommandBusy     CommandStatus = 6 // too many commands run already
	CommandDenied   CommandStatus = 7 // the token is wrong

	commandGone CommandStatus = 255 // the client has gone, and was not answered
)

// String is the status in messages.
func (s CommandStatus) String() string {
	switch s {
	case CommandOK:
		return "ok"
	case CommandNotFound:
		return "not found"
	case CommandRefused:
		return "refused"
	case CommandFailed:
		return "failed"
	case CommandLate:
		return "time limit"
	case CommandCut:
		return "output limit"
	case CommandBusy:
		return "busy"
	case CommandDenied:
		return "denied"
	case commandGone:
		return "client gone"
	}
	return fmt.Sprintf("status %d", byte(s))
}

var (
	errCommandTooLong = errors.New("it is too long")
	errCommandShort   = errors.New("it is not all there")
)

const frameHead = 4

// cutCommandFrame takes the first frame off p. Both results are parts of p. Errors:
// errCommandShort, errCommandTooLong.
func cutCommandFrame(p []byte) (payload, rest []byte, err error) {
	if len(p) < frameHead {
		return nil, p, errCommandShort
	}
	size := encoding.BigEndian.Uint32(p)
	if size > commandMax {
		return nil, p, errCommandTooLong
	}
	p = p[frameHead:]
	if uint32(len(p)) < size {
		return nil, nil, errCommandShort
	}
	return p[:size:size], p[size:], nil
}

// appendCommandHead appends what stands before so many bytes of output.
func appendCommandHead(p []byte, s CommandStatus, output int) []byte {
	p = encoding.BigEndian.AppendUint32(p, uint32(1+output))
	return append(p, byte(s))
}
