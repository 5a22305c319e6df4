//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package iomux

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// pollPoller is poll(2): the table is ours and goes to the kernel whole with
// every wait, which therefore costs what is watched.
type pollPoller struct {
	mu     sync.Mutex // Update may come during a Wait
	fds    []unix.PollFd
	at     []int32 // by descriptor: its place in fds plus one, 0 when not there
	closed bool

	// Of the goroutine in Wait only.
	asked []unix.PollFd // the copy of fds that the kernel works on
	next  int           // where the next Wait begins to report, for fairness
}

func openPoll() (Poller, error) {
	if _, errno := sys.Poll(nil, 0); errno != 0 && errno != unix.EINTR { // a sandbox may forbid it
		return nil, fmt.Errorf("poll: %w", errno)
	}
	return &pollPoller{}, nil
}

func (p *pollPoller) Update(fd int, old, new Events) error {
	if flags := new &^ Conditions; flags != 0 {
		return unsupported(Poll, fd, flags)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return closed(Poll)
	case old == 0 && new != 0:
		// epoll and kqueue would refuse it here, poll only in the next wait.
		if fd < 0 || !sys.IsOpen(fd) {
			return fmt.Errorf("poll: add fd %d: %w", fd, unix.EBADF)
		}
		if fd < len(p.at) && p.at[fd] != 0 {
			return fmt.Errorf("poll: add fd %d: %w", fd, unix.EEXIST)
		}
		for len(p.at) <= fd {
			p.at = append(p.at, 0)
		}
		p.fds = append(p.fds, unix.PollFd{Fd: int32(fd), Events: pollBits(new)})
		p.at[fd] = int32(len(p.fds))
	case fd < 0 || fd >= len(p.at) || p.at[fd] == 0:
		if new != 0 {
			return fmt.Errorf("poll: modify fd %d: %w", fd, unix.ENOENT)
		}
	case new == 0:
		i, last := p.at[fd]-1, len(p.fds)-1
		p.fds[i] = p.fds[last]
		p.at[p.fds[i].Fd] = i + 1
		p.at[fd] = 0
		p.fds = p.fds[:last]
	default:
		p.fds[p.at[fd]-1].Events = pollBits(new)
	}
	return nil
}

func (p *pollPoller) Wait(ready []Ready, timeout time.Duration) (int, error) {
	if len(ready) == 0 {
		return 0, noRoom(Poll)
	}
	d := newDeadline(timeout)
	for wait := d.timeout; ; {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return 0, closed(Poll)
		}
		p.asked = append(p.asked[:0], p.fds...)
		p.mu.Unlock()
		n, errno := sys.Poll(p.asked, wait)
		if errno != 0 && errno != unix.EINTR {
			return 0, fmt.Errorf("poll: %w", errno)
		}
		if n > 0 {
			return p.report(ready, n), nil
		}
		var more bool
		if wait, more = d.left(); !more {
			return 0, nil
		}
	}
}

// report fills ready from the answer in asked, where n entries have something.
// It starts where the last one stopped for want of room, so that the first
// descriptors do not starve the rest.
func (p *pollPoller) report(ready []Ready, n int) (filled int) {
	if p.next >= len(p.asked) {
		p.next = 0
	}
	i := p.next
	for range p.asked {
		if f := &p.asked[i]; f.Revents != 0 {
			if n--; filled == len(ready) {
				p.next = i
				return filled
			}
			raw := Raw(uint16(f.Revents)) // the values are the same on every system
			ready[filled] = Ready{FD: int(f.Fd), Events: raw.events(), Raw: raw}
			filled++
		}
		if i++; i == len(p.asked) {
			i = 0
		}
		if n == 0 {
			break
		}
	}
	p.next = i
	return filled
}

func (p *pollPoller) Backend() Backend { return Poll }

func (p *pollPoller) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed, p.fds, p.at = true, nil, nil
	return nil
}

func pollBits(e Events) (bits int16) {
	if e&Readable != 0 {
		bits |= unix.POLLIN | pollRdHup
	}
	if e&Writable != 0 {
		bits |= unix.POLLOUT
	}
	if e&Priority != 0 {
		bits |= unix.POLLPRI
	}
	return bits
}
