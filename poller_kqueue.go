//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package iomux

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// kqueuePoller is kqueue(2): the kernel keeps the table, with an entry of its
// own for each of a descriptor's two filters, which Wait merges.
type kqueuePoller struct {
	kq       int          // -1 after Close
	changes  []sys.Kevent // of the Update at hand
	oneShots oneShots

	// Of the goroutine in Wait only.
	events []sys.Kevent
	place  []int32 // by descriptor: where in ready it stands, see merge
}

func openKqueue() (Poller, error) {
	kq, errno := sys.NewKqueue()
	if errno != 0 {
		return nil, fmt.Errorf("kqueue: %w", errno)
	}
	return &kqueuePoller{kq: kq}, nil
}

func (p *kqueuePoller) Update(fd int, old, new Events) error {
	if p.kq < 0 {
		return closed(Kqueue)
	}
	if flags := new & (Priority | Exclusive); flags != 0 {
		return unsupported(Kqueue, fd, flags)
	}
	fired := false // a one-shot filter of old is gone because it was reported
	if (old|new)&OneShot != 0 {
		p.oneShots.mu.Lock()
		defer p.oneShots.mu.Unlock()
	}
	p.changes = kqueueChanges(p.changes[:0], fd, old, new)
	var failed sys.Errno
	for i := range p.changes {
		// One by one and without an event list, so that the errno is the
		// change's own on every system (NetBSD has no EV_RECEIPT).
		c := &p.changes[i]
		_, errno := sys.KeventWait(p.kq, p.changes[i:i+1], nil, 0)
		switch {
		case errno == 0:
		case errno == unix.ENOENT && c.Flags == sys.EvDelete && old&OneShot != 0:
			fired = true
			c.Flags = 0 // nothing was done, nothing to undo
		case new == 0:
			if failed == 0 {
				failed = errno // yet the other filter must go too
			}
		default:
			p.undo(p.changes[:i], old)
			name := "modify"
			if old == 0 {
				name = "add"
			}
			return fmt.Errorf("kevent: %s fd %d: %w", name, fd, errno)
		}
	}
	if (old|new)&OneShot != 0 {
		p.oneShots.update(fd, new, fired)
	}
	if failed != 0 {
		return fmt.Errorf("kevent: remove fd %d: %w", fd, failed)
	}
	return nil
}

// kqueueChanges appends what leads from old to new. A filter that stays is left
// alone only without Edge and OneShot: to add it again would neither change its
// flags nor, on every system, report anew what has been reported.
func kqueueChanges(list []sys.Kevent, fd int, old, new Events) []sys.Kevent {
	for _, f := range [...]struct {
		events Events
		filter sys.KFilter
	}{{Readable, sys.FilterRead}, {Writable, sys.FilterWrite}} {
		had, has := old&f.events != 0, new&f.events != 0
		if had && has && (old|new)&(Edge|OneShot) == 0 {
			continue
		}
		if had {
			list = append(list, sys.Kevent{Ident: fd, Filter: f.filter, Flags: sys.EvDelete})
		}
		if has {
			list = append(list, sys.Kevent{Ident: fd, Filter: f.filter, Flags: kqueueAdd(new)})
		}
	}
	return list
}

func kqueueAdd(e Events) sys.KFlags {
	flags := sys.EvAdd
	if e&Edge != 0 {
		flags |= sys.EvClear
	}
	if e&OneShot != 0 {
		flags |= sys.EvOneShot
	}
	return flags
}

// undo takes done back, last change first, so that old is in force again. What
// cannot be undone stays so: the error that led here says more.
func (p *kqueuePoller) undo(done []sys.Kevent, old Events) {
	for i := len(done) - 1; i >= 0; i-- {
		switch done[i].Flags {
		case 0:
			continue
		case sys.EvDelete:
			done[i].Flags = kqueueAdd(old)
		default:
			done[i].Flags = sys.EvDelete
		}
		_, _ = sys.KeventWait(p.kq, done[i:i+1], nil, 0)
	}
}

func (p *kqueuePoller) Wait(ready []Ready, timeout time.Duration) (int, error) {
	if p.kq < 0 {
		return 0, closed(Kqueue)
	}
	if len(ready) == 0 {
		return 0, noRoom(Kqueue)
	}
	if len(p.events) < len(ready) {
		p.events = make([]sys.Kevent, len(ready))
	}
	d := newDeadline(timeout)
	for wait := d.timeout; ; {
		n, errno := sys.KeventWait(p.kq, nil, p.events[:len(ready)], wait)
		if errno != 0 && errno != unix.EINTR {
			return 0, fmt.Errorf("kevent: %w", errno)
		}
		if n > 0 {
			return p.merge(ready, p.events[:n]), nil
		}
		var more bool
		if wait, more = d.left(); !more {
			return 0, nil
		}
	}
}

// merge turns events into ready, one entry for both filters of a descriptor. A
// place left over from another batch needs no clearing: it counts only if the
// entry it points at is of this batch and of this descriptor.
func (p *kqueuePoller) merge(ready []Ready, events []sys.Kevent) (n int) {
	var flags sys.KFlags
	for i := range events {
		e := &events[i]
		flags |= e.Flags
		for len(p.place) <= e.Ident {
			p.place = append(p.place, 0)
		}
		at := int(p.place[e.Ident])
		if at >= n || ready[at].FD != e.Ident {
			at = n
			p.place[e.Ident] = int32(n)
			ready[n] = Ready{FD: e.Ident}
			n++
		}
		r := &ready[at]
		r.Raw |= kqueueRaw(e)
		r.Events = r.Raw.events()
	}
	if flags&sys.EvOneShot != 0 {
		p.mute(ready, events)
	}
	return n
}

// kqueueRaw is an event in poll(2)'s words.
func kqueueRaw(e *sys.Kevent) Raw {
	raw, eof := RawIn, RawRdHup
	if e.Filter == sys.FilterWrite {
		raw, eof = RawOut, RawHup
	}
	if e.Flags&sys.EvEOF != 0 {
		raw |= eof
		if e.Fflags != 0 {
			raw |= RawErr
		}
	}
	return raw
}

// mute deletes the other filter of the descriptors whose one-shot filter fired:
// kqueue's EV_ONESHOT is a filter's, OneShot is the descriptor's.
func (p *kqueuePoller) mute(ready []Ready, events []sys.Kevent) {
	p.oneShots.mu.Lock()
	defer p.oneShots.mu.Unlock()
	for i := range events {
		e := &events[i]
		both := ready[p.place[e.Ident]].Raw&(RawIn|RawOut) == RawIn|RawOut
		if e.Flags&sys.EvOneShot == 0 || both && e.Filter == sys.FilterWrite {
			continue // not one-shot, or counted with its read filter
		}
		if paired := p.oneShots.reported(e.Ident); paired && !both {
			other := sys.FilterRead + sys.FilterWrite - e.Filter
			*e = sys.Kevent{Ident: e.Ident, Filter: other, Flags: sys.EvDelete}
			_, _ = sys.KeventWait(p.kq, events[i:i+1], nil, 0) // it fails when fd was closed: then it is gone too
		}
	}
}

func (p *kqueuePoller) Backend() Backend { return Kqueue }

func (p *kqueuePoller) Fd() int {
	if !sys.KqueuePollable() {
		return -1
	}
	return p.kq
}

func (p *kqueuePoller) Close() error {
	if p.kq < 0 {
		return nil
	}
	errno := sys.CloseKqueue(p.kq)
	p.kq = -1
	if errno != 0 {
		return fmt.Errorf("close kqueue: %w", errno)
	}
	return nil
}
