//go:build linux

package run

import (
	"math"
	"slices"
	"testing"
)

func TestFigure(t *testing.T) {
	for _, test := range []struct {
		xs             []float64
		median, spread float64
	}{
		{nil, 0, 0},
		{[]float64{5}, 5, 0},
		{[]float64{4, 2}, 3, 1.0 / 3},
		{[]float64{9, 1, 4}, 4, 1},
		{[]float64{1, 2, 3, 100}, 2.5, 99 / 2.0 / 2.5},
		{[]float64{0, 0, 0}, 0, 0},
	} {
		given := slices.Clone(test.xs)
		f := figure(test.xs)
		if f.Median != test.median || math.Abs(f.Spread-test.spread) > 1e-12 {
			t.Errorf("figure(%v) = %+v, want %v, %v", test.xs, f, test.median, test.spread)
		}
		if !slices.Equal(given, test.xs) {
			t.Errorf("figure changed %v to %v", given, test.xs)
		}
	}
}

// TestRatios: a round counts only against the same round of the base.
func TestRatios(t *testing.T) {
	xs := map[int]float64{0: 10, 1: 40, 2: 7, 3: 9}
	base := map[int]float64{0: 20, 1: 10, 3: 0}
	got := ratios(xs, base)
	slices.Sort(got)
	if !slices.Equal(got, []float64{0.5, 4}) {
		t.Errorf("got %v, want [0.5 4]", got)
	}
}

func TestSummary(t *testing.T) {
	sample := func(round int, rate, foreign float64) *Sample {
		return &Sample{Round: round, Rate: rate, CPU: 1e9 / rate, Foreign: foreign, Notes: map[string]float64{"timer p50_us": rate}}
	}
	entries := []*entry{
		{spec: Spec{Peer: Peer{Name: "gone"}}, failed: true},
		{spec: Spec{Peer: Peer{Name: "base"}}, samples: []*Sample{sample(0, 100, 0), sample(1, 200, 0), sample(2, 400, 0)}},
		// The machine doubled its speed each round; the ratio never changed.
		{spec: Spec{Peer: Peer{Name: "half"}, Flags: []string{"-x"}}, samples: []*Sample{sample(0, 50, 1), sample(1, 100, 0), sample(2, 200, 0)}},
	}
	o := summarize(Scenario{Name: "s"}, entries)
	if len(o.Rows) != 2 || o.Base != "base" {
		t.Fatalf("base %q, %d rows", o.Base, len(o.Rows))
	}
	r := o.Rows[1]
	if r.Peer != "half -x" || r.Rate.Median != 100 || r.RateRatio != (Figure{0.5, 0}) || r.CPURatio != (Figure{2, 0}) || r.Disturbed != 1 || r.Notes["timer p50_us"] != 100 {
		t.Errorf("row %+v", r)
	}
}
