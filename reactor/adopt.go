//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"os"
)

// Adopt begins to accept connections, for h, on listening sockets that were made
// elsewhere: by systemd, or by the process this one succeeds (see Listener.Files).
// All files are sockets of one address. It takes duplicates; the files stay the
// caller's. What ListenOptions says of sockets has been decided where they were
// made, and is ignored; a Unix socket's file is not removed at the end, for it was
// not made here. Errors: ErrClosed, ErrOption (h is nil, no files, sockets that do
// not listen, or of several addresses), errors.ErrUnsupported and the kernel's.
func (g *Group) Adopt(files []*os.File, h Handler, o ListenOptions) (*Listener, error) {
	fail := func(err error) (*Listener, error) { return nil, fmt.Errorf("reactor: adopt sockets: %w", err) }
	if h == nil {
		return fail(fmt.Errorf("%w: the handler is nil", ErrOption))
	}
	ln := &Listener{group: g, handler: h, options: o}
	if err := ln.options.withDefaults(&g.options); err != nil {
		return fail(err)
	}
	s, err := adoptSockets(files)
	if err != nil {
		return fail(err)
	}
	if s.address.packet() {
		s.close()
		return fail(fmt.Errorf("%w: they are for datagrams, which AdoptPacket takes", ErrOption))
	}
	if err := ln.options.checkTLS(s.address); err != nil {
		s.close()
		return fail(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		s.close()
		return fail(ErrClosed)
	}
	ln.sockets = s
	if err := ln.accept(); err != nil {
		return fail(err)
	}
	return ln, nil
}
