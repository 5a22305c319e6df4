package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// nap is how long the probe sleeps at a time.
const nap = 2 * time.Millisecond

// lateness is how much later than asked for a goroutine woke that has nothing to
// do with any loop but shares its processors: what the rest of a program feels
// of a busy server.
type lateness struct {
	done  chan struct{}
	lates []time.Duration // after done
}

// watchTimer sleeps over and over until ctx ends. It begins with the program,
// so that the quiet before and after the load counts too.
func watchTimer(ctx context.Context) *lateness {
	l := &lateness{done: make(chan struct{}), lates: make([]time.Duration, 0, 1<<16)}
	go func() {
		defer close(l.done)
		for ctx.Err() == nil {
			asleep := time.Now()
			time.Sleep(nap)
			l.lates = append(l.lates, time.Since(asleep)-nap)
		}
	}()
	return l
}

// String waits for the end of the probe. The form is what the runner reads.
func (l *lateness) String() string {
	<-l.done
	s := slices.Sorted(slices.Values(l.lates))
	if len(s) == 0 {
		return "timer" // it ended before the first nap did
	}
	at := func(share float64) int64 { return s[int(share*float64(len(s)-1))].Microseconds() }
	return fmt.Sprintf("timer p50_us=%d p99_us=%d max_us=%d", at(0.5), at(0.99), at(1))
}
