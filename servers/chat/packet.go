//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import "sync"

// packet is an event on its way to many. It is encoded once for each Handler that has
// members among them, by the loop that comes first, and its bytes are shared.
type packet struct {
	event Event

	mu    sync.Mutex
	forms [][]byte // by the handlers' numbers; nil: not encoded yet
	once  bool     // forms are not kept
}

// retire has the packet keep no forms any more.
func (p *packet) retire() {
	p.mu.Lock()
	p.once, p.forms = true, nil
	p.mu.Unlock()
}

// nothing is the form of what a codec leaves out: unlike nil it is there.
var nothing = []byte{}

// encoded is a packet for members of one handler, that is encoded already.
func encoded(h *Handler, b []byte) *packet {
	p := &packet{forms: make([][]byte, h.number+1)}
	p.forms[h.number] = append([]byte{}, b...) // not nil, which is not encoded yet
	return p
}

// bytes are the packet as h's clients get it. They are not changed any more.
func (p *packet) bytes(h *Handler) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.once {
		return h.codec.Encode(nil, &p.event)
	}
	for len(p.forms) <= h.number {
		p.forms = append(p.forms, nil)
	}
	b := p.forms[h.number]
	if b == nil {
		if b = h.codec.Encode(nil, &p.event); b == nil {
			b = nothing
		}
		p.forms[h.number] = b
	}
	return b
}
