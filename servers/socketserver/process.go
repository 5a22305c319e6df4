//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"errors"
	"io"
	"net"
	"slices"

	"golang.org/x/sys/unix"

	"example.com/iomux/reactor"
)

// streams is what serves connections in the reactor.
func (s *Server) streams() reactor.Handler {
	switch {
	case s.options.Mode == Threading:
		return reactor.Threaded(s.serveThread)
	case s.options.OnInput:
		return reactor.BlockingOnInput(s.serveStream)
	}
	return reactor.Blocking(s.serveStream)
}

// serveStream is the coroutine of a connection.
func (s *Server) serveStream(c *reactor.Stream) error {
	r := s.begin(c.RemoteAddr())
	r.conn, r.waiter = c, c
	if s.options.Mode == Forking {
		f := &forkConn{server: s, stream: c}
		r.conn, r.waiter = f, f
	}
	s.serve(r)
	return io.EOF // the connection ends
}

// begin makes a request, which from now on counts as running.
func (s *Server) begin(client net.Addr) *Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	return s.request(client)
}

// request makes one that is counted already; mu is held.
func (s *Server) request(client net.Addr) *Request {
	s.number++
	r := &Request{server: s, client: client, number: s.number + 1}
	if one := s.single; one != nil && one.took > 0 && !one.begun {
		one.begun = true
		r.single = one
	}
	return r
}

// serve calls the hooks about a request in their order.
func (s *Server) serve(r *Request) {
	var abort error
	defer func() { // also after a runtime.Goexit
		if r.handed {
			return
		}
		if !r.done {
			s.shutdownRequest(r)
		}
		s.finished(r, abort)
	}()
	h := s.options.Hooks
	if err := guard(func() error { return h.GetRequest(r) }); err != nil {
		s.options.Logger.Debug("a request was not taken", "client", r.name(), "err", err)
		r.close()
		return
	}
	verified := false
	err := guard(func() error { verified = h.VerifyRequest(r); return nil })
	if err == nil && verified {
		if s.options.Mode == Threading && r.conn != nil {
			s.started(r)
		}
		err = guard(func() error { return h.ProcessRequest(r) })
	}
	switch {
	case isAbort(err):
		if s.options.Mode == Sync {
			abort = errors.Unwrap(unwrapAbort(err))
		}
	case err != nil:
		s.handleError(r, err)
	}
}

// unwrapAbort is the error of Abort in err.
func unwrapAbort(err error) error {
	var a aborted
	errors.As(err, &a)
	return a
}

// handleError calls the hook. What goes wrong there ends nothing but that.
func (s *Server) handleError(r *Request, err error) {
	if failed := guard(func() error { s.options.Hooks.HandleError(r, err); return nil }); failed != nil {
		s.options.Logger.Error("HandleError failed", "client", r.name(), "err", failed, "of", err)
	}
}

// shutdownRequest calls the hook, and makes sure that the connection is closed.
func (s *Server) shutdownRequest(r *Request) {
	if failed := guard(func() error { s.options.Hooks.ShutdownRequest(r); return nil }); failed != nil {
		s.options.Logger.Error("ShutdownRequest failed", "client", r.name(), "err", failed)
	}
	if !r.done {
		r.close()
	}
}

// finish is the default of FinishRequest.
func (s *Server) finish(r *Request) (err error) {
	h := s.handler
	if each, ok := h.(Each); ok {
		h = each()
	}
	if setup, ok := h.(Setuper); ok {
		if err := setup.Setup(r); err != nil {
			return err
		}
	}
	defer func() { // also when Handle panics
		finished := guard(func() error {
			var err error
			if finish, ok := h.(Finisher); ok {
				err = guard(func() error { return finish.Finish(r) })
			}
			return errors.Join(err, r.finishWriter())
		})
		err = errors.Join(err, finished)
	}()
	return guard(func() error { return h.Handle(r) })
}

// started takes in that a request runs on its own.
func (s *Server) started(r *Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.single.end(nil)
}

// finished takes in that a request is over.
func (s *Server) finished(r *Request, abort error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests--
	if abort != nil {
		s.stop(abort)
	}
	r.single.end(abort)
	s.fewer()
	select {
	case s.actions <- struct{}{}:
	default: // ServiceActions is to be called already
	}
}

// fewer does what has waited for there to be less requests; mu is held.
func (s *Server) fewer() {
	if s.requests == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
	s.resume()
}

// datagrams serves datagrams in the reactor.
type datagrams struct{ *Server }

// Packet implements reactor.PacketHandler.
func (s datagrams) Packet(c *reactor.PacketConn, p []byte, from reactor.Peer) {
	var client net.Addr
	switch {
	case from.Addr.IsValid():
		client = net.UDPAddrFromAddrPort(from.Addr)
	case from.Name != "":
		client = &net.UnixAddr{Name: from.Name, Net: "unixgram"}
	}
	r := s.begin(client)
	r.packet = slices.Clone(p[:min(len(p), s.options.MaxPacketSize)])
	r.rest, r.truncated = r.packet, len(p) > len(r.packet)
	r.socket, r.peer = c, from
	c.Go(func(co *reactor.Coroutine) {
		r.waiter = co
		s.serve(r)
	})
}

// PacketError implements reactor.PacketErrors.
func (s datagrams) PacketError(c *reactor.PacketConn, err error) {
	s.options.Logger.Warn("a datagram went wrong", "listener", c.LocalAddr(), "err", err)
}

// maxUDP is the longest datagram that UDP over IPv4 carries.
const maxUDP = 65507

// answer sends p to who sent the datagram.
func (r *Request) answer(p []byte) error {
	if r.send != nil {
		return r.send(p)
	}
	if r.peer.Addr.IsValid() && len(p) > maxUDP {
		return &net.OpError{Op: "write", Net: "udp", Addr: r.client, Err: unix.EMSGSIZE}
	}
	if r.waiter != nil { // on the socket's loop
		return r.socket.WriteTo(p, r.peer)
	}
	sent := make(chan error, 1)
	if err := r.socket.Post(func() { sent <- r.socket.WriteTo(p, r.peer) }); err != nil {
		return err
	}
	return <-sent
}

// collect calls the hook for children, where there may be some.
func (s *Server) collect() {
	if s.options.Mode == Forking {
		s.options.Hooks.CollectChildren(s)
	}
}
