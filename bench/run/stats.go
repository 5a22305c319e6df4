//go:build linux

package run

import "slices"

// Figure is what several rounds say of one quantity.
type Figure struct {
	Median float64 `json:"median"`
	Spread float64 `json:"spread"` // half of greatest less least, as a share of the median
}

// figure is the figure of xs; zero when there are none.
func figure(xs []float64) Figure {
	if len(xs) == 0 {
		return Figure{}
	}
	m := median(xs)
	if m == 0 {
		return Figure{}
	}
	return Figure{m, (slices.Max(xs) - slices.Min(xs)) / 2 / m}
}

// median is the middle of xs, which must not be empty; of an even number, the
// mean of the two in the middle.
func median(xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// ratios is xs to base, round by round: rounds that one of them lacks, or in
// which the base is zero, say nothing.
func ratios(xs, base map[int]float64) []float64 {
	var rs []float64
	for round, x := range xs {
		if b := base[round]; b != 0 {
			rs = append(rs, x/b)
		}
	}
	return rs
}
