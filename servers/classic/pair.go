//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
	"example.com/iomux/selectors"
)

// pair is a parent and a child, who have a socket each of a pair and say ping and pong
// by them. In the original the child is a process; here both are callbacks on one
// selector, and neither waits in a call.
var pair = Entry{
	Name:    "pair",
	About:   "ping and pong over a socketpair; then it ends",
	OneLoop: true,
	setup:   func(*flag.FlagSet) func(Options) (*Server, error) { return playPair },
}

const (
	ping = "ping"
	pong = "pong"
)

// playPair is the start of pair.
func playPair(o Options) (*Server, error) {
	sel, err := selectors.New[func() error](o.Reactor.Backend)
	if err != nil {
		return nil, err
	}
	parent, child, errno := sys.Socketpair()
	if errno != 0 {
		return nil, errors.Join(fmt.Errorf("classic: pair: socketpair: %w", errno), sel.Close())
	}
	p := &pairing{sel: sel, say: o.scene(), parent: parent, child: child}
	s := newServer(o)
	s.stop = func(ctx context.Context) error { // it ends by itself, as soon as its lines are written
		select {
		case <-s.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	go func() { s.end(p.play()) }()
	return s, nil
}

// pairing is the two sockets, and who is called when something can be done with them.
type pairing struct {
	sel           *selectors.Selector[func() error]
	say           *transcript
	parent, child int // -1: closed
}

// play goes on until both sockets are closed.
func (p *pairing) play() error {
	p.say.line("in parent, sending message")
	err := p.send(p.parent, ping)
	p.say.line("in child, waiting for message")
	if err == nil {
		_, err = p.sel.Register(p.parent, iomux.Readable, p.answered)
	}
	if err == nil {
		_, err = p.sel.Register(p.child, iomux.Readable, p.asked)
	}
	for err == nil && p.parent >= 0 {
		err = p.turn()
	}
	for _, fd := range []*int{&p.parent, &p.child} {
		if *fd >= 0 {
			err = errors.Join(err, p.close(fd))
		}
	}
	return errors.Join(err, p.sel.Close())
}

// turn waits, and calls back.
func (p *pairing) turn() error {
	ready, err := p.sel.Select(selectors.Forever)
	for _, r := range ready {
		if err == nil {
			err = r.Key.Data()
		}
	}
	return err
}

// asked is what the child does with the parent's message.
func (p *pairing) asked() error {
	message, err := p.receive(p.child)
	if err != nil {
		return err
	}
	p.say.line("message from parent: %s", pyBytes(message))
	if err := p.send(p.child, pong); err != nil {
		return err
	}
	return p.close(&p.child)
}

// answered is what the parent does with the answer.
func (p *pairing) answered() error {
	response, err := p.receive(p.parent)
	if err != nil {
		return err
	}
	p.say.line("response from child: %s", pyBytes(response))
	return p.close(&p.parent)
}

// send writes a message. A new socket has room for so few bytes.
func (p *pairing) send(fd int, message string) error {
	if _, errno := sys.Write(fd, []byte(message)); errno != 0 {
		return fmt.Errorf("classic: pair: write: %w", errno)
	}
	return nil
}

// receive reads one.
func (p *pairing) receive(fd int) ([]byte, error) {
	buf := make([]byte, chunk)
	n, errno := sys.Read(fd, buf)
	for errno == unix.EINTR {
		n, errno = sys.Read(fd, buf)
	}
	if errno != 0 {
		return nil, fmt.Errorf("classic: pair: read: %w", errno)
	}
	return buf[:n], nil
}

// close closes a socket, which may be registered.
func (p *pairing) close(fd *int) error {
	_, err := p.sel.Unregister(*fd)
	if errors.Is(err, selectors.ErrNotRegistered) {
		err = nil // play has failed before
	}
	if errno := sys.Close(*fd); errno != 0 {
		err = errors.Join(err, fmt.Errorf("classic: pair: close: %w", errno))
	}
	*fd = -1
	return err
}
