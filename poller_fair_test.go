//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package iomux_test

import (
	"slices"

	"example.com/iomux"
)

// fairnessClauses: what does not fit comes with the next waits, in turn.
var fairnessClauses = []clause{
	{"a thousand ready, room for 64", func(f *fixture) {
		const room = 64
		fds := f.ready(1000)
		seen := map[int]int{}
		for range (len(fds)+room-1)/room + 1 {
			got := f.wait(room, generous)
			if len(got) != room {
				f.Fatalf("%d of %d that are ready", len(got), room)
			}
			for _, r := range got {
				seen[r.FD]++
			}
		}
		for _, fd := range fds {
			if seen[fd] == 0 {
				f.Errorf("%d was not served", fd)
			}
		}
		// And so it goes on: nobody falls behind.
		for range 9 * len(fds) / room {
			for _, r := range f.wait(room, generous) {
				seen[r.FD]++
			}
		}
		least, most := 1<<30, 0
		for _, fd := range fds {
			least, most = min(least, seen[fd]), max(most, seen[fd])
		}
		if most-least > 2 {
			f.Errorf("served between %d and %d times", least, most)
		}
	}},

	{"room for one", func(f *fixture) {
		fds := f.ready(5)
		var order []int
		for range 4 * len(fds) {
			got := f.wait(1, generous)
			if len(got) != 1 {
				f.Fatalf("%v", got)
			}
			order = append(order, got[0].FD)
		}
		for i := 0; i+len(fds) <= len(order); i += len(fds) {
			turn := slices.Sorted(slices.Values(order[i : i+len(fds)]))
			if len(slices.Compact(turn)) != len(fds) {
				f.Errorf("a turn of five served %v (all: %v)", order[i:i+len(fds)], order)
			}
		}
	}},

	{"room for one, ready both ways", func(f *fixture) {
		fds := f.ready(6) // three pairs
		for _, fd := range fds {
			f.write(fd, "x")
		}
		// kqueue may need two waits for the two filters of one descriptor.
		seen := map[int]int{}
		for range 2 * len(fds) {
			for _, r := range f.wait(1, generous) {
				seen[r.FD]++
			}
		}
		for _, fd := range fds {
			if seen[fd] != 2 {
				f.Errorf("%d came %d times in two turns: %v", fd, seen[fd], seen)
			}
		}
	}},

	{"what was served and removed makes room", func(f *fixture) {
		const room = 7
		fds := f.ready(100)
		served := map[int]bool{}
		for range (len(fds) + room - 1) / room {
			for _, r := range f.wait(room, generous) {
				served[r.FD] = true
				f.update(r.FD, RW, 0)
			}
		}
		if len(served) != len(fds) {
			f.Errorf("%d of %d were served", len(served), len(fds))
		}
		f.quiet()
	}},

	{"newcomers do not push the old ones back", func(f *fixture) {
		fds := f.ready(4)
		seen := map[int]int{}
		for range 12 {
			for _, r := range f.wait(2, generous) {
				seen[r.FD]++
			}
			f.ready(2)
		}
		for _, fd := range fds {
			if seen[fd] == 0 {
				f.Errorf("%d never came, in 12 waits: %v", fd, seen)
			}
		}
	}},

	{"room for more than there is", func(f *fixture) {
		fds := f.ready(10)
		for _, room := range []int{10, 11, 64, 1000} {
			for range 2 {
				if got := f.wait(room, generous); len(got) != len(fds) {
					f.Errorf("room %d: %d of %d", room, len(got), len(fds))
				}
			}
		}
		// Back to little room after much.
		if got := f.wait(3, generous); len(got) != 3 {
			f.Errorf("room 3: %v", got)
		}
	}},
}

// ready is n descriptors that are registered both ways, and writable.
func (f *fixture) ready(n int) (fds []int) {
	f.Helper()
	for len(fds) < n {
		a, b := f.pair()
		fds = append(fds, a, b)
	}
	fds = fds[:n]
	for _, fd := range fds {
		f.update(fd, 0, iomux.Readable|iomux.Writable)
	}
	return fds
}
