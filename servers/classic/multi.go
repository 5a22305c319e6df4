//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"example.com/iomux"
	"example.com/iomux/reactor"
	"example.com/iomux/selectors"
	"example.com/iomux/servers/socketserver"
)

// multi is three servers of which none serves by itself: a selector watches their
// sockets, and whoever has a request is told to handle one.
var multi = Entry{
	Name:      "multi",
	About:     "three servers in one selector: upper, timestamp, echo",
	Listen:    []string{"tcp://127.0.0.1:9999", "tcp://127.0.0.1:21567", "tcp://127.0.0.1:10000"},
	Kinds:     []string{"tcp", "unix"},
	Modes:     []socketserver.Mode{socketserver.Threading, socketserver.Sync},
	IOTimeout: requestTimeout,
	OneLoop:   true,
	setup: func(*flag.FlagSet) func(Options) (*Server, error) {
		return selectServers
	},
}

// handlePatience is how long a server that is said to be ready is waited for: the
// client may have gone in between, or all threads be busy.
const handlePatience = 100 * time.Millisecond

// selectServers is the start of multi.
func selectServers(o Options) (*Server, error) {
	made := []socketserver.Handler{
		socketserver.HandlerFunc(func(r *socketserver.Request) error { return shout(r, o.say, false) }),
		stamping(o.say, false),
		socketserver.HandlerFunc(echoOnce),
	}
	if len(o.Listen) != len(made) {
		return nil, fmt.Errorf("classic: multi: %w: listen at %d addresses, want %d: upper's, timestamp's and echo's", reactor.ErrOption, len(o.Listen), len(made))
	}
	sel, err := selectors.New[*socketserver.Server](o.Reactor.Backend)
	if err != nil {
		return nil, err
	}
	s := newServer(o)
	list := &servers{}
	fail := func(err error) (*Server, error) {
		return nil, errors.Join(err, list.shutdown(context.Background()), sel.Close())
	}
	for i, url := range o.Listen {
		so := o.socketserver(url, hooks{limits: o.limits})
		so.Timeout = handlePatience
		server, err := socketserver.New(url, made[i], so)
		if err != nil {
			return fail(err)
		}
		list.add(server)
		if _, err := sel.Register(server.Fd(), iomux.Readable, server); err != nil {
			return fail(err)
		}
		s.stats = append(s.stats, server.Stats)
		s.listens(server.URL(), false)
	}
	ctx, stop := context.WithCancel(context.Background())
	list.running.Go(func() { s.end(handleReady(ctx, sel)) })
	s.stop = func(patience context.Context) error {
		stop()
		sel.Wake()
		return errors.Join(list.shutdown(patience), sel.Close())
	}
	return s, nil
}

// handleReady has each server that is ready handle a request, until ctx ends.
func handleReady(ctx context.Context, sel *selectors.Selector[*socketserver.Server]) error {
	for ctx.Err() == nil {
		ready, err := sel.Select(selectors.Forever)
		if err != nil {
			return err
		}
		for _, r := range ready {
			if _, err := r.Key.Data.HandleRequest(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
	return nil
}

// echoOnce sends back what one read brings.
func echoOnce(r *socketserver.Request) error {
	p, err := r.Recv(chunk)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	_, err = r.Write(p)
	return err
}
