//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Group is a set of loops that serve the same listeners, normally one a core.
// Any goroutine may call its methods.
type Group struct {
	options   Options
	loops     []*Loop
	cpus      []int // to pin loops to; none: they are not pinned
	reserve   reserve
	admission admission
	memory    atomic.Int64  // bytes that wait in all connections
	nextDial  atomic.Uint32 // the loop of the next Dial
	dog       *watchdog     // nil: none
	workers   workers       // for Coroutine.Await

	mu     sync.Mutex
	closed bool // Shutdown was called
	ended  bool // and all loops have
	forced ForcedError

	listeners []fileOwner // that are not closed
}

// Open makes a group and starts its loops. Shutdown ends them. Errors: ErrOption,
// errors.ErrUnsupported (Options.Pin, where threads cannot be pinned), and those
// of opening the backend.
func Open(o Options) (*Group, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	// The runtime opens descriptors for its own poller when it first needs it,
	// for a timer say, and ends the process if there are none left: so it is made
	// to need it now.
	time.AfterFunc(time.Hour, func() {}).Stop()
	g := &Group{options: o, admission: admission{limit: o.MaxConns, perAddr: o.MaxConnsPerAddr}, workers: workers{limit: o.Workers}}
	if o.Pin {
		if g.cpus, err = affinity(); err != nil {
			return nil, err
		}
	}
	g.reserve.open()
	for i := range o.Loops {
		l, err := newLoop(g, i)
		if err != nil {
			for _, l := range g.loops {
				l.release()
			}
			g.reserve.close()
			return nil, err
		}
		g.loops = append(g.loops, l)
	}
	if o.SlowCallback > 0 {
		g.dog = newWatchdog(o.SlowCallback, g.loops)
	}
	for _, l := range g.loops {
		go l.run()
	}
	return g, nil
}

// Listen begins to accept connections on an address, for h: tcp://HOST:PORT (tcp4,
// tcp6), unix:///PATH or unixpacket:///PATH. When it returns, clients can connect.
// A host name is resolved, which may take a while; the first IPv4 address of it is
// taken, else the first. tcp://[::]:PORT takes IPv4 as well where the system can do
// both, tcp6 does not. A Unix socket's file that nobody listens at any more is
// removed first, anything else there is left alone, and the file goes with the
// Listener. Errors: ErrAddress, ErrClosed, ErrOption (h is nil), errors.ErrUnsupported
// and the kernel's.
func (g *Group) Listen(address string, h Handler, o ListenOptions) (*Listener, error) {
	if h == nil {
		return nil, wrapListen(address, fmt.Errorf("%w: the handler is nil", ErrOption))
	}
	a, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	if a.packet() {
		return nil, fmt.Errorf("reactor: %w %q: it is for datagrams, which ListenPacket takes", ErrAddress, address)
	}
	inet, err := a.toBind(context.Background())
	if err != nil {
		return nil, err
	}
	ln := &Listener{group: g, handler: h, options: o}
	if err := ln.options.withDefaults(&g.options); err != nil {
		return nil, wrapListen(address, err)
	}
	if err := ln.options.checkTLS(a); err != nil {
		return nil, wrapListen(address, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, wrapListen(address, ErrClosed)
	}
	if err := ln.listen(a, inet); err != nil {
		return nil, wrapListen(address, err)
	}
	return ln, nil
}

// fileOwner is a listener of either kind, whose socket may have a file.
type fileOwner interface{ removeFile() }

// forget is told of a listener that is closed.
func (g *Group) forget(ln fileOwner) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listeners = slices.DeleteFunc(g.listeners, func(other fileOwner) bool { return other == ln })
}

// Loops returns the group's loops, for Post and Dial.
func (g *Group) Loops() []*Loop { return g.loops }

// Shutdown ends the group: no more connections are accepted, the others get
// what has arrived for them handled, what was written for them sent, and are
// closed. When ctx ends first, the rest is closed as it stands with ErrForced,
// and the error is a [*ForcedError] that says which, and is ctx's error too. All
// loops have ended when Shutdown returns, so a handler must not wait for it. It
// may be called more than once.
func (g *Group) Shutdown(ctx context.Context) error {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		for _, ln := range g.listeners {
			ln.removeFile()
		}
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
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.ended {
		g.ended = true
		g.reserve.close()
		if g.dog != nil {
			g.dog.end()
		}
	}
	if forced != nil {
		list := g.forced
		list.cause = forced
		return fmt.Errorf("reactor: shutdown: %w", &list)
	}
	return nil
}

// drainTime is how long ListenAndServe lets connections drain.
const drainTime = 10 * time.Second

// ListenAndServe runs h on an address, tcp://HOST:PORT for example, with a group of
// default Options until ctx ends, and then shuts down, for at most ten seconds. It
// returns nil when all connections were closed in order.
func ListenAndServe(ctx context.Context, address string, h Handler) error {
	g, err := Open(Options{})
	if err != nil {
		return err
	}
	if _, err = g.Listen(address, h, ListenOptions{}); err == nil {
		<-ctx.Done()
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	return errors.Join(err, g.Shutdown(grace))
}
