//go:build linux

package load

import "math/bits"

// total is a sum of latencies that neither overflows nor is rounded: ten
// minutes of a long backlog are more nanoseconds than 64 bits hold.
type total struct{ high, low uint64 }

// add adds n times x; neither is negative.
func (t *total) add(x, n int64) {
	high, low := bits.Mul64(uint64(x), uint64(n))
	var carry uint64
	t.low, carry = bits.Add64(t.low, low, 0)
	t.high += high + carry
}

// mean is the total divided by n, 0 for n = 0.
func (t *total) mean(n int64) float64 {
	if n == 0 {
		return 0
	}
	return (float64(t.high)*(1<<64) + float64(t.low)) / float64(n)
}
