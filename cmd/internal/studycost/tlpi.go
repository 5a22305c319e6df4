//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package studycost

import "example.com/iomux"

// Source says where the published figures are from.
const Source = "Michael Kerrisk, The Linux Programming Interface (2010), table 63-9"

// published are the figures of the table: CPU seconds for 100,000 operations, with one
// descriptor ready.
var published = map[iomux.Backend]map[int]float64{
	iomux.Poll:   {10: 0.61, 100: 2.9, 1000: 35, 10000: 990},
	iomux.Select: {10: 0.73, 100: 3.0, 1000: 35, 10000: 930},
	iomux.Epoll:  {10: 0.41, 100: 0.42, 1000: 0.53, 10000: 0.66},
}

// publishedBackends are those of the table, in the order of ours.
var publishedBackends = []iomux.Backend{iomux.Epoll, iomux.Poll, iomux.Select}

// publishedCounts are how many descriptors it has.
var publishedCounts = []int{10, 100, 1000, 10000}
