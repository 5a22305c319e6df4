//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"net/netip"

	"example.com/iomux/reactor"
)

// Handler serves the chat to the clients of one codec. It is a reactor.Handler, for
// streams of bytes; for anything else there is Enter.
type Handler struct {
	server *Server
	codec  Codec
	traits Traits
	number int
}

// Enter takes a connection into the chat, on its loop: what it sends goes to the
// Member's Input, and when it has ended its Closed is called. addr is whom limits count
// it for; the zero Addr is nobody.
func (h *Handler) Enter(t Transport, addr netip.Addr) *Member {
	s := h.server
	o := s.options.Load()
	m := &Member{handler: h, conn: t, hall: s.hallOf[t.Loop()], heard: o.now(), unheard: h.traits.Foreign}
	m.commands = newBucket(o.Rate, o.Burst, m.heard)
	m.hall.add(m)
	if !exempt(o.Proxies, addr) {
		m.admit(addr)
	}
	return m
}

// Opened implements reactor.Handler.
func (h *Handler) Opened(c *reactor.Conn) { c.SetContext(h.Enter(c, address(c.RemoteAddr()))) }

// Data implements reactor.Handler.
func (h *Handler) Data(c *reactor.Conn, p []byte) (used int) {
	return c.Context().(*Member).Input(p)
}

// HalfClosed implements reactor.HalfCloser.
func (h *Handler) HalfClosed(c *reactor.Conn) { c.Context().(*Member).HalfClosed() }

// Closed implements reactor.Handler.
func (h *Handler) Closed(c *reactor.Conn, err error) { c.Context().(*Member).Closed(err) }
