package result

import (
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
)

// A factor is by what new is greater than old: a Figure whose Median estimates it
// and whose interval misses it with a probability of alpha at most. Without an
// interval both ends are 0, and a factor that cannot be told is 0 too. It is found
// among logarithms, where twice as much lies as far from 1 as half.

// pairedFactor is that of ratios of new to old within rounds. Whatever made a
// round faster or slower than the next is not in them. As both sides take turns,
// ratios scatter to either side alike, which is all that the averages of every two
// (Hodges and Lehmann's estimate, Wilcoxon's interval) rest on.
func pairedFactor(ratios []float64, alpha float64) Figure {
	logs := logarithms(ratios)
	averages := make([]float64, 0, len(logs)*(len(logs)+1)/2)
	for i, a := range logs {
		for _, b := range logs[i:] {
			averages = append(averages, (a+b)/2)
		}
	}
	return ordered(averages, signedLeft(len(logs), alpha))
}

// mixedFactor is that of rounds which have nothing to do with each other: each of
// old against each of new (Hodges and Lehmann's estimate, Mann and Whitney's
// interval).
func mixedFactor(old, new []float64, alpha float64) Figure {
	xs, ys := logarithms(old), logarithms(new)
	differences := make([]float64, 0, len(xs)*len(ys))
	for _, x := range xs {
		for _, y := range ys {
			differences = append(differences, y-x)
		}
	}
	return ordered(differences, mixedLeft(len(xs), len(ys), alpha))
}

// ordered is the median of logarithms of factors, with an interval that leaves
// out so many at either end, or none if that is negative.
func ordered(logs []float64, left int) Figure {
	if len(logs) == 0 {
		return Figure{}
	}
	slices.Sort(logs)
	f := Figure{Median: math.Exp((logs[(len(logs)-1)/2] + logs[len(logs)/2]) / 2)}
	if left >= 0 && left < (len(logs)+1)/2 {
		f.Low, f.High = math.Exp(logs[left]), math.Exp(logs[len(logs)-1-left])
	}
	return f
}

// spreadFactor is that of whole measurements, a number each, which differ among
// themselves by all that comes between two of them: other rounds, another hour,
// another place in memory. Three of each side are too few for ranks, so it is
// Welch's interval, which takes such numbers, medians of rounds, for normally
// distributed.
func spreadFactor(old, new []float64, alpha float64) Figure {
	xs, ys := logarithms(old), logarithms(new)
	if len(xs) == 0 || len(ys) == 0 {
		return Figure{}
	}
	x, y := stats.Mean(xs), stats.Mean(ys)
	f := Figure{Median: math.Exp(y - x)}
	if len(xs) < 2 || len(ys) < 2 {
		return f
	}
	a, b := stats.Variance(xs)/float64(len(xs)), stats.Variance(ys)/float64(len(ys))
	reach := 0.0
	if a+b > 0 {
		freedom := (a + b) * (a + b) / (a*a/float64(len(xs)-1) + b*b/float64(len(ys)-1))
		reach = stats.InvCDF(stats.TDist{V: freedom})(1-alpha/2) * math.Sqrt(a+b)
	}
	if low, high := math.Exp(y-x-reach), math.Exp(y-x+reach); !math.IsInf(reach, 0) && !math.IsNaN(reach) {
		f.Low, f.High = low, high
	}
	return f
}

// logarithms is those of xs; none at all if one of xs has none.
func logarithms(xs []float64) []float64 {
	var logs []float64
	for _, x := range xs {
		if !(x > 0) || math.IsInf(x, 1) {
			return nil
		}
		logs = append(logs, math.Log(x))
	}
	return logs
}
