//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"sync"
	"time"
)

// direction is what the two directions of a NetConn have alike: who waits, for how long,
// and why there is nothing to wait for any more. Its lock guards all of it, and what
// else the direction has.
type direction struct {
	mu      sync.Mutex
	changed sync.Cond   // wakes all who wait; each then looks for itself
	waiting int         // how many they are
	closed  bool        // this side has closed the connection
	reason  error       // why the connection has ended; nil: it has not
	end     time.Time   // when the deadline is over; zero: there is none, or it is
	late    bool        // the deadline is over
	timer   *time.Timer // rings at end; nil: there has been no deadline yet
}

// wait lets go of the lock until something has changed.
func (d *direction) wait() {
	d.waiting++
	d.changed.Wait()
	d.waiting--
}

// setDeadline has calls fail from t on, those that wait already too. The zero time is
// no deadline.
func (d *direction) setDeadline(t time.Time) (ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.stopTimer()
	if t.IsZero() {
		return true
	}
	// By what is left and not by t itself, which may be without the monotonic clock:
	// then nobody is late because the time of day was set.
	now := time.Now()
	left := t.Sub(now)
	if left <= 0 {
		d.late = true
		d.changed.Broadcast()
		return true
	}
	d.end = now.Add(left)
	if d.timer == nil {
		d.timer = time.AfterFunc(left, d.ring)
	} else {
		d.timer.Reset(left)
	}
	return true
}

// stopTimer forgets the deadline.
func (d *direction) stopTimer() {
	d.late, d.end = false, time.Time{}
	if d.timer != nil {
		d.timer.Stop()
	}
}

// ring is called by the timer, and then perhaps for a deadline that was replaced while
// it was on its way: so it looks at the one there is.
func (d *direction) ring() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.end.IsZero() && !time.Now().Before(d.end) {
		d.late = true
		d.changed.Broadcast()
	}
}

// close has all calls fail from now on, and reports whether that is new.
func (d *direction) close() (first bool) {
	first = !d.closed
	d.closed = true
	d.stopTimer()
	d.changed.Broadcast()
	return first
}
