//go:build linux

package load

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// flying is how many connections are made at the same time: enough to keep both
// sides busy, and far from what fills the queue of a listener.
const flying = 256

// dialling is a number of connects under way.
type dialling struct {
	*generator
	target unix.SockaddrInet4
	n      int         // to be made in all
	next   int         // the first not begun
	flying map[int]int // descriptor to number
	made   func(i, fd int) error
}

// dial makes n connections, many at a time, and gives each with its number to
// made, which owns it from then on. Meanwhile the poller watches nothing but
// what is being connected.
func (g *generator) dial(n int, made func(i, fd int) error) error {
	d := &dialling{generator: g, target: target(g.Addr), n: n, flying: map[int]int{}, made: made}
	err := d.all()
	for fd := range d.flying {
		sys.Close(fd)
	}
	return err
}

func (d *dialling) all() error {
	ready := make([]iomux.Ready, batch)
	heard := time.Now()
	for {
		for d.next < d.n && len(d.flying) < flying {
			if err := d.begin(d.next); err != nil {
				return fmt.Errorf("load: connection %d: %w", d.next, err)
			}
			d.next++
		}
		if len(d.flying) == 0 {
			return nil
		}
		left := d.Patience - time.Since(heard)
		if left <= 0 {
			return fmt.Errorf("load: connect to %v: %d under way: %w", d.Addr, len(d.flying), os.ErrDeadlineExceeded)
		}
		n, err := d.poller.Wait(ready, left)
		if err != nil {
			return err
		}
		for _, r := range ready[:n] {
			if err := d.finish(r.FD); err != nil {
				return err
			}
			heard = time.Now()
		}
	}
}

func (d *dialling) begin(i int) error {
	fd, err := d.startConnect(&d.target, d.sourceOf(d.n, i))
	if err != nil {
		return err
	}
	d.flying[fd] = i
	return d.poller.Update(fd, 0, iomux.Writable)
}

func (d *dialling) finish(fd int) error {
	i := d.flying[fd]
	if err := d.poller.Update(fd, iomux.Writable, 0); err != nil {
		return err
	}
	e, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && e != 0 {
		err = unix.Errno(e)
	}
	if err != nil {
		return fmt.Errorf("load: connection %d: connect to %v: %w", i, d.Addr, err)
	}
	// A request must not wait for the acknowledgement of the one before.
	if e := sys.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); e != 0 {
		return fmt.Errorf("load: connection %d: %w", i, os.NewSyscallError("setsockopt", e))
	}
	delete(d.flying, fd)
	return d.made(i, fd)
}
