//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bytes"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// watchdog logs callbacks that run too long, with the stack that shows where they
// are. It looks at its loops twice in the time that is allowed, and not at all
// while they all wait.
type watchdog struct {
	limit  time.Duration
	loops  []*Loop
	asleep atomic.Bool
	wake   chan struct{} // holds one
	stop   chan struct{}
	ended  chan struct{}
	logged time.Time
}

// watched is what a watchdog sees of a loop.
type watched struct {
	dog   *watchdog     // nil: none
	now   uint32        // steps, as the loop knows it
	steps atomic.Uint32 // even while the loop waits; a change says that it goes on
	slow  atomic.Uint64
	who   atomic.Pointer[[]byte] // how the loop's goroutine begins in a stack trace
	part  atomic.Pointer[[]byte] // likewise the coroutine's that the loop ran last
	shown *[]byte                // the same, as the loop knows it

	seen  uint32    // by the watchdog
	since time.Time // first
	told  bool
}

// begin notes whose stack is to be shown.
func (w *watched) begin() {
	if w.dog == nil {
		return
	}
	w.who.Store(thisGoroutine())
}

// thisGoroutine is how the calling goroutine begins in a stack trace: "goroutine 7 ".
func thisGoroutine() *[]byte {
	var buf [64]byte
	who, _, _ := bytes.Cut(buf[:runtime.Stack(buf[:], false)], []byte("["))
	who = bytes.Clone(who)
	return &who
}

// show is called before a coroutine runs, with how it begins in a stack trace.
func (w *watched) show(who *[]byte) {
	if w.dog != nil && who != w.shown {
		w.shown = who
		w.part.Store(who)
	}
}

// work is called when a wait is over.
func (w *watched) work() {
	if w.dog == nil {
		return
	}
	w.now |= 1
	w.steps.Store(w.now)
	if w.dog.asleep.Load() && w.dog.asleep.CompareAndSwap(true, false) {
		w.dog.wake <- struct{}{} // it has room: whoever wakes the dog is the only one
	}
}

// step is called before a callback.
func (w *watched) step() {
	if w.dog != nil {
		w.now += 2
		w.steps.Store(w.now)
	}
}

// rest is called before a wait.
func (w *watched) rest() {
	if w.dog != nil {
		w.now = w.now&^1 + 2
		w.steps.Store(w.now)
	}
}

func newWatchdog(limit time.Duration, loops []*Loop) *watchdog {
	d := &watchdog{limit: limit, loops: loops, wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	for _, l := range loops {
		l.watched.dog = d
	}
	go d.run()
	return d
}

// end returns when the dog looks no more.
func (d *watchdog) end() {
	close(d.stop)
	<-d.ended
}

func (d *watchdog) run() {
	defer close(d.ended)
	tick := time.NewTicker(d.limit / 2)
	defer tick.Stop()
	for {
		select {
		case <-d.stop:
			return
		case <-tick.C:
		}
		if d.look() {
			continue
		}
		// All wait. A loop that began to work before it could see the dog
		// asleep is seen now.
		d.asleep.Store(true)
		if d.look() && d.asleep.CompareAndSwap(true, false) {
			continue
		}
		tick.Stop()
		select {
		case <-d.stop:
			return
		case <-d.wake:
		}
		tick.Reset(d.limit / 2)
	}
}

// look reports whether a loop works, and logs one that has been in the same callback
// for the limit since it was first seen there.
func (d *watchdog) look() (busy bool) {
	for _, l := range d.loops {
		w := &l.watched
		steps := w.steps.Load()
		if steps&1 == 0 {
			continue
		}
		busy = true
		now := time.Now()
		switch {
		case steps != w.seen:
			w.seen, w.since, w.told = steps, now, false
		case !w.told && now.Sub(w.since) >= d.limit:
			w.told = true
			w.slow.Add(1)
			d.tell(l)
		}
	}
	return busy
}

// tell logs where the loop is, at most once a second: to look stops the world.
func (d *watchdog) tell(l *Loop) {
	now := time.Now()
	who := l.watched.who.Load()
	if who == nil || now.Sub(d.logged) < time.Second {
		return
	}
	d.logged = now
	stack := stackOf(*who)
	if part := l.watched.part.Load(); part != nil && strings.HasPrefix(stack, string(*who)+inCoroutine) {
		stack = stackOf(*part)
	}
	l.log.Warn("a callback holds its loop up", "loop", l.number, "limit", d.limit, "stack", stack)
}

// inCoroutine is what the runtime calls the state of a goroutine that stands still
// while a coroutine runs.
const inCoroutine = "[coroutine"

// stackOf finds a goroutine in the trace of all. One that is too far behind in it
// is not shown: the trace is cut at a megabyte.
func stackOf(who []byte) string {
	all := make([]byte, 1<<20)
	all = all[:runtime.Stack(all, true)]
	for len(all) > 0 {
		one, rest, _ := bytes.Cut(all, []byte("\n\n"))
		if bytes.HasPrefix(one, who) {
			return string(one)
		}
		all = rest
	}
	return "not found among the first megabyte of stacks"
}
