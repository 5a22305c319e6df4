//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package studycost

import (
	"slices"
	"time"

	"example.com/iomux"
)

// Options say how much to measure.
type Options struct {
	Backends []iomux.Backend
	Max      int           // how many descriptors to watch at most
	Time     time.Duration // for all together, about
}

// Point is one thing to measure: a wait with so many descriptors watched, of which so
// many are ready.
type Point struct {
	Backend iomux.Backend
	Watched int
	Active  int
}

// Sample is what was measured at a point.
type Sample struct {
	Point
	Waits   int     // that were made; 0: the point could not be measured
	Seconds float64 // for 100,000 waits
	Why     error   // the point could not be measured
}

// counts are how many descriptors are watched. Those that TLPI has are among them.
var counts = []int{10, 30, 100, 300, 1000, 3000, 10000, 20000}

// someWatched is how many are watched while the number of those active grows.
const someWatched = 1000

// points are what is measured, the cheap ones first.
func (o Options) points() (list []Point) {
	for _, n := range watched(o.Max) {
		for _, a := range actives(n, o.Max) {
			for _, b := range o.Backends {
				list = append(list, Point{b, n, a})
			}
		}
	}
	return list
}

// watched are the counts up to a highest one, which is among them.
func watched(most int) []int {
	list := slices.DeleteFunc(slices.Clone(counts), func(n int) bool { return n > most })
	if !slices.Contains(list, most) {
		list = append(list, most)
	}
	return list
}

// actives are how many are active where n are watched: one, but for the one count where
// their number grows.
func actives(n, most int) []int {
	list := []int{1}
	if n == min(someWatched, most) {
		for a := 10; a <= n; a *= 10 {
			list = append(list, a)
		}
	}
	return list
}
