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

const (
	// lostAfter is when a datagram counts as lost. It is hundreds of times the
	// slowest echo of a loaded server here, and longer than any pause of the
	// scheduler's; short enough that a run of half a second gets over one.
	lostAfter = int64(200 * time.Millisecond)
	lostTick  = lostAfter / 4
	// udpBuffer is asked for a socket's input: nothing is to be lost on this
	// side. The kernel gives what net.core.rmem_max allows.
	udpBuffer = 4 << 20
)

// udp is the traffic of datagrams, in closed loop. Lost ones are replaced.
type udp struct {
	simple
	pattern  pattern
	peers    []*peer
	incoming *datagrams
	outgoing *datagrams
}

func newUDP(g *generator) *udp {
	u := &udp{
		simple:  simple{g},
		pattern: newPattern(g.Size),
		peers:   make([]*peer, 0, g.Conns),
		// One more than there can be shows what there cannot be, and so does a
		// byte more than one has.
		incoming: newDatagrams(min(g.Depth+1, most), g.Size+1),
		outgoing: newDatagrams(min(g.Depth, most), g.Size),
	}
	g.result.InFlight = float64(g.Conns) * float64(g.Depth)
	return u
}

func (u *udp) connect() error {
	to := target(u.Addr)
	for id := range u.Conns {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("load: socket %d: %w", id, os.NewSyscallError("socket", err))
		}
		p := newPeer(u, fd, uint32(id))
		u.peers = append(u.peers, p)
		u.attach(fd, p)
		if err := spread(u.Conns, id).bind(fd); err != nil {
			return p.broken(err)
		}
		if e := sys.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, udpBuffer); e != 0 {
			return p.broken(os.NewSyscallError("setsockopt", e))
		}
		p.segments = u.Depth > 1 && segment(fd, u.Size)
		if err := unix.Connect(fd, &to); err != nil {
			return p.broken(fmt.Errorf("connect to %v: %w", u.Addr, err))
		}
		if err := u.watch(&p.socket, iomux.Readable); err != nil {
			return err
		}
	}
	u.result.Connected = u.Conns
	return nil
}

func (u *udp) start(now int64) error {
	u.every = lostTick
	for _, p := range u.peers {
		for i := range p.slots {
			p.owe(i)
		}
		if err := p.send(now); err != nil {
			return err
		}
	}
	return nil
}

// tick gives up on what is late.
func (u *udp) tick(now int64) error {
	for _, p := range u.peers {
		if err := p.expire(now); err != nil {
			return err
		}
	}
	return nil
}

func (u *udp) shares() []int64 {
	n := make([]int64, len(u.peers))
	for i, p := range u.peers {
		n[i] = p.answered
	}
	return n
}

// goodbye looks once more at each socket: there is no end of a stream that would
// bring out what else the server has sent.
func (u *udp) goodbye(now int64) error {
	for _, p := range u.peers {
		for {
			n, err := p.receive(now)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
	}
	return nil
}

func (u *udp) close() {
	for _, p := range u.peers {
		p.close()
	}
}
