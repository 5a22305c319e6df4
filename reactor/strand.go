//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"iter"
	"runtime"
	"runtime/debug"
)

// strand is a stack beside the loop's: a goroutine that runs functions one after
// the other, and only while the loop stands still for it. Control goes to it by enter
// and comes back by yield, so that there is never more than one of them running.
type strand struct {
	loop    *Loop
	job     func() // nil: it is idle
	done    func() // called when the job is over, however it ended
	failure *failure
	dead    bool    // its goroutine has ended
	unlocks int     // of its thread, when it leaves
	who     *[]byte // how its goroutine begins in a stack trace
	// enter is for the loop: it returns when the strand leaves or its job is over,
	// or panics with a *failure if that was the end of the strand.
	enter func() (struct{}, bool)
	yield func(struct{}) bool // for the strand, behind unlock: returns when the loop enters it again
	end   func()              // for the loop: ends an idle one
}

// failure is a panic on a strand, or a runtime.Goexit, on its way to the loop.
type failure struct {
	value any
	stack []byte
}

// newFailure is called by who recovered v; nil is a runtime.Goexit.
func newFailure(v any) *failure {
	if f, ok := v.(*failure); ok {
		return f // it has been on another goroutine before
	}
	if v == nil {
		v = "runtime.Goexit was called"
	}
	return &failure{v, debug.Stack()}
}

func (f *failure) String() string { return fmt.Sprint(f.value) }

// Error is for the process that ends with it, see Crash.
func (f *failure) Error() string { return fmt.Sprintf("%v\n\n%s", f.value, f.stack) }

const (
	// keptStrands is how many idle strands a loop keeps. Each has a stack, 8 KiB
	// as a rule.
	keptStrands = 64
	// threadLocks is how many runtime.LockOSThread of its own a job may have open
	// when it leaves.
	threadLocks = 4
)

// strand returns an idle one.
func (l *Loop) strand() *strand {
	if last := len(l.strands) - 1; last >= 0 {
		s := l.strands[last]
		l.strands[last] = nil
		l.strands = l.strands[:last]
		return s
	}
	s := &strand{loop: l}
	if len(l.group.cpus) > 0 {
		s.byChannel()
	} else {
		s.byPull()
	}
	return s
}

// keep takes back a strand whose job is done.
func (l *Loop) keep(s *strand) {
	switch {
	case s.dead:
	case len(l.strands) == keptStrands:
		s.end()
	default:
		l.strands = append(l.strands, s)
	}
}

// endStrands ends those that are idle.
func (l *Loop) endStrands() {
	for _, s := range l.strands {
		s.end()
	}
	l.strands = nil
}

// byPull switches the way iterators do: the thread goes from one goroutine to the
// other, past the scheduler.
//
// The runtime ends the process if a goroutine that is locked to its thread switches
// like this, unless it was so when the strand was made. So what a job has locked is
// unlocked when it leaves, and loops that are locked themselves have the other kind.
func (s *strand) byPull() {
	s.unlocks = threadLocks
	s.enter, s.end = iter.Pull(func(yield func(struct{}) bool) {
		s.yield = yield
		s.work()
	})
}

// unlock comes before yield: as a rule there is nothing to unlock. They are two calls
// because each return after a switch is one that the processor has predicted wrongly.
func (s *strand) unlock() {
	for range s.unlocks {
		runtime.UnlockOSThread()
	}
}

// byChannel switches by the scheduler, from thread to thread if need be: several
// times as slow, and whatever a job does to its thread stays there.
func (s *strand) byChannel() {
	in, out := make(chan struct{}), make(chan struct{})
	s.yield = func(v struct{}) bool {
		out <- v
		return <-in == v
	}
	s.enter = func() (struct{}, bool) {
		in <- struct{}{}
		<-out
		if s.dead {
			panic(s.failure)
		}
		return struct{}{}, true
	}
	s.end = func() { in <- struct{}{} }
	go func() {
		defer func() {
			if s.dead {
				_ = recover() // see run
				out <- struct{}{}
			}
		}()
		<-in
		s.work()
	}()
}

// work does one job after the other, until the strand is entered without one.
func (s *strand) work() {
	s.note()
	for s.job != nil {
		s.run()
		s.unlock()
		s.yield(struct{}{})
	}
}

// note finds out whose stack the watchdog has to show.
func (s *strand) note() {
	s.who = thisGoroutine()
	s.loop.watched.show(s.who)
}

// run does the job. What it panics with is kept. A runtime.Goexit ends the strand's
// goroutine, which cannot be helped; the panic on top of it keeps iter.Pull from
// ending the loop's goroutine too, as it would.
func (s *strand) run() {
	returned := false
	defer func() {
		if !returned {
			v := recover()
			s.dead = v == nil
			s.failure = newFailure(v)
		}
		s.job = nil
		s.done()
		if s.dead {
			panic(s.failure)
		}
	}()
	s.job()
	returned = true
}
