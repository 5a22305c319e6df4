//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	encoding "encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"example.com/iomux/reactor"
)

// CommandClient is a client of the server "command", for one goroutine. How long it
// waits is for the deadlines of its connection to say.
type CommandClient struct {
	conn   net.Conn
	framed bool
}

// ErrCommandAnswer: what the server has sent is no answer.
var ErrCommandAnswer = errors.New("that is no answer")

// maxCommandOutput is the largest output that a client takes, and that a server may be
// told to allow.
const maxCommandOutput = 1 << 30

// NewCommandClient makes a client of a connection: for a server with the flag v2 if
// framed is true, else for the tutorial's protocol.
func NewCommandClient(conn net.Conn, framed bool) *CommandClient {
	return &CommandClient{conn: conn, framed: framed}
}

// Token begins with a token. CommandDenied: it is the wrong one, and another may be
// tried, twice. Errors: the connection's, io.EOF when there were too many;
// ErrCommandAnswer.
func (c *CommandClient) Token(token string) (CommandStatus, error) {
	if c.framed {
		_, status, err := c.Run(token)
		return status, err
	}
	if _, err := io.WriteString(c.conn, token); err != nil {
		return 0, err
	}
	answer := make([]byte, len(tokenRight))
	if _, err := io.ReadFull(c.conn, answer); err != nil {
		return 0, err
	}
	switch string(answer) {
	case tokenRight:
		return CommandOK, nil
	case tokenWrong:
		return CommandDenied, nil
	}
	return 0, fmt.Errorf("classic: token: %w: %q", ErrCommandAnswer, answer)
}

// Run has a command run and returns its output. The tutorial's protocol does not tell
// more about it than whether there is any: its status is CommandOK or CommandNotFound.
// After an error the connection is of no more use. Errors: reactor.ErrOption, the
// command is empty, longer than 1024 bytes, or exit, which is to close the connection;
// ErrCommandAnswer; the connection's.
func (c *CommandClient) Run(command string) (output []byte, status CommandStatus, err error) {
	if command == "" || len(command) > commandMax || command == commandExit {
		return nil, 0, fmt.Errorf("classic: %w: command of %d bytes, want 1 to %d, and not %s", reactor.ErrOption, len(command), commandMax, commandExit)
	}
	if c.framed {
		return c.runFramed(command)
	}
	if _, err := io.WriteString(c.conn, command); err != nil {
		return nil, 0, err
	}
	// Nothing ends the length but that the server waits now.
	length := make([]byte, chunk)
	n, err := c.conn.Read(length)
	if err != nil {
		return nil, 0, err
	}
	size, err := strconv.ParseUint(string(length[:n]), 10, 32)
	if err != nil || size > maxCommandOutput {
		return nil, 0, fmt.Errorf("classic: run: %w: length %q", ErrCommandAnswer, length[:n])
	}
	if _, err := io.WriteString(c.conn, commandStart); err != nil {
		return nil, 0, err
	}
	if size == 0 { // and yet there is an answer, of a length that is known
		answer := make([]byte, len(command)+len(commandUnknown))
		if _, err := io.ReadFull(c.conn, answer); err != nil {
			return nil, 0, err
		}
		if string(answer) != command+commandUnknown {
			return nil, 0, fmt.Errorf("classic: run: %w: %q", ErrCommandAnswer, answer)
		}
		return answer, CommandNotFound, nil
	}
	output = make([]byte, size)
	if _, err := io.ReadFull(c.conn, output); err != nil {
		return nil, 0, err
	}
	return output, CommandOK, nil
}

func (c *CommandClient) runFramed(command string) (output []byte, status CommandStatus, err error) {
	frame := encoding.BigEndian.AppendUint32(nil, uint32(len(command)))
	if _, err := c.conn.Write(append(frame, command...)); err != nil {
		return nil, 0, err
	}
	head := make([]byte, frameHead+1)
	if _, err := io.ReadFull(c.conn, head); err != nil {
		return nil, 0, err
	}
	size := encoding.BigEndian.Uint32(head)
	if size == 0 || size > 1+maxCommandOutput {
		return nil, 0, fmt.Errorf("classic: run: %w: a frame of %d bytes", ErrCommandAnswer, size)
	}
	output = make([]byte, size-1)
	if _, err := io.ReadFull(c.conn, output); err != nil {
		return nil, 0, err
	}
	return output, CommandStatus(head[frameHead]), nil
}
