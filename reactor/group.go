//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Group is a set of loops that serve the same listeners, normally one a core.
// Any goroutine may call its methods.
type Group struct {
	options Options
	loops   []*Loop
	reserve reserve

	mu     sync.Mutex
	closed bool // Shutdown was called
}

// Open makes a group and starts its loops. Shutdown ends them. Errors: ErrOption,
// and those of opening the backend.
func Open(o Options) (*Group, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	// The runtime opens descriptors for its own poller when it first needs it,
	// for a timer say, and ends the process if there are none left: so it is made
	// to need it now.
	time.AfterFunc(time.Hour, func() {}).Stop()
	g := &Group{options: o}
	g.reserve.open()
	for range o.Loops {
		l, err := newLoop(&g.options, &g.reserve)
		if err != nil {
			for _, l := range g.loops {
				l.release()
			}
			g.reserve.close()
			return nil, err
		}
		g.loops = append(g.loops, l)
	}
	for _, l := range g.loops {
		go l.run()
	}
	return g, nil
}

// Listen begins to accept connections on an address, tcp://HOST:PORT, for h.
// When it returns, clients can connect. A host name is resolved, which may take
// a while. Errors: ErrAddress, ErrClosed, ErrOption (h is nil), and the kernel's.
func (g *Group) Listen(address string, h Handler) (*Listener, error) {
	if h == nil {
		return nil, wrapListen(address, fmt.Errorf("%w: the handler is nil", ErrOption))
	}
	addr, err := resolve(context.Background(), address)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, wrapListen(address, ErrClosed)
	}
	ln := &Listener{group: g, handler: h, addr: addr}
	if err := ln.listen(g.loops, g.options.Backlog); err != nil {
		return nil, wrapListen(address, err)
	}
	return ln, nil
}

// Loops returns the group's loops, for Post.
func (g *Group) Loops() []*Loop { return g.loops }

// Shutdown ends the group: no more connections are accepted, the others get
// what has arrived for them handled, what was written for them sent, and are
// closed. When ctx ends first, the rest is closed as it stands with ErrForced,
// and ctx's error returned. All loops have ended when Shutdown returns, so a
// handler must not wait for it. It may be called more than once.
func (g *Group) Shutdown(ctx context.Context) error {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		for _, l := range g.loops {
			_ = l.Post(l.drain) // the loop takes functions until it has drained
		}
	}
	g.mu.Unlock()
	var forced error
	for _, l := range g.loops {
		select {
		case <-l.done:
			continue
		case <-ctx.Done():
		}
		if err := l.Post(l.force); err == nil {
			forced = ctx.Err()
		} else if !errors.Is(err, ErrClosed) {
			return err
		}
		<-l.done
	}
	g.reserve.close()
	if forced != nil {
		return fmt.Errorf("reactor: shutdown: %w", forced)
	}
	return nil
}

// drainTime is how long ListenAndServe lets connections drain.
const drainTime = 10 * time.Second

// ListenAndServe runs h on an address, tcp://HOST:PORT, with a group of default
// Options until ctx ends, and then shuts down, for at most ten seconds. It
// returns nil when all connections were closed in order.
func ListenAndServe(ctx context.Context, address string, h Handler) error {
	g, err := Open(Options{})
	if err != nil {
		return err
	}
	if _, err = g.Listen(address, h); err == nil {
		<-ctx.Done()
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	return errors.Join(err, g.Shutdown(grace))
}
