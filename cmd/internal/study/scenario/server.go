//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package scenario

import (
	"context"
	"log/slog"
	"net"
	"time"

	"example.com/iomux"
	"example.com/iomux/reactor"
)

// server is what a scenario runs against.
type server interface {
	listen(url string, a app, o reactor.SocketOptions) (net.Addr, error)
	post(f func()) error // on its loop
	shutdown(ctx context.Context) error
}

// reactorServer is the real thing: one loop of a reactor.
type reactorServer struct{ group *reactor.Group }

func newReactorServer(b iomux.Backend) (*reactorServer, error) {
	g, err := reactor.Open(reactor.Options{
		Backend: b, Loops: 1,
		Wait:         reactor.Polite, // so that the waits are the loop's own, not the runtime's
		SlowCallback: -1,             // a script holds the loop up on purpose
		Logger:       slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	return &reactorServer{g}, nil
}

func (s *reactorServer) listen(url string, a app, o reactor.SocketOptions) (net.Addr, error) {
	ln, err := s.group.Listen(url, handler{app: a}, reactor.ListenOptions{Socket: o})
	if err != nil {
		return nil, err
	}
	return ln.Addr(), nil
}

func (s *reactorServer) post(f func()) error { return s.group.Loops()[0].Post(f) }

func (s *reactorServer) shutdown(ctx context.Context) error { return s.group.Shutdown(ctx) }

// handler has an app handle connections of a reactor.
type handler struct {
	reactor.NopHandler
	app app
}

// Data implements reactor.Handler.
func (h handler) Data(c *reactor.Conn, p []byte) int {
	h.app(reactorPeer{c}, p)
	return len(p)
}

type reactorPeer struct{ *reactor.Conn }

func (p reactorPeer) after(d time.Duration, f func()) { p.Loop().After(d, f) }
