package result

import (
	"math"
	"testing"
)

// Tables of critical values say how great the lesser sum of ranks may be: so many
// values are left out at either end.
func TestSignedRanks(t *testing.T) {
	for _, c := range []struct {
		n     int
		alpha float64
		want  int
	}{
		{0, 0.05, -1},
		{5, 0.05, -1}, {6, 0.05, 0}, {7, 0.05, 2}, {8, 0.05, 3}, {9, 0.05, 5}, {10, 0.05, 8}, {15, 0.05, 25}, {20, 0.05, 52}, {25, 0.05, 89},
		{7, 0.01, -1}, {8, 0.01, 0}, {9, 0.01, 1}, {10, 0.01, 3}, {20, 0.01, 37}, {25, 0.01, 68},
	} {
		if got := signedLeft(c.n, c.alpha); got != c.want {
			t.Errorf("%d values, %g: %d, want %d", c.n, c.alpha, got, c.want)
		}
	}
}

func TestMixedRanks(t *testing.T) {
	for _, c := range []struct {
		n, m  int
		alpha float64
		want  int
	}{
		{0, 5, 0.05, -1}, {5, 0, 0.05, -1},
		{3, 3, 0.05, -1}, {4, 4, 0.05, 0}, {3, 5, 0.05, 0}, {5, 3, 0.05, 0}, {5, 5, 0.05, 2}, {6, 6, 0.05, 5}, {8, 8, 0.05, 13}, {9, 9, 0.05, 17},
		{10, 10, 0.05, 23}, {20, 20, 0.05, 127}, {4, 10, 0.05, 5},
		{4, 4, 0.01, -1}, {5, 5, 0.01, 0}, {6, 6, 0.01, 2}, {8, 8, 0.01, 7}, {9, 9, 0.01, 11}, {10, 10, 0.01, 16}, {20, 20, 0.01, 105},
	} {
		if got := mixedLeft(c.n, c.m, c.alpha); got != c.want {
			t.Errorf("%d and %d values, %g: %d, want %d", c.n, c.m, c.alpha, got, c.want)
		}
	}
}

// Where many values are taken for normally distributed, the interval is a little
// wider than it need be, and never narrower.
func TestManyRanks(t *testing.T) {
	for _, alpha := range []float64{0.05, 0.01, 0.001, 0.0001} {
		const n, half = float64(manySigned), manyMixed / 2
		for name, c := range map[string]struct{ exact, normal int }{
			"signed": {signedLeft(manySigned, alpha), normalLeft(n*(n+1)/4, math.Sqrt(n*(n+1)*(2*n+1)/24), alpha)},
			"mixed":  {mixedLeft(half, half, alpha), normalLeft(half*half/2, math.Sqrt(half*half*(manyMixed+1)/12.), alpha)},
		} {
			if c.normal > c.exact || c.normal < c.exact*9/10 {
				t.Errorf("%s, %g: %d by the normal distribution, and %d", name, alpha, c.normal, c.exact)
			}
		}
		if a, b := signedLeft(manySigned+1, alpha), signedLeft(10*manySigned, alpha); a < signedLeft(manySigned-1, alpha) || b < 50*a {
			t.Errorf("signed, %g: %d and %d", alpha, a, b)
		}
		if a, b := mixedLeft(half, half+2, alpha), mixedLeft(10*half, 10*half, alpha); a < mixedLeft(half, half-2, alpha) || b < 50*a {
			t.Errorf("mixed, %g: %d and %d", alpha, a, b)
		}
	}
}

func TestNoSuchProbability(t *testing.T) {
	for _, alpha := range []float64{0, -1, 5e-324} {
		for _, n := range []int{8, 200} {
			if a, b := signedLeft(n, alpha), mixedLeft(n, n, alpha); a != -1 || b != -1 {
				t.Errorf("%d values, %g: %d and %d", n, alpha, a, b)
			}
		}
	}
}
