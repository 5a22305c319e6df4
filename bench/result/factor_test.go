package result

import (
	"math"
	"testing"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }

func TestPairedFactor(t *testing.T) {
	// Averages of every two of 0, 1, ... 8: their median is 4. Two in a hundred
	// leave out the least and the greatest three.
	var rs []float64
	for i := range 9 {
		rs = append(rs, math.Exp(float64(i)))
	}
	if f := pairedFactor(rs, 0.02); !near(math.Log(f.Median), 4) || !near(math.Log(f.Low), 1) || !near(math.Log(f.High), 7) {
		t.Errorf("%g, from %g to %g", math.Log(f.Median), math.Log(f.Low), math.Log(f.High))
	}
	if f := pairedFactor(rs, 0.001); !near(math.Log(f.Median), 4) || f.Interval() {
		t.Errorf("%+v", f)
	}
	if f := pairedFactor([]float64{2}, 0.01); f != (Figure{Median: 2}) {
		t.Errorf("%+v", f)
	}
}

func TestMixedFactor(t *testing.T) {
	xs, ys := []float64{1, 2, 4, 8, 16}, []float64{2, 4, 8, 16, 32}
	if f := mixedFactor(xs, ys, 0.01); !near(f.Median, 2) || !near(f.Low, 1/8.) || !near(f.High, 32) {
		t.Errorf("%+v", f)
	}
	if f := mixedFactor(xs, ys[:3], 0.01); f.Interval() || f.Median == 0 {
		t.Errorf("%+v", f)
	}
}

// Three to three whose logarithms have means 0 and 1 and variances 1: Student's t
// for one in a hundred at four degrees of freedom is 4.6041.
func TestSpreadFactor(t *testing.T) {
	xs, ys := []float64{math.Exp(-1), 1, math.E}, []float64{1, math.E, math.Exp(2)}
	f := spreadFactor(xs, ys, 0.01)
	reach := 4.604095 * math.Sqrt(2./3)
	if !near(math.Log(f.Median), 1) || !near(math.Log(f.Low), 1-reach) || !near(math.Log(f.High), 1+reach) {
		t.Errorf("%g, from %g to %g", math.Log(f.Median), math.Log(f.Low), math.Log(f.High))
	}
	if f := spreadFactor([]float64{3, 3}, []float64{6, 6, 6}, 0.01); !near(f.Median, 2) || !near(f.Low, 2) || !near(f.High, 2) {
		t.Errorf("without any spread: %+v", f)
	}
	if f := spreadFactor(xs, ys[:1], 0.01); f.Interval() || f.Median == 0 {
		t.Errorf("%+v", f)
	}
	if f := spreadFactor(xs, ys, 5e-324); f.Interval() {
		t.Errorf("%+v", f)
	}
}

// What has no ratio has no factor.
func TestNoFactor(t *testing.T) {
	fine := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}
	for _, xs := range [][]float64{nil, {0, 1, 2}, {1, -1}, {math.Inf(1), 1}, {math.NaN()}} {
		for _, f := range []Figure{pairedFactor(xs, 0.01), mixedFactor(xs, fine, 0.01), mixedFactor(fine, xs, 0.01), spreadFactor(xs, fine, 0.01), spreadFactor(fine, xs, 0.01)} {
			if f != (Figure{}) {
				t.Errorf("%v: %+v", xs, f)
			}
		}
	}
}
