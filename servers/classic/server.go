//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"sync"

	"example.com/iomux/reactor"
)

// Server is a server that runs. Any goroutine may call its methods.
type Server struct {
	log      *slog.Logger
	urls     []string
	stats    []func() reactor.Stats // of each group of loops
	stop     func(context.Context) error
	done     chan struct{}
	finished sync.Once
	err      error
}

func newServer(o Options) *Server {
	return &Server{log: o.Reactor.Logger, done: make(chan struct{})}
}

// URLs are where clients reach it, with the ports that the kernel has chosen where it was
// asked to.
func (s *Server) URLs() []string { return s.urls }

// Stats are the counters of its loops.
func (s *Server) Stats() (all reactor.Stats) {
	sum := reflect.ValueOf(&all).Elem()
	for _, stats := range s.stats {
		some := reflect.ValueOf(stats())
		for i := range sum.NumField() { // all of them are counts
			sum.Field(i).SetUint(sum.Field(i).Uint() + some.Field(i).Uint())
		}
	}
	return all
}

// Done is closed when it has ended by itself, or is about to, as some do. Shutdown is to
// be called all the same.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is what went wrong with one that has ended by itself.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Shutdown ends the server: nobody is let in any more, what has arrived is answered, and
// all connections are closed. What has not drained when ctx ends is cut, of which the
// error tells, see reactor.ForcedError.
func (s *Server) Shutdown(ctx context.Context) error { return s.stop(ctx) }

// end has Done closed.
func (s *Server) end(err error) {
	s.finished.Do(func() {
		s.err = err
		close(s.done)
	})
}

// listens takes in where the server listens, and says so where strangers can get there.
func (s *Server) listens(url string, among bool) {
	s.urls = append(s.urls, url)
	if !among && !private(url) {
		s.log.Warn("other machines can connect", "listener", url)
	}
}

// handlers are what a server does with connections and with datagrams.
type handlers struct {
	conns   reactor.Handler
	packets reactor.PacketHandler
}

// onLoops runs a server of callbacks. Its handlers are made when there are loops.
func onLoops(o Options, serving func(s *Server, g *reactor.Group) handlers) (*Server, error) {
	group, err := reactor.Open(o.Reactor)
	if err != nil {
		return nil, err
	}
	s := newServer(o)
	s.stop = group.Shutdown
	s.stats = append(s.stats, group.Stats)
	h := serving(s, group)
	for _, url := range o.Listen {
		if url, err = listen(group, url, h, o.socket(url)); err != nil {
			return nil, errors.Join(err, group.Shutdown(context.Background()))
		}
		s.listens(url, false)
	}
	return s, nil
}

// listen opens a listener of either kind.
func listen(group *reactor.Group, url string, h handlers, o reactor.ListenOptions) (string, error) {
	if isPacket(url) {
		l, err := group.ListenPacket(url, h.packets, o)
		if err != nil {
			return "", err
		}
		return l.URL(), nil
	}
	l, err := group.Listen(url, h.conns, o)
	if err != nil {
		return "", err
	}
	return l.URL(), nil
}
