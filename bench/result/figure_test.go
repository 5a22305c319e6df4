package result

import (
	"math"
	"slices"
	"testing"
)

// The interval of the median lies between two of the ordered values, which
// tables give by how many there are.
func TestIntervalIsOfOrderStatistics(t *testing.T) {
	for _, c := range []struct{ n, low, high int }{
		{1, 0, 0}, {2, 0, 0}, {3, 0, 0}, {4, 0, 0}, {5, 0, 0},
		{6, 1, 6}, {9, 2, 8}, {10, 2, 9}, {15, 4, 12}, {20, 6, 15}, {25, 8, 18},
	} {
		xs := make([]float64, c.n)
		for i := range xs {
			xs[i] = float64(c.n - i)
		}
		f := newFigure(xs)
		if f.Low != float64(c.low) || f.High != float64(c.high) || f.Interval() != (c.low > 0) {
			t.Errorf("n=%d: %g to %g, want %d to %d", c.n, f.Low, f.High, c.low, c.high)
		}
		if want := float64(c.n+1) / 2; f.Median != want {
			t.Errorf("n=%d: median %g, want %g", c.n, f.Median, want)
		}
		if xs[0] != float64(c.n) {
			t.Errorf("n=%d: what was given is sorted now", c.n)
		}
	}
}

func TestFigure(t *testing.T) {
	for _, c := range []struct {
		xs   []float64
		want Figure
	}{
		{nil, Figure{}},
		{[]float64{5}, Figure{Median: 5}},
		{[]float64{3, 1, 2}, Figure{Median: 2, Spread: 0.5}},
		{[]float64{-3, -1, -2}, Figure{Median: -2, Spread: 0.5}},
		{[]float64{0, 0, 0, 0, 0, 0}, Figure{}},
		{[]float64{1, 1, 1, 1, 1, 1}, Figure{Median: 1, Low: 1, High: 1}},
		{[]float64{-1, 0, 1}, Figure{}}, // of what would the spread be a share?
	} {
		if got := newFigure(c.xs); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.xs, got, c.want)
		}
	}
}

func TestRatiosAreWithinRounds(t *testing.T) {
	xs := map[int]float64{0: 2, 1: 9, 3: 8, 4: 1}
	base := map[int]float64{0: 1, 1: 3, 2: 5, 4: 0}
	if got, want := ratios(xs, base), []float64{2, 3}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v: rounds that one lacks, or where the base is 0, count for nothing", got, want)
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      Verdict
	}{
		{0, 0, TooFew},
		{1.1, 1.2, More},
		{0.8, 0.9, Less},
		{0.97, 1.03, Same},
		{1, 1, Same},
		{0.969, 1.01, Noisy},
		{0.99, 1.031, Noisy},
		{0.5, 2, Noisy},
		{1, 1.031, Noisy}, // equal is within it
		{0.969, 1, Noisy},
		{1.001, 1.031, More},
		{0.969, 0.999, Less},
		{1.001, 1.029, Same}, // a difference too small to matter
		{0, 0.5, Less},
		{-1, 2, Noisy},
		{math.Inf(-1), math.Inf(1), Noisy},
	} {
		if got := (Figure{Median: 1, Low: c.low, High: c.high}).Verdict(); got != c.want {
			t.Errorf("%g to %g: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}
