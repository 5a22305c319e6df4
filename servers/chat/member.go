//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
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
	unheard  bool        // it has said nothing yet, and may be a client of another protocol
	gone     bool        // the connection has ended
	away     atomic.Bool // the same, for other goroutines
	flying   int         // commands on their way to the home loop, or back
	ended    bool        // the client has sent all
	full     bool        // it is not read because too many are
	late     bool        // it is not read because it has given too many for now
	commands bucket
	since    time.Time // since when it has been giving too many; zero: it has not
	waits    time.Time // until when it had to wait last
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

// batchLimit is how many commands are sent to the home loop together.
const batchLimit = 64

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
		m.fail(CodeLimit, refused, "")
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
			if ends { // as a proxy does that looks whether the server is there
				m.end()
			}
			return used
		}
	}
	if m.unheard && used < len(p) && (m.state == fresh || m.state == met) {
		// Also of one that has been greeted: a browser may have connected long before it
		// sends a request.
		r, unsure := refuse(p[used:])
		switch {
		case r != nil:
			m.refuse(r)
			return len(p)
		case unsure && !ends:
			return used
		}
		m.unheard = len(bytes.Trim(p[used:], "\r\n")) == 0
	}
	if m.state == fresh && used < len(p) {
		m.greet()
	}
	if len(p) == 0 && !ends && m.state == met {
		m.charge(o, now) // an empty message costs as much as one
	}
	for used < len(p) && m.state == met && !m.full && !m.late {
		var batch []Command
		tooMuch := false
		for used < len(p) && len(batch) < batchLimit && !m.late && !tooMuch {
			c, n, err := m.handler.codec.Decode(p[used:], ends)
			if err != nil {
				m.send(batch)
				m.refuse(err)
				return len(p)
			}
			if n == 0 && !ends {
				m.send(batch)
				return used
			}
			if used += n; n == 0 {
				used = len(p) // nobody will ever understand it
			}
			if c.Name != "" {
				batch = append(batch, c)
			}
			tooMuch = m.charge(o, now)
		}
		m.send(batch)
		if tooMuch {
			m.fail(CodeLimit, "you have said too much too fast for too long", "it said too much too fast")
			return len(p)
		}
		if m.flying >= flyingLimit { // not before they are sent: those at home have landed by now
			m.full = true
			m.conn.PauseReading()
		}
	}
	switch {
	case !ends:
	case m.state == fresh: // it has come and gone without a word, as who looks for open ports
		m.end()
	case m.state == met && !m.full && !m.late:
		// One that has to wait ends when what it had left was done.
		m.state = leaving
		p := m.person
		m.handler.server.atHome(m.hall, func(h *hub) { h.drop(p, "") })
	}
	if m.state == leaving {
		return len(p)
	}
	return used
}

// charge takes a message off what the member and its address may send, and has it wait
// where that is too many. It reports whether it has been too many for too long.
func (m *Member) charge(o *Options, now time.Time) (tooMuch bool) {
	wait := max(m.commands.take(now), m.from.take(now))
	if wait == 0 {
		return false
	}
	if m.since.IsZero() || now.Sub(m.waits) >= restTime {
		m.since = now
	}
	m.waits = now.Add(wait)
	if o.Patience >= 0 && now.Sub(m.since) >= o.Patience {
		return true
	}
	m.late = true
	m.conn.PauseReading()
	m.hall.loop.After(wait, func() {
		m.late = false
		m.read()
	})
	return false
}

// restTime is how long somebody must not have been kept waiting to be taken for patient
// again.
const restTime = time.Second

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
		// Also if a command of the user's own panics.
		defer func() {
			m.hall.pending = append(m.hall.pending, op{kind: opDone, member: m, done: len(batch)})
		}()
		for i := range batch {
			h.do(p, &batch[i])
		}
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
func (m *Member) fail(code, text, told string) {
	e := Event{Kind: Failed, Time: m.handler.server.options.Load().now(), Code: code, Text: text}
	m.cut(m.handler.codec.Encode(nil, &e), errors.New(text), told)
}

// refuse ends the connection of a client that sends what cannot be understood.
func (m *Member) refuse(err error) {
	var r *Refusal
	if !errors.As(err, &r) {
		r = &Refusal{}
	}
	m.cut(r.Reply, err, "it sent what nobody understands")
}

// cut ends the connection with a last word: behind the answers to what it sent before,
// which are on their way from the home loop. The others are told why.
func (m *Member) cut(last []byte, why error, told string) {
	s := m.handler.server
	s.log().Debug("chat: a connection is ended", "addr", m.conn.RemoteAddr(), "why", why)
	m.state = leaving
	p := m.person
	if p == nil {
		m.write(last)
		m.end()
		return
	}
	s.atHome(m.hall, func(h *hub) {
		h.leave(p, told)
		m.hall.pending = append(m.hall.pending, op{kind: opSend, member: m, packet: encoded(m.handler, last)}, op{kind: opEnd, member: m})
	})
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
	silent := now.Sub(m.heard)
	if silent >= helloTime && (m.state == proxied || m.state == fresh && m.handler.traits.Hello) {
		m.end()
		return
	}
	if m.handler.traits.Alive || o.IdleTimeout < 0 || m.state == leaving {
		return
	}
	switch {
	case silent >= o.IdleTimeout:
		m.fail(CodeLimit, "you were silent for too long", "it was silent for too long")
	case silent >= o.IdleTimeout-idleWarning && !m.warned && m.state == met:
		m.warned = true
		m.write(m.handler.codec.Encode(nil, &Event{Kind: Notice, Time: now, Text: "you have been silent for long: send a line, or this connection ends soon"}))
	}
}

// helloTime is how long a client that has to speak first may take.
const helloTime = 30 * time.Second

// idleWarning is how long before its end a silent client is told.
const idleWarning = time.Minute

// address is the one that limits are counted by; invalid, as of Unix sockets: none.
func address(a net.Addr) netip.Addr {
	if a, ok := a.(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}
