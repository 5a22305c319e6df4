//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package iomux

import "sync"

// oneShots is what the kqueue poller must know of its one-shot descriptors to
// mute them as a whole. It is asked only where OneShot is used.
//
// The kernel deletes a one-shot filter when kevent returns it, but the report
// passes through Wait only a moment later. An Update by another goroutine that
// comes between the two arms the descriptor anew, and then the report, which is
// of the old interest, must not mute the new one. Update can tell: the filter it
// wants to delete is gone, yet Wait has not passed on its report.
type oneShots struct {
	mu   sync.Mutex // held over the system calls that go with a change of state
	byFD []oneShot
}

type oneShot struct {
	armed int8 // how many filters are set; 0 when muted or not one-shot
	late  bool // a report of the interest before this one is still to pass
}

// update notes that fd's interest is now new. fired: a filter of the old one
// was found deleted by its report.
func (o *oneShots) update(fd int, new Events, fired bool) {
	if uint(fd) >= uint(len(o.byFD)) {
		if new&OneShot == 0 {
			return // the removal of a number that was never added
		}
		o.byFD = append(o.byFD, make([]oneShot, fd+1-len(o.byFD))...)
	}
	s := &o.byFD[fd]
	s.late = s.late || fired && s.armed > 0
	s.armed = 0
	if new&OneShot != 0 {
		s.armed = int8(new&Readable) + int8(new&Writable>>1)
	}
}

// reported notes that a report of fd passes. paired: fd had two filters, so
// that the one which did not fire must go.
func (o *oneShots) reported(fd int) (paired bool) {
	if fd >= len(o.byFD) {
		return false
	}
	s := &o.byFD[fd]
	if s.late {
		s.late = false
		return false
	}
	paired = s.armed == 2
	s.armed = 0
	return paired
}
