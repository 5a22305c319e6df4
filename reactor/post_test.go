//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// Ten million functions from four goroutines run, each once and in the order of
// its goroutine; wake-ups are far fewer: P6.
func TestTenMillionPosts(t *testing.T) {
	const goroutines = 4
	total := 10_000_000
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := serve(t, o, NopHandler{})
		l := g.loops[0]
		var wakes atomic.Int64
		hook(t, &sys.Hooks{Trace: func(c sys.Call) {
			if c.Op == sys.OpWrite {
				wakes.Add(1)
			}
		}})
		each := total / goroutines
		next := make([]int, goroutines)
		var wg sync.WaitGroup
		for i := range goroutines {
			wg.Go(func() {
				for k := range each {
					err := l.Post(func() {
						if next[i] != k {
							t.Errorf("goroutine %d: function %d ran where %d was next", i, k, next[i])
						}
						next[i] = k + 1
					})
					if err != nil {
						t.Error(err)
						return
					}
					if k%1000 == i { // so that the loop sometimes sleeps
						runtime.Gosched()
					}
				}
			})
		}
		wg.Wait()
		onLoop(t, l, func() {
			for i, n := range next {
				if n != each {
					t.Errorf("goroutine %d: %d functions ran, want %d", i, n, each)
				}
			}
		})
		if n := wakes.Load(); n == 0 || n > int64(total) {
			t.Errorf("%d wake-ups for %d functions", n, total)
		}
		total = 400_000 // the first backend has shown it; the others must not lose any
	})
}

// Groups are started and ended while others post: nothing is written to a
// descriptor that is closed, no function is lost that was taken, and none taken
// after the end: F6.
func TestPostsRaceWithTheEnd(t *testing.T) {
	leaktest.Check(t)
	rounds := 10_000
	if testing.Short() {
		rounds = 500
	}
	for range rounds {
		g, err := Open(Options{Loops: 1, SlowCallback: -1})
		if err != nil {
			t.Fatal(err)
		}
		l := g.loops[0]
		var taken, ran atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 5 {
					switch err := l.Post(func() { ran.Add(1) }); {
					case err == nil:
						taken.Add(1)
					case !errors.Is(err, ErrClosed):
						t.Error(err)
					}
				}
			})
		}
		if err := g.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if taken.Load() != ran.Load() {
			t.Fatalf("%d functions were taken, %d ran", taken.Load(), ran.Load())
		}
		if err := l.Post(func() {}); !errors.Is(err, ErrClosed) {
			t.Fatalf("a post after the end: %v", err)
		}
	}
}
