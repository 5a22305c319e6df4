package report

import (
	"math"
	"strconv"
)

// axis puts values on a line from 0 to 100 percent of its length.
type axis struct {
	low, high float64 // of the logarithms if log
	log       bool
}

// place is where x is, never off the line whatever x is.
func (a axis) place(x float64) float64 {
	if a.log {
		x = math.Log10(x)
	}
	at := 100 * (x - a.low) / (a.high - a.low)
	switch {
	case !(at > 0): // NaN too
		return 0
	case at > 100:
		return 100
	}
	return at
}

// percentAt is a place as a coordinate of SVG.
func percentAt(at float64) string { return strconv.FormatFloat(at, 'f', 2, 64) + "%" }

// steps are round numbers from 0 to high, n of them or a few more or less.
func steps(high float64, n int) []float64 {
	if !(high > 0) || math.IsInf(high, 0) {
		return []float64{0}
	}
	rough := high / float64(n)
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	step := 10 * power
	for _, m := range []float64{1, 2, 5} {
		if m*power >= rough {
			step = m * power
			break
		}
	}
	var ticks []float64
	for i := 0; float64(i)*step <= high*1.0001 && i <= 2*n; i++ {
		ticks = append(ticks, float64(i)*step)
	}
	return ticks
}

// decades are round numbers on a logarithmic axis, from 10^low to 10^high.
func decades(low, high float64) []float64 {
	factors := []float64{1}
	switch span := high - low; {
	case !(span < 40):
		return nil
	case span < 1.2:
		factors = []float64{1, 2, 3, 5, 7}
	case span < 2.5:
		factors = []float64{1, 2, 5}
	}
	var ticks []float64
	for e := math.Floor(low); e <= high; e++ {
		for _, f := range factors {
			if x := f * math.Pow(10, e); math.Log10(x) >= low && math.Log10(x) <= high {
				ticks = append(ticks, x)
			}
		}
	}
	return ticks
}
