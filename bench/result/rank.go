package result

import "math"

// Intervals that assume nothing of how noise is distributed lie between two of
// the ordered values. Which two follows from how probable each sum of ranks is if
// nothing differs: exactly where values are few, by the normal distribution, which
// is as good then, where they are many.
const (
	manySigned = 100 // values of which each may have either sign
	manyMixed  = 40  // values of both of two groups
)

// signedLeft is how many of the least, and of the greatest, of the ordered
// averages of every two of n values are to be left out for an interval that misses
// their centre with a probability of alpha or less: those of Wilcoxon's signed
// ranks. Negative if n values are too few for such an interval.
func signedLeft(n int, alpha float64) int {
	if n > manySigned {
		size := float64(n)
		return normalLeft(size*(size+1)/4, math.Sqrt(size*(size+1)*(2*size+1)/24), alpha)
	}
	// Each rank belongs to a positive value or not, as a coin falls.
	p := make([]float64, n*(n+1)/2+1)
	p[0] = 1
	for rank := 1; rank <= n; rank++ {
		for sum := rank * (rank + 1) / 2; sum >= 0; sum-- {
			p[sum] /= 2
			if sum >= rank {
				p[sum] += p[sum-rank] / 2
			}
		}
	}
	return exactLeft(p, alpha)
}

// mixedLeft is the same for the ordered differences of each of n values to each
// of m others: those of Mann's and Whitney's test.
func mixedLeft(n, m int, alpha float64) int {
	if n+m > manyMixed {
		pairs := float64(n) * float64(m)
		return normalLeft(pairs/2, math.Sqrt(pairs*float64(n+m+1)/12), alpha)
	}
	// ways[j][u] is in how many ways j of the ranks so far can be those of the
	// n, with u times one of the m before one of them.
	ways := make([][]float64, n+1)
	for j := range ways {
		ways[j] = make([]float64, n*m+1)
	}
	ways[0][0] = 1
	for rank := range n + m {
		for j := min(rank, n-1); j >= max(0, rank-m); j-- {
			before := rank - j
			for u := range n*m + 1 - before {
				ways[j+1][u+before] += ways[j][u]
			}
		}
	}
	p, all := ways[n], choose(n+m, n)
	for u := range p {
		p[u] /= all
	}
	return exactLeft(p, alpha)
}

// exactLeft is how many of the least outcomes have together a probability of half
// of alpha or less, less one: to leave out k values is to be wrong in the outcomes
// from 0 to k.
func exactLeft(p []float64, alpha float64) int {
	k, sum := 0, 0.0
	for k < len(p) && sum+p[k] <= alpha/2 {
		sum += p[k]
		k++
	}
	return k - 1
}

func normalLeft(mean, deviation, alpha float64) int {
	z := math.Sqrt2 * math.Erfinv(1-alpha)
	if left := mean - z*deviation; left >= 1 { // not so if z is infinite, or no number
		return int(left) - 1
	}
	return -1
}

// choose is how many ways there are to take k of n.
func choose(n, k int) float64 {
	ways := 1.0
	for i := range k {
		ways *= float64(n-i) / float64(i+1)
	}
	return ways
}
