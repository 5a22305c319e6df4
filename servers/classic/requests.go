//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"example.com/iomux/reactor"
	"example.com/iomux/servers/socketserver"
)

// onRequests runs a server of requests: one of package socketserver for each URL.
func onRequests(o Options, h socketserver.Handler) (*Server, error) {
	return withHooks(o, h, hooks{limits: o.limits})
}

// withHooks is onRequests with other hooks.
func withHooks(o Options, h socketserver.Handler, own socketserver.Hooks) (*Server, error) {
	if o.child != nil {
		o.child(h, own)
		return nil, errChild
	}
	s := newServer(o)
	list := &servers{}
	s.stop = list.shutdown
	for _, url := range o.Listen {
		server, err := socketserver.New(url, h, o.socketserver(url, own))
		if err != nil {
			return nil, errors.Join(err, list.shutdown(context.Background()))
		}
		list.add(server)
		s.stats = append(s.stats, server.Stats)
		s.listens(server.URL(), false)
	}
	list.serve()
	return s, nil
}

// socketserver is the part of o that is for package socketserver.
func (o Options) socketserver(url string, h socketserver.Hooks) socketserver.Options {
	return socketserver.Options{
		Mode:        o.Mode,
		Hooks:       h,
		LineLimit:   lineLimit,
		IOTimeout:   o.limits.read,
		MaxThreads:  o.MaxThreads,
		MaxChildren: o.MaxChildren,
		Child:       o.childName,
		Listen:      o.socket(url),
		Reactor:     o.Reactor,
		Logger:      o.Reactor.Logger,
	}
}

// servers are those of one Server.
type servers struct {
	list    []*socketserver.Server
	running sync.WaitGroup
}

func (l *servers) add(s *socketserver.Server) { l.list = append(l.list, s) }

// serve has all serve until they are closed.
func (l *servers) serve() {
	for _, s := range l.list {
		l.running.Go(func() {
			_ = s.ServeForever(context.Background()) // nil: nothing here aborts it
		})
	}
}

// shutdown closes all at once.
func (l *servers) shutdown(ctx context.Context) error {
	failed := make([]error, len(l.list))
	var closing sync.WaitGroup
	for i, s := range l.list {
		closing.Go(func() { failed[i] = s.CloseWithin(ctx) })
	}
	closing.Wait()
	l.running.Wait()
	return errors.Join(failed...)
}

// hooks are those of all servers here.
type hooks struct {
	socketserver.Base
	limits limits
}

// VerifyRequest implements socketserver.Hooks.
func (h hooks) VerifyRequest(r *socketserver.Request) bool {
	local, ok := r.Server().Addr().(*net.UDPAddr)
	if !ok {
		return true
	}
	client, ok := r.ClientAddr().(*net.UDPAddr)
	return ok && answers(local.AddrPort(), client.AddrPort())
}

// FinishRequest implements socketserver.Hooks. A bound for the whole request is what a
// client that sends a byte now and then cannot stretch.
func (h hooks) FinishRequest(r *socketserver.Request) error {
	if limit := h.limits.request; limit > 0 && r.Conn() != nil {
		if err := r.Conn().SetDeadline(time.Now().Add(limit)); err != nil {
			return err
		}
	}
	return h.Base.FinishRequest(r)
}

// HandleError implements socketserver.Hooks. What a client does to its own connection
// is nobody's error: it resets it, is late, says too much.
func (h hooks) HandleError(r *socketserver.Request, err error) {
	var p *socketserver.PanicError
	if errors.As(err, &p) {
		h.Base.HandleError(r, err)
		return
	}
	r.Logger().Debug("a request came to nothing", "client", r.ClientAddr(), "err", err)
}

// privileged is where the ports begin that any user may have.
const privileged = 1024

// answers reports whether a datagram from a peer gets an answer, by the rules of
// servers/echo: whoever forges an address is not to have two servers answer each other
// for ever, and the servers that answer anything have ports below 1024, or the same as
// this one.
func answers(local, peer netip.AddrPort) bool {
	port := peer.Port()
	return port >= privileged && port != local.Port()
}

// answersPeer is answers for a socket of the reactor.
func answersPeer(s *reactor.PacketConn, from reactor.Peer) bool {
	if !from.Addr.IsValid() {
		return from.Name != "" // over a Unix socket nobody forges an address
	}
	return answers(s.LocalAddrPort(), from.Addr)
}
