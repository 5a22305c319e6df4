package main

import (
	"time"

	"example.com/iomux/reactor"
)

// longest is how much of the time between two callbacks counts at most, so that
// a loop that had nothing to do is not taken for one that was busy.
const longest = 50 * time.Microsecond

// overrun is how much a spin that ended too late makes the next one shorter at
// most: more than that is no spin, but the time in which another process ran.
const overrun = 200 * time.Nanosecond

// slow is a handler made slower by a known share, to show that the suite finds
// out.
type slow struct {
	reactor.Handler
	share float64
	fires map[*reactor.Loop]*fire
}

// fire burns the time of one loop.
type fire struct {
	ended time.Time     // the previous callback
	owed  time.Duration // less than nothing if too much has been burnt
}

func slower(h reactor.Handler, percent float64, loops []*reactor.Loop) slow {
	s := slow{h, percent / 100, make(map[*reactor.Loop]*fire, len(loops))}
	for _, l := range loops {
		s.fires[l] = &fire{ended: time.Now()}
	}
	return s
}

func (s slow) Data(c *reactor.Conn, p []byte) int {
	used := s.Handler.Data(c, p)
	s.fires[c.Loop()].burn(s.share)
	return used
}

// burn spins for a share of the time since the previous callback. A spin ends up
// to one reading of the clock too late; the next is shorter by that.
func (f *fire) burn(share float64) {
	begun := time.Now()
	f.owed += time.Duration(share * float64(min(begun.Sub(f.ended), longest)))
	f.ended = begun
	for f.owed > f.ended.Sub(begun) {
		f.ended = time.Now()
	}
	f.owed = max(f.owed-f.ended.Sub(begun), -overrun)
}
