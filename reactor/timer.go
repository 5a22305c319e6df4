//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"container/heap"
	"time"
)

// timer is a function due at a time.
type timer struct {
	at time.Time
	f  func()
}

// timers is a loop's heap of them, the earliest first. Of the loop's goroutine
// only.
type timers []timer

// after has f called in the first turn that begins d from now or later.
func (t *timers) after(d time.Duration, f func()) {
	heap.Push((*timerHeap)(t), timer{time.Now().Add(d), f})
}

// next is when the earliest is due.
func (t *timers) next() (at time.Time, ok bool) {
	if len(*t) == 0 {
		return at, false
	}
	return (*t)[0].at, true
}

// fire calls what is due. A timer is taken out before its call.
func (t *timers) fire() {
	if len(*t) == 0 {
		return
	}
	now := time.Now()
	for len(*t) > 0 && !(*t)[0].at.After(now) {
		heap.Pop((*timerHeap)(t)).(timer).f()
	}
}

// timerHeap is timers as container/heap wants it.
type timerHeap []timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)        { *h = append(*h, x.(timer)) }
func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = timer{}
	*h = (*h)[:last]
	return x
}
