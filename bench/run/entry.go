//go:build linux

package run

import (
	"github.com/HdrHistogram/hdrhistogram-go"

	"example.com/iomux/bench/result"
)

// entry is a peer within a scenario.
type entry struct {
	spec    Spec
	samples []*result.Sample
	latency *hdrhistogram.Histogram // of all rounds
	calls   map[string]float64
	failed  bool
}

// trial is one run of it.
type trial struct {
	sample  *result.Sample
	latency *hdrhistogram.Histogram
}

func newEntry(p Spec) *entry { return &entry{spec: p} }

func (e *entry) add(t *trial) {
	e.samples = append(e.samples, t.sample)
	if e.latency == nil {
		e.latency = t.latency
	} else {
		e.latency.Merge(t.latency)
	}
}

// series is what counts of the entry: nothing if it failed on the way.
func (e *entry) series() result.Series {
	s := result.Series{Peer: e.spec.Label()}
	if !e.failed {
		s.Samples, s.Latency, s.Calls = e.samples, spectrum(e.latency), e.calls
	}
	return s
}

// points are the percentiles that a report keeps: closer together towards the
// end, where what matters is.
var points = []float64{0, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.98, 99.99, 99.995, 99.999, 100}

// leastBeyond is how many values must lie beyond a percentile for it to mean
// something.
const leastBeyond = 5

func spectrum(h *hdrhistogram.Histogram) []result.Percentile {
	if h == nil || h.TotalCount() == 0 {
		return nil
	}
	var all []result.Percentile
	for _, p := range points {
		if p < 100 && (1-p/100)*float64(h.TotalCount()) < leastBeyond {
			continue
		}
		all = append(all, result.Percentile{Percent: p, Micros: float64(h.ValueAtPercentile(p)) / 1e3})
	}
	return all
}
