//go:build linux

package load

import (
	"fmt"
	"math"
	"time"
)

// phase is how far a run has come.
type phase int

const (
	settling  phase = iota // the connections are there and become ready
	warming                // under load
	measuring              // between Began and Ended
	draining               // nothing new is sent; what is on its way comes back
	ending                 // this side has said goodbye; the server does
	over
)

// advance goes on through every phase that is done, and sees to it that the
// wait that follows ends in time for the next.
func (g *generator) advance(now int64) error {
	for before := over; g.phase != before && g.phase != over; {
		before = g.phase
		if err := g.step(now); err != nil {
			return err
		}
		if g.phase != before {
			now = g.now()
			g.wake = 0
		}
	}
	if now < g.wake || g.phase == over {
		return nil
	}
	if err := g.traffic.tick(now); err != nil {
		return err
	}
	if g.waiting() && now-g.heard > int64(g.Patience) {
		if err := g.traffic.stalled(now); err != nil {
			return err
		}
	}
	d := max(1, min(g.until-now, g.every))
	g.wake = now + d
	return g.timer.set(time.Duration(d))
}

// waiting reports whether the server owes something for which Patience counts
// from what came last.
func (g *generator) waiting() bool {
	return g.phase == settling || g.phase <= measuring && g.answered < g.issued
}

// step leaves the phase if it is done.
func (g *generator) step(now int64) error {
	late := now >= g.until
	switch g.phase {
	case settling:
		if g.traffic.settled() {
			return g.toWarming(now)
		}
	case warming:
		if late {
			return g.toMeasuring()
		}
	case measuring:
		if late || g.Messages > 0 && g.answered >= g.Messages {
			return g.toDraining(now)
		}
	case draining:
		if g.answered == g.issued {
			return g.toEnding(now)
		}
		if late {
			if err := g.traffic.stalled(now); err != nil {
				return err
			}
			return g.toEnding(now)
		}
	case ending:
		if g.open == 0 {
			g.phase = over
		} else if late {
			return fmt.Errorf("load: %d connections still open %v after the ends of their streams", g.open, g.Patience)
		}
	}
	return nil
}

func (g *generator) toSettling() {
	g.phase = settling
	g.until = math.MaxInt64 // Patience bounds it
	g.heard = g.now()
}

func (g *generator) toWarming(now int64) error {
	g.result.ConnectTime = time.Duration(now)
	g.phase = warming
	g.until = now + int64(g.Warm)
	g.heard = now
	return g.traffic.start(now)
}

func (g *generator) toMeasuring() error {
	g.result.Shares = g.traffic.shares()
	if err := g.Began(); err != nil {
		return err
	}
	g.phase = measuring
	g.from = g.now()
	g.to = g.from + int64(g.Duration)
	g.until = g.to
	g.heard = g.from
	return nil
}

func (g *generator) toDraining(now int64) error {
	g.result.Elapsed = time.Duration(now - g.from)
	before := g.result.Shares
	g.result.Shares = g.traffic.shares()
	for i := range before {
		g.result.Shares[i] -= before[i]
	}
	if err := g.Ended(); err != nil {
		return err
	}
	g.phase = draining
	err := g.traffic.drain(now)
	g.until = g.now() + int64(g.Patience)
	return err
}

// toEnding ends this side's streams: a server that still has something up its
// sleeve sends it now, and then must close.
func (g *generator) toEnding(now int64) error {
	g.phase = ending
	err := g.traffic.goodbye(now)
	g.until = g.now() + int64(g.Patience)
	return err
}
