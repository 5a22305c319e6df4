//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import "time"

// bucket lets through so much a second, and a burst at once. It is full at first.
type bucket struct {
	rate, burst float64 // a rate of 0 or less lets through everything
	level       float64
	at          time.Time
}

func newBucket(rate, burst float64, now time.Time) bucket {
	return bucket{rate: rate, burst: max(burst, 1), level: max(burst, 1), at: now}
}

// fill takes in the time that has passed, and reports whether it is full.
func (b *bucket) fill(now time.Time) bool {
	if d := now.Sub(b.at); d > 0 {
		b.level = min(b.burst, b.level+d.Seconds()*b.rate)
		b.at = now
	}
	return b.level >= b.burst
}

// take takes one, if need be on credit, and returns how long it is until the debt is
// paid: 0, as long as there was one.
func (b *bucket) take(now time.Time) time.Duration {
	if b.rate <= 0 {
		return 0
	}
	b.fill(now)
	if b.level--; b.level >= 0 {
		return 0
	}
	return time.Duration(-b.level / b.rate * float64(time.Second))
}

// allow takes one if there is one.
func (b *bucket) allow(now time.Time) bool {
	if b.rate <= 0 {
		return true
	}
	b.fill(now)
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}
