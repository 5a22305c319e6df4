//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"example.com/iomux/reactor"
)

// Transport is how a member is reached. A *reactor.Conn is one.
type Transport interface {
	// Write sends p, or keeps a copy, as reactor.Conn's does. p is what the codec has
	// encoded, and shared by many: it must not be changed.
	Write(p []byte) (int, error)
	// Close ends the connection behind what was written. Member.Closed is called later.
	Close()
	// PauseReading has Member.Input not be called until ResumeReading, soon after which
	// it is called with what was left unused, if anything was.
	PauseReading()
	ResumeReading()
	RemoteAddr() net.Addr
	Loop() *reactor.Loop
}

// Member is a connection in the chat. Its methods are for the connection's loop.
type Member struct {
	handler *Handler
	hall    *hall
	conn    Transport
	person  *person // the hub's; here it is only passed on
	addr    netip.Addr
	from    *visitors // nil: its address does not count
	places  []place
	index   int // in hall.members

	state    memberState
	gone     bool // the connection has ended
	flying   int  // commands on their way to the home loop, or back
	ended    bool // the client has sent all
	full     bool // it is not read because too many are
	late     bool // it is not read because it has given too many for now
	commands bucket
	since    time.Time // since when it has been giving too many; zero: it has not
	heard    time.Time // when it last sent something
	warned   bool      // that it will be closed if it stays silent
	hush     *reactor.Timer
}

type memberState uint8

const (
	proxied memberState = iota // a PROXY header has to come first
	fresh                      // it has sent nothing, and the hub does not know it
	met
	leaving // it is to be read no more
)

// flyingLimit is how many commands of one member may be on their way before it is not
// read any more. What is posted to a loop waits without a bound, so there has to be one
// here; with rates it is hardly reached.
const flyingLimit = 256

// write sends bytes that nobody changes.
func (m *Member) write(b []byte) {
	if len(b) > 0 && !m.gone {
		_, _ = m.conn.Write(b) // one that fails closes the connection, and Closed is called
	}
}

// end closes the connection behind what it was sent.
func (m *Member) end() {
	m.state = leaving
	if !m.gone {
		m.conn.Close()
	}
}

// admit takes the member in, if there may be one more from its address.
func (m *Member) admit(a netip.Addr) {
	s := m.handler.server
	o := s.options.Load()
	from, refused := s.addresses.enter(a, o.now())
	if refused != "" {
		m.fail(CodeLimit, refused)
		return
	}
	m.addr, m.from, m.state = a, from, fresh
	switch t := m.handler.traits; {
	case t.Hello: // it speaks first
	case t.Foreign:
		m.hush = m.hall.loop.After(o.hush, m.greet)
	default:
		m.greet()
	}
}

// greet has the hub know the member, and greet it unless it is to say hello.
func (m *Member) greet() {
	if m.state != fresh || m.gone {
		return
	}
	m.state = met
	p := &person{member: m, addr: m.addr, echo: m.handler.traits.Echo}
	m.person = p
	hello := m.handler.traits.Hello
	m.handler.server.atHome(m.hall, func(h *hub) {
		if h.enter(p); !hello && !p.gone {
			h.greet(p, nil)
		}
	})
}

// Input takes what the client has sent, and returns how much of it was used: the rest is
// to be brought again, with more behind it.
func (m *Member) Input(p []byte) (used int) {
	ends := m.ended
	o := m.handler.server.options.Load()
	now := o.now()
	m.heard, m.warned = now, false
	if m.state == proxied {
		if used = m.proxy(p); m.state == proxied {
			return used
		}
	}
	if m.state == fresh && used < len(p) {
		if m.handler.traits.Foreign {
			r, unsure := refuse(p[used:])
			if r != nil {
				m.refuse(r)
			} else if unsure && !ends {
				return used
			}
		}
		m.greet()
	}
	var batch []Command
	for used < len(p) && m.state == met && !m.full && !m.late {
		c, n, err := m.handler.codec.Decode(p[used:], ends)
		if err != nil {
			m.send(batch)
			m.refuse(err)
			return len(p)
		}
		if n == 0 {
			break
		}
		used += n
		if c.Name != "" {
			batch = append(batch, c)
		}
		m.charge(o, now, m.flying+len(batch))
	}
	if ends && (m.state == fresh || m.state == met && !m.full && !m.late) {
		// One that is late ends when what it had left was done.
		batch = append(batch, Command{Name: "quit"})
		m.greet()
		m.send(batch)
		m.state = leaving
	} else {
		m.send(batch)
	}
	if m.state == leaving {
		return len(p)
	}
	return used
}

