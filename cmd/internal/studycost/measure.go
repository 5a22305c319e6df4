//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package studycost

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"example.com/iomux"
)

// Waits is how many waits the figures are for, and how many are made of each at most.
const Waits = 100_000

const (
	passes      = 3                    // over all points, so that what an hour brings is shared by all
	leastRounds = 2                    // of a point in a pass
	leastWaits  = 4                    // in a round, however long they take
	roundTime   = 2 * time.Millisecond // about what a round takes
)

// Measure measures everything that o asks for. Before each step it calls progress with
// how many are done, of how many. It ends early, with what there is, when ctx does; a
// point that cannot be measured is among the samples.
func Measure(ctx context.Context, o Options, progress func(done, all int, p Point)) (list []Sample, err error) {
	runtime.LockOSThread() // whose time is measured
	defer runtime.UnlockOSThread()
	sources := make([]source, 0, o.Max)
	defer func() {
		for _, s := range sources {
			s.close()
		}
	}()
	for range o.Max {
		s, err := newSource()
		if err != nil {
			return nil, fmt.Errorf("descriptor %d of %d: %w", len(sources)+1, o.Max, err)
		}
		sources = append(sources, s)
	}
	points := o.points()
	rounds := make([][]float64, len(points)) // seconds for a wait
	list = make([]Sample, len(points))
	end := time.Now().Add(o.Time)
	steps := passes * len(points)
	for step := range steps {
		i := step % len(points)
		p, s := points[i], &list[i]
		if s.Point = p; ctx.Err() != nil || s.Why != nil || s.Waits >= Waits {
			continue
		}
		progress(step, steps, p)
		share := time.Until(end) / time.Duration(steps-step)
		more, n, err := measure(ctx, p, sources[:p.Watched], Waits-s.Waits, time.Now().Add(share))
		s.Why = err
		s.Waits += n
		rounds[i] = append(rounds[i], more...)
	}
	for i := range list {
		list[i].Seconds = median(rounds[i]) * Waits
	}
	return slices.DeleteFunc(list, func(s Sample) bool { return s.Waits == 0 && s.Why == nil }), nil
}

// median is the middle one of what rounds took, 0 of none: a neighbour on the processor
// makes some longer.
func median(rounds []float64) float64 {
	if len(rounds) == 0 {
		return 0
	}
	slices.Sort(rounds)
	return rounds[len(rounds)/2]
}

// measure makes some rounds of waits of one point, most waits in all. Its set-up is of
// the time that it has.
func measure(ctx context.Context, p Point, sources []source, most int, end time.Time) (rounds []float64, waits int, err error) {
	poller, err := iomux.Open(p.Backend)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = poller.Close() }() // it is only measured
	for _, s := range sources {
		if err := poller.Update(s.fd(), 0, iomux.Readable); err != nil {
			return nil, 0, err
		}
	}
	m := &meter{poller: poller, sources: sources, active: p.Active, ready: make([]iomux.Ready, p.Active+1)}
	took, err := m.round(leastWaits) // which warms the caches, and says how long a wait takes
	if err != nil {
		return nil, 0, err
	}
	each := max(leastWaits, int(roundTime/max(1, took/leastWaits)))
	for waits < most && ctx.Err() == nil && (len(rounds) < leastRounds || time.Now().Before(end)) {
		n := min(each, max(leastWaits, most-waits))
		took, err := m.round(n)
		if err != nil {
			return nil, 0, err
		}
		rounds = append(rounds, took.Seconds()/float64(n))
		waits += n
	}
	return rounds, waits, nil
}

// meter measures rounds of waits.
type meter struct {
	poller  iomux.Poller
	sources []source
	active  int
	ready   []iomux.Ready
}

// round makes some descriptors ready, other ones each time, and measures how long n
// waits take that find them, and nothing else. Since reports are level-triggered, all
// n find the same.
func (m *meter) round(n int) (took time.Duration, err error) {
	chosen := rand.Perm(len(m.sources))[:m.active]
	for _, i := range chosen {
		if err := m.sources[i].set(); err != nil {
			return 0, fmt.Errorf("write: %w", err)
		}
	}
	begin := clock()
	for range n {
		found, err := m.poller.Wait(m.ready, 0)
		if err != nil {
			return 0, err
		}
		if found != m.active {
			return 0, fmt.Errorf("a wait found %d, not %d", found, m.active)
		}
	}
	took = clock() - begin
	for _, i := range chosen {
		if err := m.sources[i].clear(); err != nil {
			return 0, fmt.Errorf("read: %w", err)
		}
	}
	return took, nil
}
