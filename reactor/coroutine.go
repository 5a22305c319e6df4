//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"time"
)

// Coroutine is straight-line code that runs on a loop and waits without holding it
// up: when it has to, the loop goes on with others, and comes back to it later, where
// it was. It runs between the callbacks of its loop and never beside them, so it
// needs no lock for what belongs to the loop. What blocks in any other way than by
// the methods here and those of [Stream] blocks the loop; for that there is Await.
//
// Its methods are for itself alone: called from another goroutine they answer
// ErrCoroutine.
type Coroutine struct {
	loop   *Loop
	who    party // for whom it runs; nil: nobody
	strand *strand
	index  int32 // in loop.coroutines
	waits  waiting
	late   bool          // the wait was over before what it was for had come
	over   bool          // f has returned
	until  time.Duration // when the wait is over, on the loop's clock; 0: no bound
	timer  *Timer        // rings no later than that
}

// waiting is what a coroutine waits for.
type waiting uint8

const (
	forNothing waiting = iota // it runs
	forInput
	forRoom // in the queue of what is to be sent
	forTime
	forWork // that Await has given away
)

// ErrCoroutine: a method of a Coroutine, or of its Stream, was called from another
// goroutine. A connection for several goroutines is what Threaded gives.
var ErrCoroutine = errors.New("called outside of its coroutine")

// Go has f run as a coroutine on the loop, at the latest after the batch at hand. A
// panic of f is logged. The loop does not end before f has returned, unless by force:
// then Sleep ends with ErrForced. Any goroutine may call it. ErrClosed: the loop has
// ended, and f will not run.
func (l *Loop) Go(f func(*Coroutine)) error {
	return l.Post(func() { l.begin(&Coroutine{}, nil, f) })
}

// Go is Loop.Go in s's name: should f panic, that is logged, and s goes on. It is for
// s's loop alone, on which f begins at once, or after the batch at hand if Go is
// called by a coroutine.
func (s *PacketConn) Go(f func(*Coroutine)) {
	if s.loop.inside == nil {
		s.loop.begin(&Coroutine{}, s, f)
		return
	}
	_ = s.Post(func() { s.loop.begin(&Coroutine{}, s, f) }) // the loop runs, for s is on it
}

// begin makes co run f, up to where it first waits.
func (l *Loop) begin(co *Coroutine, who party, f func(*Coroutine)) {
	*co = Coroutine{loop: l, who: who, index: int32(len(l.coroutines)), strand: l.strand()}
	co.strand.job, co.strand.done = func() { f(co) }, co.end
	l.coroutines = append(l.coroutines, co)
	co.resume()
}

// resume has the coroutine run until it waits or ends. Its panic becomes one of the
// callback that resumed it.
func (co *Coroutine) resume() {
	l, s := co.loop, co.strand
	co.waits = forNothing
	l.inside = co
	l.watched.show(s.who)
	s.enter() // panics if that was the end of the strand
	l.inside = nil
	if co.over {
		l.keep(s) // not before: a strand cannot be ended from inside
	}
	if f := s.failure; f != nil {
		s.failure = nil
		panic(f)
	}
}

// end takes a coroutine that is over off the loop.
func (co *Coroutine) end() {
	l := co.loop
	l.inside = nil
	co.over = true
	if co.timer != nil {
		co.timer.Stop()
	}
	last := len(l.coroutines) - 1
	l.coroutines[co.index] = l.coroutines[last]
	l.coroutines[co.index].index = co.index
	l.coroutines[last] = nil
	l.coroutines = l.coroutines[:last]
	if cap(l.coroutines) > 1024 && last < cap(l.coroutines)/4 {
		l.coroutines = append(make([]*Coroutine, 0, cap(l.coroutines)/2), l.coroutines...) // after a flood
	}
	co.strand = nil
}

// wait lets the loop go on until resume, or until the time is over, which late tells.
// until is of the loop's clock; 0 is no bound.
func (co *Coroutine) wait(what waiting, until time.Duration) error {
	l := co.loop
	if l.inside != co {
		return fmt.Errorf("reactor: %w", ErrCoroutine)
	}
	co.late, co.until, co.waits = false, until, what
	co.arm()
	co.strand.unlock()
	co.strand.yield(struct{}{})
	return nil
}

// arm makes sure that the timer rings when the wait is over. One that rings too early
// looks again: that is cheaper than to stop it after each wait.
func (co *Coroutine) arm() {
	if co.until == 0 {
		return
	}
	if co.timer == nil {
		co.timer = &Timer{loop: co.loop, f: co.ring, index: notSet}
	}
	if co.timer.index == notSet || co.until < co.timer.at {
		co.timer.Reset(co.until - co.loop.now())
	}
}

// ring ends a wait whose time is over.
func (co *Coroutine) ring() {
	switch {
	case co.waits == forNothing || co.until == 0:
	case co.until > co.loop.fired:
		co.arm()
	default:
		co.late = true
		co.wake()
	}
}

// wake resumes the coroutine outside of a callback of whom it runs for.
func (co *Coroutine) wake() {
	l := co.loop
	l.current = co.who
	co.resume()
	if co.who != nil {
		co.who.settle()
	}
	l.current = nil
}

// Loop is the loop that it runs on.
func (co *Coroutine) Loop() *Loop { return co.loop }

// Sleep waits for d, or not at all if that is not positive. Errors: of a Stream's
// coroutine ErrClosed, when the connection has ended meanwhile or before; ErrForced,
// the loop ends by force; ErrCoroutine.
func (co *Coroutine) Sleep(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	if err := co.gone(); err != nil {
		return err
	}
	if err := co.wait(forTime, co.loop.later(d)); err != nil {
		return err
	}
	return co.gone()
}

// gone is why it makes no sense to wait.
func (co *Coroutine) gone() error {
	if c, ok := co.who.(*Conn); ok && c.state == connDead {
		return fmt.Errorf("reactor: sleep: %w", ErrClosed)
	}
	if co.loop.forced {
		return fmt.Errorf("reactor: sleep: %w", ErrForced)
	}
	return nil
}