// charge takes a message off what the member and its address may send, and has it wait
// where that is too many.
func (m *Member) charge(o *Options, now time.Time, flying int) {
	if m.commands.rate > 0 && m.commands.fill(now) {
		m.since = time.Time{}
	}
	wait := max(m.commands.take(now), m.from.take(now))
	switch {
	case wait > 0 && m.since.IsZero():
		m.since = now
	case wait > 0 && o.Patience >= 0 && now.Sub(m.since) >= o.Patience:
		m.leave("it said too much too fast")
		m.fail(CodeLimit, "you have said too much too fast for too long")
		return
	}
	if wait > 0 {
		m.late = true
		m.hall.loop.After(wait, func() {
			m.late = false
			m.read()
		})
	}
	m.full = flying >= flyingLimit
	if m.late || m.full {
		m.conn.PauseReading()
	}
}

// read goes on reading, if nothing is against it.
func (m *Member) read() {
	if !m.late && !m.full && !m.gone && m.state != leaving {
		m.conn.ResumeReading()
		if m.ended {
			m.close()
		}
	}
}

// HalfClosed takes in that the client will send no more: what it has sent is done, also
// the last message that has no end, and then it leaves.
func (m *Member) HalfClosed() {
	m.ended = true
	m.conn.PauseReading() // so that Resume has Input get what it had left
	m.read()
}

// close does that, behind what Input is still to be brought.
func (m *Member) close() { _ = m.hall.loop.Post(func() { m.Input(nil) }) }

// send takes commands to the hub.
func (m *Member) send(batch []Command) {
	if len(batch) == 0 {
		return
	}
	s, p := m.handler.server, m.person
	m.flying += len(batch)
	s.atHome(m.hall, func(h *hub) {
		for i := range batch {
			h.do(p, &batch[i])
		}
		m.hall.pending = append(m.hall.pending, op{kind: opDone, member: m, done: len(batch)})
	})
}

// landed takes in that the hub has done n commands.
func (m *Member) landed(n int) {
	m.flying -= n
	if m.full && m.flying < flyingLimit/2 {
		m.full = false
		m.read()
	}
}

// fail says why the connection ends, and ends it.
func (m *Member) fail(code, text string) {
	e := Event{Kind: Failed, Time: m.handler.server.options.Load().now(), Code: code, Text: text}
	m.write(m.handler.codec.Encode(nil, &e))
	m.handler.server.log().Info("chat: a connection is ended", "addr", m.conn.RemoteAddr(), "why", text)
	m.end()
}

// refuse ends the connection of a client that cannot be served.
func (m *Member) refuse(err error) {
	var r *Refusal
	if errors.As(err, &r) {
		m.write(r.Reply)
	}
	m.handler.server.log().Info("chat: a client is refused", "addr", m.conn.RemoteAddr(), "why", err)
	m.leave("it sent what nobody understands")
	m.end()
}

// leave has the hub forget the member.
func (m *Member) leave(why string) {
	if p := m.person; p != nil {
		m.handler.server.atHome(m.hall, func(h *hub) { h.leave(p, why) })
	}
}

// Closed takes in that the connection has ended, and why, as reactor.Handler is told.
func (m *Member) Closed(err error) {
	m.hall.forget(m)
	if m.hush != nil {
		m.hush.Stop()
	}
	m.from.exit()
	switch {
	case err == nil || errors.Is(err, io.EOF):
		m.leave("")
	case errors.Is(err, reactor.ErrWriteLimit):
		m.handler.server.log().Info("chat: a member is dropped", "addr", m.conn.RemoteAddr(), "why", err)
		m.leave("it reads too slowly")
	case errors.Is(err, reactor.ErrTimeout):
		m.leave("timed out")
	default:
		m.leave("the connection broke")
	}
}

// look closes the member if it has been silent for too long, and warns it before. It is
// called every now and then.
func (m *Member) look(o *Options, now time.Time) {
	if m.handler.traits.Alive || o.IdleTimeout < 0 || m.state == leaving {
		return
	}
	switch silent := now.Sub(m.heard); {
	case silent >= o.IdleTimeout:
		m.leave("it was silent for too long")
		m.fail(CodeLimit, "you were silent for too long")
	case silent >= o.IdleTimeout-idleWarning && !m.warned && m.state == met:
		m.warned = true
		m.write(m.handler.codec.Encode(nil, &Event{Kind: Notice, Time: now, Text: "you have been silent for long: send a line, or this connection ends soon"}))
	}
}

// idleWarning is how long before its end a silent client is told.
const idleWarning = time.Minute

// address is the one that limits are counted by; invalid, as of Unix sockets: none.
func address(a net.Addr) netip.Addr {
	if a, ok := a.(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}
