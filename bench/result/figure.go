package result

import (
	"maps"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// Figure is what several rounds say of one quantity.
type Figure struct {
	Median float64 `json:"median"`
	Spread float64 `json:"spread"` // half of greatest less least, as a share of the median

	// Low and High bound the 95 % interval of the median; both are 0 where
	// there are too few rounds for one: fewer than six.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

const confidence = 0.95

// newFigure is the figure of xs; zero when there are none.
func newFigure(xs []float64) Figure {
	if len(xs) == 0 {
		return Figure{}
	}
	s := benchmath.AssumeNothing.Summary(benchmath.NewSample(slices.Clone(xs), &benchmath.DefaultThresholds), confidence)
	f := Figure{Median: s.Center}
	if s.Center != 0 {
		f.Spread = (slices.Max(xs) - slices.Min(xs)) / 2 / math.Abs(s.Center)
	}
	if !math.IsInf(s.Lo, 0) && !math.IsInf(s.Hi, 0) {
		f.Low, f.High = s.Lo, s.Hi
	}
	return f
}

// Interval reports whether there is one.
func (f Figure) Interval() bool { return f.Low != 0 || f.High != 0 }

// ratios is xs to base, round by round, in the order of rounds: rounds that one
// of them lacks, or in which the base is zero, say nothing.
func ratios(xs, base map[int]float64) []float64 {
	var rs []float64
	for _, round := range slices.Sorted(maps.Keys(xs)) {
		if b := base[round]; b != 0 {
			rs = append(rs, xs[round]/b)
		}
	}
	return rs
}
