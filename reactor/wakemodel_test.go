//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"testing"
)

// The ways in which Loop.post and the loop's turn can interleave are tried out, all
// of them, on a model: two goroutines that post, and the loop. A step of the model is
// what no other goroutine can look into: all under a lock, or one atomic operation.
//
// A goroutine's post: append under the lock and note whether it was the first; set
// waiting; unlock. If it was the first, Wake: set pending under the waker's lock, and
// write to the eventfd, unless it was set.
//
// The loop: look at waiting, to know whether to block; block until the eventfd is
// readable, or only look; if it is, drain: clear pending and the eventfd; if waiting,
// take what is posted and clear waiting, under the lock; run it.

// mutation is a bug, planted to see that the model finds it.
type mutation string

const (
	faithful      mutation = ""
	wakeFirst     mutation = "wake before the function is in the list"
	clearLate     mutation = "waiting is cleared behind the lock"
	firstOutside  mutation = "whether it is the first is asked before the lock"
	drainTakesAll mutation = "pending is not cleared"
)

const (
	modelPosters = 2
	modelPosts   = 2 // of each
)

// model is a state.
type model struct {
	posted, ran      int8
	waiting          bool
	pending, eventfd bool
	writes           int8

	loop  int8 // where it stands
	block bool // it will
	taken int8 // functions that it runs

	poster [modelPosters]struct {
		at    int8
		left  int8
		first bool
	}
}

// stepLoop moves the loop; false: it cannot.
func (m *model) stepLoop(bug mutation) bool {
	switch m.loop {
	case 0:
		m.block = !m.waiting
	case 1:
		if m.block && !m.eventfd {
			return false
		}
		if m.eventfd {
			m.eventfd = false
			if bug != drainTakesAll {
				m.pending = false
			}
		}
	case 2:
		if !m.waiting {
			m.loop = 0
			return true
		}
	case 3:
		m.taken, m.posted = m.posted, 0
		if bug != clearLate {
			m.waiting = false
		}
	case 4:
		if bug == clearLate {
			m.waiting = false
		}
		m.ran += m.taken
		m.taken = 0
		m.loop = 0
		return true
	}
	m.loop++
	return true
}

// stepPoster moves a goroutine; false: it is done.
func (m *model) stepPoster(i int, bug mutation) bool {
	p := &m.poster[i]
	if p.left == 0 {
		return false
	}
	wake := func() {
		if !m.pending {
			m.pending, m.eventfd = true, true
			m.writes++
		}
	}
	switch p.at {
	case 0: // before the lock
		if bug == firstOutside {
			p.first = m.posted == 0
		}
		if bug == wakeFirst && m.posted == 0 {
			wake()
		}
	case 1: // under the lock
		m.posted++
		if bug != firstOutside {
			p.first = m.posted == 1
		}
	case 2: // still under it, but the loop looks at waiting without
		m.waiting = true
	case 3:
		if p.first && bug != wakeFirst {
			wake()
		}
		p.at = 0
		p.left--
		return true
	}
	p.at++
	return true
}

// locked reports whether a goroutine is between append and unlock.
func (m *model) locked() bool {
	for i := range m.poster {
		if m.poster[i].at == 2 {
			return true
		}
	}
	return false
}

// explore tries every interleaving from m on, and returns what goes wrong in the
// first of them that does.
func (m model) explore(bug mutation, seen map[model]bool) error {
	if seen[m] {
		return nil
	}
	seen[m] = true
	moved := false
	try := func(step func(next *model) bool) error {
		next := m
		if !step(&next) {
			return nil
		}
		moved = true
		return next.explore(bug, seen)
	}
	if m.loop != 3 || !m.locked() { // the loop's own lock
		if err := try(func(next *model) bool { return next.stepLoop(bug) }); err != nil {
			return err
		}
	} else {
		moved = true // whoever holds the lock goes on
	}
	for i := range m.poster {
		if m.poster[i].at == 1 && m.locked() {
			continue
		}
		if err := try(func(next *model) bool { return next.stepPoster(i, bug) }); err != nil {
			return err
		}
	}
	const all = modelPosters * modelPosts
	switch {
	case m.writes > all:
		return fmt.Errorf("%d writes to the eventfd for %d functions", m.writes, all)
	case !moved && m.ran != all: // all are at rest, the loop in its wait
		return fmt.Errorf("the loop sleeps, %d functions of %d have run: %+v", m.ran, all, m)
	}
	return nil
}

// In no interleaving does a loop sleep while a function waits, and in none are there
// more wake-ups than functions: P6. That the model would show it, planted bugs tell.
func TestNoInterleavingLosesAWakeUp(t *testing.T) {
	var start model
	for i := range start.poster {
		start.poster[i].left = modelPosts
	}
	seen := map[model]bool{}
	if err := start.explore(faithful, seen); err != nil {
		t.Error(err)
	}
	if len(seen) < 1000 {
		t.Errorf("%d states: the model shows nothing", len(seen))
	}
	for _, bug := range []mutation{wakeFirst, clearLate, firstOutside, drainTakesAll} {
		if err := start.explore(bug, map[model]bool{}); err == nil {
			t.Errorf("the model does not find this bug: %s", bug)
		}
	}
}
