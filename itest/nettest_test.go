//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package itest

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/nettest"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
)

// What package net's own connections are tested with, on pairs of which at least one
// end is the reactor's.
func TestNetConn(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		for _, scheme := range []string{"tcp", "unix"} {
			for name, pair := range map[string]func(*testing.T, *reactor.Group, string) nettest.MakePipe{
				"both": bothEnds, "accepted": acceptedEnd, "taken": takenEnd, "dialled": dialledEnd,
			} {
				t.Run(scheme+"/"+name, func(t *testing.T) {
					leaktest.Check(t)
					g, err := reactor.Open(reactor.Options{Backend: iomux.Backend(backend), Loops: 2})
					if err != nil {
						t.Fatal(err)
					}
					nettest.TestConn(t, pair(t, g, scheme))
					// In good order: whatever a test has left open it has not closed.
					ctx, cancel := context.WithTimeout(context.Background(), patience)
					defer cancel()
					if err := g.Shutdown(ctx); err != nil {
						t.Error(err)
					}
				})
			}
		}
	})
}

// freeAddress is one to listen at, as the reactor has it.
func freeAddress(t *testing.T, scheme string) string {
	if scheme == "unix" {
		return "unix://" + filepath.Join(t.TempDir(), "s")
	}
	return "tcp://127.0.0.1:0"
}

// dialStd connects to an address by package net.
func dialStd(a net.Addr) (net.Conn, error) { return net.Dial(a.Network(), a.String()) }

// acceptThreaded listens by Threaded, and gives out each connection; it is closed when
// end is called.
func acceptThreaded(t *testing.T, g *reactor.Group, scheme string) (ln *reactor.Listener, accepted chan net.Conn, end func()) {
	accepted = make(chan net.Conn)
	over := make(chan struct{})
	ln, err := g.Listen(freeAddress(t, scheme), reactor.Threaded(func(c *reactor.NetConn) error {
		accepted <- c
		<-over
		return io.EOF
	}), reactor.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return ln, accepted, sync.OnceFunc(func() { close(over) })
}

func bothEnds(t *testing.T, g *reactor.Group, scheme string) nettest.MakePipe {
	return func() (c1, c2 net.Conn, stop func(), err error) {
		ln, accepted, end := acceptThreaded(t, g, scheme)
		c1, err = g.DialConn(t.Context(), ln.URL(), reactor.DialOptions{})
		if err != nil {
			return nil, nil, nil, err
		}
		c2 = <-accepted
		return c1, c2, func() { c1.Close(); c2.Close(); end(); ln.Close() }, nil
	}
}

func acceptedEnd(t *testing.T, g *reactor.Group, scheme string) nettest.MakePipe {
	return func() (c1, c2 net.Conn, stop func(), err error) {
		ln, accepted, end := acceptThreaded(t, g, scheme)
		c2, err = dialStd(ln.Addr())
		if err != nil {
			return nil, nil, nil, err
		}
		c1 = <-accepted
		return c1, c2, func() { c1.Close(); c2.Close(); end(); ln.Close() }, nil
	}
}

func takenEnd(t *testing.T, g *reactor.Group, scheme string) nettest.MakePipe {
	return func() (c1, c2 net.Conn, stop func(), err error) {
		ln, err := g.ListenConn(freeAddress(t, scheme), reactor.ListenOptions{})
		if err != nil {
			return nil, nil, nil, err
		}
		c2, err = dialStd(ln.Addr())
		if err != nil {
			return nil, nil, nil, errors.Join(err, ln.Close())
		}
		c1, err = ln.Accept()
		return c1, c2, func() { c1.Close(); c2.Close(); ln.Close() }, err
	}
}

func dialledEnd(t *testing.T, g *reactor.Group, scheme string) nettest.MakePipe {
	return func() (c1, c2 net.Conn, stop func(), err error) {
		address := strings.TrimPrefix(strings.TrimPrefix(freeAddress(t, scheme), "tcp://"), "unix://")
		ln, err := net.Listen(scheme, address)
		if err != nil {
			return nil, nil, nil, err
		}
		c1, err = g.DialConn(t.Context(), scheme+"://"+ln.Addr().String(), reactor.DialOptions{})
		if err != nil {
			return nil, nil, nil, errors.Join(err, ln.Close())
		}
		c2, err = ln.Accept()
		return c1, c2, func() { c1.Close(); c2.Close(); ln.Close() }, err
	}
}
