//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"sync"
)

// workers run what blocks, beside the loops of a group: no more than so many
// goroutines at a time, and none while there is nothing to do.
type workers struct {
	limit int

	mu      sync.Mutex
	running int
	queue   []func()
}

// do has f run on a goroutine of its own, when fewer than the limit run.
func (w *workers) do(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running == w.limit {
		w.queue = append(w.queue, f)
		return
	}
	w.running++
	go w.work(f)
}

func (w *workers) work(f func()) {
	defer w.worked() // also after a runtime.Goexit
	f()
}

// worked has the next function run in place of one that is done.
func (w *workers) worked() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.running--
		w.queue = nil
		return
	}
	go w.work(w.queue[0])
	w.queue[0] = nil
	w.queue = w.queue[1:]
}

// Await has f run on a goroutine beside the loop, where it may block, and waits for
// it; it returns what f does. Options.Workers says how many such functions of a group
// run at a time; more wait for their turn. A panic of f is one of the coroutine's, so
// is a runtime.Goexit. The end of a connection does not end the wait, for f may use
// what is the coroutine's. After a forced end of the group the coroutine goes on when f
// returns, on f's goroutine, and everything it then waits for fails. Errors: f's, and
// ErrCoroutine.
func (co *Coroutine) Await(f func() error) error {
	l := co.loop
	if l.inside != co {
		return fmt.Errorf("reactor: await: %w", ErrCoroutine)
	}
	var err error
	var failed *failure
	l.group.workers.do(func() {
		returned := false
		defer func() {
			if !returned {
				failed = newFailure(recover())
			}
			if l.post(posted{co.who, co.resume}) != nil {
				l.outlived(co)
			}
		}()
		err = f()
		returned = true
	})
	if err := co.wait(forWork, 0); err != nil {
		return err
	}
	if failed != nil {
		panic(failed)
	}
	return err
}

// outlived goes on with a coroutine whose loop has been ended by force while it waited
// for work. Nothing else runs on the loop by then but others like it.
func (l *Loop) outlived(co *Coroutine) {
	<-l.done
	l.late.Lock()
	defer l.late.Unlock()
	defer func() {
		if v := recover(); v != nil {
			f := newFailure(v)
			l.log.Error("handler panicked", "panic", f.String(), "stack", string(f.stack))
		}
		l.endStrands()
	}()
	co.resume()
}
