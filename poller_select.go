//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package iomux

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// selectPoller is select(2): three bitmaps, copied to the kernel and back with
// every wait; the kernel asks each descriptor in them, and the answer is found by
// going through the bits.
type selectPoller struct {
	mu     sync.Mutex // Update may come during a Wait
	want   selectSets
	limit  int // one more than the highest descriptor
	closed bool

	// Of the goroutine in Wait only.
	got  selectSets // the copy of want that the kernel works on
	gone sys.FDSet  // descriptors that were closed while registered
	next int        // the descriptor at which the next Wait begins to report, for fairness
}

// selectSets are the sets for reading, writing and urgent data, of one length.
type selectSets struct{ r, w, x sys.FDSet }

func openSelect() (Poller, error) {
	p := &selectPoller{}
	p.want.grow(0)
	if _, errno := sys.Select(0, p.want.r, p.want.w, p.want.x, 0); errno != 0 && errno != unix.EINTR { // a sandbox may forbid it
		return nil, fmt.Errorf("select: %w", errno)
	}
	return p, nil
}

func (p *selectPoller) Update(fd int, old, new Events) error {
	if flags := new &^ Conditions; flags != 0 {
		return unsupported(Select, fd, flags)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return closed(Select)
	case fd < 0:
		return fmt.Errorf("select: fd %d: %w", fd, unix.EBADF)
	case old == 0 && new != 0:
		// Refused here, for one such number would break every later wait.
		if sys.SelectMax != 0 && fd >= sys.SelectMax {
			return fmt.Errorf("select: add fd %d: %w (%d)", fd, ErrFDTooLarge, sys.SelectMax)
		}
		if !sys.IsOpen(fd) {
			return fmt.Errorf("select: add fd %d: %w", fd, unix.EBADF)
		}
		if p.want.has(fd) {
			return fmt.Errorf("select: add fd %d: %w", fd, unix.EEXIST)
		}
		p.limit = max(p.limit, fd+1)
	case !p.want.has(fd):
		if new != 0 {
			return fmt.Errorf("select: modify fd %d: %w", fd, unix.ENOENT)
		}
		return nil
	}
	p.want.set(fd, new)
	for p.limit > 0 && !p.want.has(p.limit-1) {
		p.limit--
	}
	return nil
}

func (p *selectPoller) Wait(ready []Ready, timeout time.Duration) (int, error) {
	if len(ready) == 0 {
		return 0, noRoom(Select)
	}
	d := newDeadline(timeout)
	for wait := d.timeout; ; {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return 0, closed(Select)
		}
		p.got.copy(&p.want)
		limit := p.limit
		p.mu.Unlock()
		n, errno := sys.Select(limit, p.got.r, p.got.w, p.got.x, wait)
		if errno == unix.EBADF {
			n, errno = p.selectOpen(limit)
		}
		if errno != 0 && errno != unix.EINTR {
			return 0, fmt.Errorf("select: %w", errno)
		}
		if n > 0 {
			return p.report(ready, limit), nil
		}
		var more bool
		if wait, more = d.left(); !more {
			return 0, nil
		}
	}
}

// selectOpen asks again without the descriptors that were closed while
// registered, which it moves from got to gone. The kernel refuses the whole wait
// for one of them and does not say which; they are reported as poll(2) reports
// them, ready with NVAL, beside what else is ready, for their owner to find.
func (p *selectPoller) selectOpen(limit int) (int, sys.Errno) {
	p.mu.Lock()
	p.got.copy(&p.want) // what a failed call left in the sets is undefined
	p.mu.Unlock()
	p.gone.Grow(limit)
	closed := 0
	for fd := range limit {
		if p.got.has(fd) && !sys.IsOpen(fd) {
			p.got.set(fd, 0)
			p.gone.Set(fd)
			closed++
		}
	}
	n, errno := sys.Select(limit, p.got.r, p.got.w, p.got.x, 0)
	if errno == 0 {
		return n + closed, 0
	}
	p.got.empty() // undefined again, and report is going to look
	if errno == unix.EBADF || errno == unix.EINTR {
		return closed, 0 // one more was closed meanwhile: the next wait finds it
	}
	clear(p.gone)
	return 0, errno
}

// report fills ready from the answer in got. It starts where the last one
// stopped for want of room, so that the low numbers do not starve the high.
func (p *selectPoller) report(ready []Ready, limit int) (filled int) {
	if p.next >= limit {
		p.next = 0
	}
	fd := p.next
	for range limit {
		raw := p.got.raw(fd)
		if p.gone.Has(fd) {
			raw = RawNval
		}
		if raw != 0 {
			if filled == len(ready) {
				break
			}
			ready[filled] = Ready{FD: fd, Events: raw.events(), Raw: raw}
			filled++
		}
		if fd++; fd == limit {
			fd = 0
		}
	}
	p.next = fd
	clear(p.gone)
	return filled
}

func (p *selectPoller) Backend() Backend { return Select }

func (p *selectPoller) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed, p.want = true, selectSets{}
	return nil
}

func (s *selectSets) grow(fd int) { s.r.Grow(fd); s.w.Grow(fd); s.x.Grow(fd) }

// set makes e the conditions under which fd is in the sets; 0 takes it out.
func (s *selectSets) set(fd int, e Events) {
	s.grow(fd)
	for _, m := range []struct {
		set sys.FDSet
		e   Events
	}{{s.r, Readable}, {s.w, Writable}, {s.x, Priority}} {
		if m.set.Clear(fd); e&m.e != 0 {
			m.set.Set(fd)
		}
	}
}

func (s *selectSets) has(fd int) bool { return s.r.Has(fd) || s.w.Has(fd) || s.x.Has(fd) }

func (s *selectSets) raw(fd int) (raw Raw) {
	if s.r.Has(fd) {
		raw |= RawIn
	}
	if s.w.Has(fd) {
		raw |= RawOut
	}
	if s.x.Has(fd) {
		raw |= RawPri
	}
	return raw
}

func (s *selectSets) copy(from *selectSets) {
	s.r = append(s.r[:0], from.r...)
	s.w = append(s.w[:0], from.w...)
	s.x = append(s.x[:0], from.x...)
}

func (s *selectSets) empty() { clear(s.r); clear(s.w); clear(s.x) }
