//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package trace

import (
	"time"

	"example.com/iomux/internal/sys"
)

// thread is a goroutine that makes calls, mostly a loop.
type thread struct {
	loop    int // 0: it has not waited, and is none
	turn    int
	stack   []sys.Op  // the calls that have begun and not ended
	inner   []*Record // that ended within the one at the bottom of stack
	held    []*Record // that are not handed on yet, see Recorder.emit
	waiting bool      // it is in a wait that may block
	retry   bool      // its last wait was ended by a signal

	batch    map[int]string // what the last wait found, by descriptor
	accepted map[int]bool   // in this turn
	woken    bool           // that wait was ended by the waker
	rang     bool           // it found nothing: its time was over, or a timer was due
}

// startTurn takes in the answer of a wait.
func (t *thread) startTurn(r *Record) {
	t.turn++
	t.batch, t.accepted = map[int]string{}, map[int]bool{}
	t.woken = false
	// Also a look without waiting: a loop that parks in Go's poller makes no other.
	t.rang = r.Result == 0
	for _, f := range r.Found {
		if t.batch[f.FD] != "" {
			t.batch[f.FD] += " and " + f.Bits // kqueue has a report for each direction
		} else {
			t.batch[f.FD] = f.Bits
		}
		t.woken = t.woken || f.Kind == Waker
	}
}

// forever is a wait without end, in a Call.
const forever time.Duration = 1<<63 - 1

// phase tells where in the turn a call is.
func (t *thread) phase(r *Record, running bool) Phase {
	switch {
	case t.loop == 0 && !running:
		return Setup
	case t.loop == 0:
		return Outside
	case r.Wait, r.Op == sys.OpRead && r.On.Kind == Waker, r.Op == sys.OpPoll:
		return Waiting
	case r.Op == sys.OpClose:
		return Close
	case r.Op == sys.OpWrite, r.Op == sys.OpWritev:
		return Flush
	case t.batch[r.On.FD] != "", t.accepted[r.On.FD]:
		return Dispatch
	}
	for _, a := range r.Asked { // of epoll_ctl and its like
		if t.batch[a.FD] != "" || t.accepted[a.FD] {
			return Dispatch
		}
	}
	switch {
	case t.woken:
		return Posted
	case t.rang:
		return Timers
	}
	return Dispatch
}

// accept takes in a connection that was accepted in this turn.
func (t *thread) accept(fd int) {
	if t.accepted != nil {
		t.accepted[fd] = true
	}
}
