//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"example.com/iomux/reactor"
)

// ErrOption: an option has a value it cannot have.
var ErrOption = errors.New("chat: bad option")

// Server is a chat on the loops of a group. Its methods may be called from any goroutine.
type Server struct {
	options   atomic.Pointer[Options]
	addresses addresses
	keeper    *keeper // nil: nothing is kept
	halls     []*hall
	hallOf    map[*reactor.Loop]*hall // does not change
	home      *hall
	hub       *hub // home's loop alone touches it

	logins logins // as the hub

	mu       sync.Mutex
	handlers int
}

// New makes a chat on a group's loops. It needs nothing closed but the group, and where
// there is a Store, Close behind that. Errors: ErrOption, and the store's.
func New(g *reactor.Group, o Options) (*Server, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	s := &Server{hallOf: map[*reactor.Loop]*hall{}, logins: newLogins()}
	s.options.Store(&o)
	s.addresses.o, s.addresses.sites = &o, map[netip.Addr]*visitors{}
	for i, l := range g.Loops() {
		h := &hall{loop: l, number: i, rooms: map[*room][]*Member{}}
		s.halls = append(s.halls, h)
		s.hallOf[l] = h
	}
	s.home = s.halls[0]
	s.hub = newHub(&o, s)
	if o.Store != nil {
		list, err := o.Store.Bans()
		if err != nil {
			return nil, fmt.Errorf("chat: bans: %w", err)
		}
		s.hub.bans.fill(list)
		s.keeper = newKeeper(o.Store, o.Logger)
	}
	for _, h := range s.halls {
		if err := h.loop.Post(func() { s.sweep(h) }); err != nil {
			return nil, errors.Join(fmt.Errorf("chat: %w", err), s.Close())
		}
	}
	return s, nil
}

// sweepEvery is how often the server looks for what is over.
const sweepEvery = 10 * time.Second

// sweep looks for what is over in a hall, and at home in the hub, now and every now and
// then.
func (s *Server) sweep(h *hall) {
	o := s.options.Load()
	h.sweep(o)
	if h == s.home {
		s.atHome(h, func(hub *hub) { hub.sweep() })
		s.addresses.sweep(o.now())
	}
	h.loop.After(sweepEvery, func() { s.sweep(h) })
}

// Handler serves the chat to clients of a codec: it is for as many listeners as one
// likes, on the server's group.
func (s *Server) Handler(c Codec) *Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &Handler{server: s, codec: c, traits: c.Traits(), number: s.handlers}
	s.handlers++
	return h
}

// Announce tells everybody something, in the server's name.
func (s *Server) Announce(text string) error {
	err := s.home.loop.Post(func() {
		s.run(func(h *hub) { h.announce("", clean(text, h.o.MaxText)) })
	})
	if err != nil {
		return fmt.Errorf("chat: announce: %w", err)
	}
	return nil
}

// Configure has other options hold from now on. What members have already, their rates
// for one, stays; Store, Commands and Lobby stay too. Errors: ErrOption.
func (s *Server) Configure(o Options) error {
	if err := o.fill(); err != nil {
		return err
	}
	was := s.options.Load()
	o.Store, o.Commands, o.Lobby, o.Name = was.Store, was.Commands, was.Lobby, was.Name
	// On the home loop, so that the hub never has other options than the rest for long,
	// however many configure at a time.
	err := s.home.loop.Post(func() {
		s.options.Store(&o)
		s.addresses.configure(&o)
		s.run(func(h *hub) { h.configure(&o) })
	})
	if err != nil {
		return fmt.Errorf("chat: configure: %w", err)
	}
	return nil
}

// Close has the Store keep what it does not have yet. It is for after the group's
// Shutdown.
func (s *Server) Close() error {
	if s.keeper == nil {
		return nil
	}
	return s.keeper.close()
}

func (s *Server) log() *slog.Logger { return s.options.Load().Logger }

// atHome has f run with the hub, on the home loop: at once, where from is the home, else
// when that comes to it. A home that has ended has no members.
func (s *Server) atHome(from *hall, f func(h *hub)) {
	if from == s.home {
		s.run(f)
		return
	}
	_ = s.home.loop.Post(func() { s.run(f) })
}

// run has f run, and takes what comes of it to the halls.
func (s *Server) run(f func(h *hub)) {
	s.hub.now = s.options.Load().now()
	f(s.hub)
	for _, h := range s.halls {
		ops := h.pending
		if len(ops) == 0 {
			continue
		}
		if h == s.home {
			h.run(ops)
			clear(ops)
			h.pending = ops[:0]
			continue
		}
		h.pending = nil
		_ = h.loop.Post(func() { h.run(ops) })
	}
}

// What the hub has an effect on goes to the halls, behind each other.

func (s *Server) send(p *person, pk *packet) {
	m := p.member
	m.hall.pending = append(m.hall.pending, op{kind: opSend, member: m, packet: pk})
}

func (s *Server) cast(r *room, but *person, pk *packet) {
	var m *Member
	if but != nil {
		m = but.member
	}
	for i, n := range r.at {
		if n > 0 {
			h := s.halls[i]
			h.pending = append(h.pending, op{kind: opCast, room: r, member: m, packet: pk})
		}
	}
}

func (s *Server) enter(r *room, p *person) {
	if r.at == nil {
		r.at = make([]int, len(s.halls))
	}
	r.at[p.member.hall.number]++
	p.member.hall.pending = append(p.member.hall.pending, op{kind: opEnter, room: r, member: p.member})
}

func (s *Server) exit(r *room, p *person) {
	r.at[p.member.hall.number]--
	p.member.hall.pending = append(p.member.hall.pending, op{kind: opExit, room: r, member: p.member})
}

func (s *Server) end(p *person, _ string) {
	p.member.hall.pending = append(p.member.hall.pending, op{kind: opEnd, member: p.member})
}

func (s *Server) load(fold string, limit int) (StoredRoom, bool, error) {
	if s.keeper == nil {
		return StoredRoom{}, false, nil
	}
	return s.keeper.load(fold, limit)
}

func (s *Server) kept(fold string) bool { return s.keeper == nil || s.keeper.kept(fold) }

func (s *Server) keep(fold string, r StoredRoom) {
	if s.keeper != nil {
		s.keeper.keep(fold, r)
	}
}

func (s *Server) keepBans(list []Ban) {
	if s.keeper != nil {
		s.keeper.keepBans(list)
	}
}

func (s *Server) note(what string, args ...any) { s.log().Info("chat: "+what, args...) }
