//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"

	"example.com/iomux/reactor"
)

// chat is a room: what one says, everybody hears. Its original has a thread for each
// member and a lock around the list of them, which one slow member holds for all; here
// the members belong to the loops, and nobody waits for anybody.
var chat = Entry{
	Name:   "chat",
	About:  "what one client says, all of them get",
	Listen: []string{"tcp://127.0.0.1:8000"},
	Kinds:  []string{"tcp", "unix"},
	setup: func(flags *flag.FlagSet) func(Options) (*Server, error) {
		compat := flags.Bool("compat", false, "pass on what each read brings, stripped, as in the tutorial, instead of lines")
		noSelf := flags.Bool("no-self", false, "do not send to who has said it")
		return func(o Options) (*Server, error) {
			return onLoops(o, func(_ *Server, g *reactor.Group) handlers {
				c := &chatting{room: newRoom(g.Loops(), *noSelf), say: o.say, log: o.Reactor.Logger}
				if *compat {
					return handlers{conns: chunks{c}}
				}
				return handlers{conns: lines{c}}
			})
		}
	},
}

const (
	// saidLimit is the longest line in the chat: a screenful.
	saidLimit = 4 << 10
	// space is what counts as such for bytes in Python: unicode's does not.
	space = " \t\n\v\f\r"
)

// chatting is what both ways of cutting messages have in common.
type chatting struct {
	room *room
	say  *transcript
	log  *slog.Logger
}

// Opened implements reactor.Handler.
func (t *chatting) Opened(c *reactor.Conn) { c.SetContext(t.room.enter(c)) }

// Closed implements reactor.Handler.
func (t *chatting) Closed(c *reactor.Conn, err error) {
	t.room.exit(c.Context().(*member))
	if errors.Is(err, reactor.ErrWriteLimit) || errors.Is(err, reactor.ErrTimeout) {
		t.log.Info("a member of the chat is dropped", "member", c.RemoteAddr(), "err", err)
	}
}

// message is what a member says: it is added to out, with end behind it.
func (t *chatting) message(m *member, p []byte, end string, out []byte) []byte {
	if t.say != nil {
		t.say.line("%s: %s", speaker(m.conn), plain(p))
	}
	return append(append(out, p...), end...)
}

// speaker is how the transcript names a member.
func speaker(c *reactor.Conn) string {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return fmt.Sprintf("%v-%d", a.IP, a.Port)
	}
	return "unix"
}

// lines has each line be a message. White space around it, and empty ones, are left
// out.
type lines struct{ *chatting }

// Data implements reactor.Handler.
func (t lines) Data(c *reactor.Conn, p []byte) int {
	m := c.Context().(*member)
	var out []byte
	for rest := p; len(rest) > 0 && !m.leaving; {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		rest = after
		if len(m.begun)+len(line) > saidLimit {
			t.log.Info("a member of the chat is dropped", "member", c.RemoteAddr(), "err", "its line is too long", "limit", saidLimit)
			m.leaving = true
			break
		}
		m.begun = append(m.begun, line...)
		if whole {
			out = t.line(m, out)
		}
	}
	t.room.say(m, out)
	return len(p)
}

// line is called at the end of one.
func (t lines) line(m *member, out []byte) []byte {
	line := bytes.Trim(m.begun, space)
	m.begun = nil // an idle member holds no buffer
	switch string(line) {
	case "":
		return out
	case quitWord:
		m.leaving = true
		return out
	}
	return t.message(m, line, "\n", out)
}

// HalfClosed implements reactor.HalfCloser. The last line needs no end.
func (t lines) HalfClosed(c *reactor.Conn) {
	m := c.Context().(*member)
	var out []byte
	if !m.leaving {
		out = t.line(m, nil)
	}
	m.leaving = true
	t.room.say(m, out)
}

// chunks has what each read brings be a message, without the white space around it. If
// there is nothing else, that is a goodbye.
type chunks struct{ *chatting }

// Data implements reactor.Handler.
func (t chunks) Data(c *reactor.Conn, p []byte) int {
	m := c.Context().(*member)
	var out []byte
	for rest := p; len(rest) > 0 && !m.leaving; {
		piece := rest[:min(chunk, len(rest))]
		rest = rest[len(piece):]
		switch said := bytes.Trim(piece, space); string(said) {
		case "", quitWord:
			m.leaving = true
		default:
			out = t.message(m, said, "", out)
		}
	}
	t.room.say(m, out)
	return len(p)
}

// HalfClosed implements reactor.HalfCloser.
func (t chunks) HalfClosed(c *reactor.Conn) {
	m := c.Context().(*member)
	m.leaving = true
	t.room.say(m, nil)
}
