//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"time"

	"example.com/iomux/reactor"
	"example.com/iomux/servers/socketserver"
)

// The words of the tutorial's protocol.
const (
	commandExit    = "exit"
	commandStart   = "start"
	commandUnknown = "命令不存在" // there is no such command
)

// commandSession is a connection.
type commandSession struct {
	*commandServer
	request *socketserver.Request
	conn    net.Conn
	client  string // in the log
	log     *slog.Logger
	ahead   []byte // was received and not looked at
	left    bool   // the client has gone
}

// commandAnswer is what comes of a command.
type commandAnswer struct {
	status CommandStatus
	output []byte
	why    string // more than status says; "": nothing
}

// said is the answer in the log.
func (a commandAnswer) said() string {
	if a.why != "" {
		return a.status.String() + ": " + a.why
	}
	return a.status.String()
}

// Handle implements socketserver.Handler. What a client does, be it to go in the middle
// of something, is no error.
func (c *commandServer) Handle(r *socketserver.Request) error {
	s := &commandSession{commandServer: c, request: r, conn: r.Conn(), log: c.log, client: commandClient(r)}
	if c.token == nil && !s.here() {
		s.log.Warn("commands are not for other machines", "client", s.client)
		return nil
	}
	if c.token != nil && !s.admit() {
		return nil
	}
	for {
		c.say.line("开始收")
		text, err := s.command()
		if errors.Is(err, errCommandTooLong) {
			s.tooLong(text)
			return nil
		}
		if bytes.Contains(text, []byte(" HTTP/")) {
			s.log.Warn("a browser is no client", "client", s.client) // any page can have one send what it likes
			return nil
		}
		if err != nil || string(text) == commandExit || !s.exchange(string(text)) {
			return nil
		}
	}
}

// commandClient is the client as the log shows it. One of a Unix socket has no address.
func commandClient(r *socketserver.Request) string {
	if who, ok := r.Conn().(interface {
		Credentials() (reactor.Credentials, error)
	}); ok && r.ClientAddr().Network() != "tcp" {
		if cred, err := who.Credentials(); err == nil {
			return fmt.Sprintf("unix, process %d of user %d", cred.PID, cred.UID)
		}
		return "unix"
	}
	return r.ClientAddr().String()
}

// here reports whether a connection is by way of a Unix socket, or of this machine's
// loopback.
func (c *commandSession) here() bool {
	switch a := c.conn.LocalAddr().(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap().IsLoopback()
	}
	return false // it has ended
}

// commandOrigin is whom failures are counted for: an address, of IPv6 a network of 64 bits,
// which is what one customer has; the zero one for Unix sockets.
func commandOrigin(client net.Addr) netip.Prefix {
	a, ok := client.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := a.AddrPort().Addr().Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // bits are right
	return p
}

// exchange answers a command, and reports whether there may be another.
func (c *commandSession) exchange(text string) bool {
	began := time.Now()
	words, err := splitCommand(text)
	var a commandAnswer
	switch {
	case err != nil:
		a = commandAnswer{status: CommandRefused, why: err.Error()}
	case len(words) == 0:
		a.status = CommandNotFound
	default:
		f, builtIn := c.table[words[0]]
		program, allowed := c.programs[words[0]]
		switch {
		case builtIn:
			if output, ok := f(words[1:]); ok {
				a.output = []byte(output)
			} else {
				a = commandAnswer{status: CommandRefused, why: "it takes no such arguments"}
			}
		case !allowed:
			a.status = CommandNotFound
		case len(words)-1 > program.maxArgs:
			a = commandAnswer{status: CommandRefused, why: fmt.Sprintf("it takes at most %d arguments", program.maxArgs)}
		default:
			select {
			case c.held <- struct{}{}:
				defer func() { <-c.held }()
				a = c.perform(program, words[1:])
			default:
				a.status = CommandBusy
			}
		}
	}
	c.audit("command", text, a, time.Since(began))
	return a.status != commandGone && c.answer(text, a)
}

// answer sends an answer: framed, or the tutorial's way.
func (c *commandSession) answer(text string, a commandAnswer) bool {
	if c.framed {
		output := a.output
		if len(output) == 0 {
			switch a.status {
			case CommandNotFound:
				output = []byte(text + commandUnknown)
			case CommandRefused:
				output = []byte(a.why)
			}
		}
		head := appendCommandHead(nil, a.status, len(output))
		return c.send(head) && c.send(output)
	}
	if !c.send([]byte(strconv.Itoa(len(a.output)))) {
		return false
	}
	word, err := c.receive(commandMax+1, c.handshake)
	switch {
	case err != nil:
		return false
	case string(word) != commandStart:
		return true // the client does not want it
	case len(a.output) == 0:
		return c.send([]byte(text + commandUnknown))
	}
	return c.send(a.output)
}

// send sends all of p, in bounded time.
func (c *commandSession) send(p []byte) bool {
	if c.conn.SetWriteDeadline(time.Now().Add(commandDelivery)) != nil {
		return false
	}
	_, err := c.conn.Write(p)
	return err == nil
}

// command is the next command. With errCommandTooLong it is the beginning of one, and
// what follows cannot be told from it.
func (c *commandSession) command() ([]byte, error) {
	if c.framed {
		return c.frame(0)
	}
	text, err := c.receive(commandMax+1, 0)
	if len(text) > commandMax {
		return text, errCommandTooLong
	}
	return text, err
}

// tooLong answers a command that is too long. It is not executed, nor is any part of it.
func (c *commandSession) tooLong(text []byte) {
	a := commandAnswer{status: CommandRefused, why: errCommandTooLong.Error()}
	c.audit("command", string(text), a, 0)
	if c.framed {
		c.answer("", a)
	}
}

// receive is one read of at most size bytes, which may take as long as the server's
// IOTimeout says, or limit.
func (c *commandSession) receive(size int, limit time.Duration) ([]byte, error) {
	if n := min(len(c.ahead), size); n > 0 {
		p := c.ahead[:n:n]
		c.ahead = c.ahead[n:]
		return p, nil
	}
	if c.left {
		return nil, io.EOF
	}
	if limit == 0 {
		if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
			return nil, err
		}
		return c.request.Recv(size)
	}
	return c.receiveUntil(size, time.Now().Add(limit))
}

// receiveUntil is one read of the connection.
func (c *commandSession) receiveUntil(size int, end time.Time) ([]byte, error) {
	if err := c.conn.SetReadDeadline(end); err != nil {
		return nil, err
	}
	p := make([]byte, size)
	n, err := c.conn.Read(p)
	return p[:n], err
}

// frame is the payload of the next frame, which may begin as late as IOTimeout or limit
// say. It is good until the next one is asked for.
func (c *commandSession) frame(limit time.Duration) ([]byte, error) {
	var end time.Time // of the frame, once it has begun
	for {
		payload, rest, err := cutCommandFrame(c.ahead)
		if err == nil {
			c.ahead = rest
			return payload, nil
		}
		if !errors.Is(err, errCommandShort) {
			return c.ahead[:min(len(c.ahead), commandMax)], err
		}
		var p []byte
		switch {
		case c.left:
			return nil, io.EOF
		case len(c.ahead) > 0:
			if end.IsZero() {
				end = time.Now().Add(c.handshake)
			}
			p, err = c.receiveUntil(chunk, end)
		default:
			p, err = c.receive(chunk, limit)
		}
		if err != nil {
			return nil, err
		}
		c.ahead = append(c.ahead, p...)
	}
}
