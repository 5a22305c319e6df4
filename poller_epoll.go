//go:build linux

package iomux

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// epollPoller is epoll(7): the kernel keeps the table, and a wait costs what
// is ready, not what is watched.
type epollPoller struct {
	epfd   int // -1 after Close
	events []unix.EpollEvent
}

func openEpoll() (Poller, error) {
	epfd, errno := sys.EpollCreate()
	if errno != 0 {
		return nil, fmt.Errorf("epoll_create1: %w", errno)
	}
	return &epollPoller{epfd: epfd}, nil
}

func (p *epollPoller) Update(fd int, old, new Events) error {
	if p.epfd < 0 {
		return closed(Epoll)
	}
	if new&Exclusive != 0 && new&(OneShot|Priority) != 0 {
		return unsupported(Epoll, fd, new)
	}
	op, name := unix.EPOLL_CTL_MOD, "modify"
	switch {
	case old == 0 && new == 0:
		return nil
	case old == 0:
		op, name = unix.EPOLL_CTL_ADD, "add"
	case new == 0:
		op, name = unix.EPOLL_CTL_DEL, "remove"
	case (old|new)&Exclusive != 0:
		return p.replace(fd, old, new)
	}
	if errno := sys.EpollCtl(p.epfd, op, fd, epollBits(new)); errno != 0 {
		return fmt.Errorf("epoll_ctl: %s fd %d: %w", name, fd, errno)
	}
	return nil
}

// replace changes an interest by removing and adding it: the kernel takes
// EPOLLEXCLUSIVE only in an add and lets no such entry be modified.
func (p *epollPoller) replace(fd int, old, new Events) error {
	if err := p.Update(fd, old, 0); err != nil {
		return err
	}
	if err := p.Update(fd, 0, new); err != nil {
		_ = p.Update(fd, 0, old) // it was in force a moment ago; the error at hand says more
		return err
	}
	return nil
}

func (p *epollPoller) Wait(ready []Ready, timeout time.Duration) (int, error) {
	if p.epfd < 0 {
		return 0, closed(Epoll)
	}
	if len(ready) == 0 {
		return 0, noRoom(Epoll)
	}
	if len(p.events) < len(ready) {
		p.events = make([]unix.EpollEvent, len(ready))
	}
	d := newDeadline(timeout)
	for wait := d.timeout; ; {
		n, errno := sys.EpollWait(p.epfd, p.events[:len(ready)], wait)
		if errno != 0 && errno != unix.EINTR {
			return 0, fmt.Errorf("epoll_pwait: %w", errno)
		}
		if n > 0 {
			for i, e := range p.events[:n] {
				raw := Raw(e.Events)
				ready[i] = Ready{FD: int(e.Fd), Events: raw.events(), Raw: raw}
			}
			return n, nil
		}
		var more bool
		if wait, more = d.left(); !more {
			return 0, nil
		}
	}
}

func (p *epollPoller) Backend() Backend { return Epoll }

func (p *epollPoller) Fd() int { return p.epfd }

func (p *epollPoller) Close() error {
	if p.epfd < 0 {
		return nil
	}
	errno := sys.Close(p.epfd)
	p.epfd = -1
	if errno != 0 {
		return fmt.Errorf("close epoll: %w", errno)
	}
	return nil
}

// epollBits is an interest in epoll's terms. EPOLLRDHUP rides along with
// EPOLLIN: it wakes nobody who was not to be woken anyway (the end of a stream
// is readable) and tells a hang-up apart. An exclusive entry may not have it.
func epollBits(e Events) (bits uint32) {
	if e&Readable != 0 {
		bits |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if e&Writable != 0 {
		bits |= unix.EPOLLOUT
	}
	if e&Priority != 0 {
		bits |= unix.EPOLLPRI
	}
	if e&Edge != 0 {
		bits |= unix.EPOLLET
	}
	if e&OneShot != 0 {
		bits |= unix.EPOLLONESHOT
	}
	if e&Exclusive != 0 {
		bits = bits&^unix.EPOLLRDHUP | unix.EPOLLEXCLUSIVE
	}
	return bits
}
