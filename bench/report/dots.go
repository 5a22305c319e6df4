package report

import (
	"fmt"
	"math"
	"strings"

	"example.com/iomux/bench/result"
)

// dots is a chart of scores: a dot for each peer, and a line that is its 95 %
// interval. All places along the axis are percentages, so that the chart is as
// wide as there is room; letters stay as they are.
type dots struct {
	ID     string
	Title  string
	Desc   string // all that the picture says, in words
	Better string // which way is better
	Height int
	Bottom int // of the plot; below it stand the numbers of the axis
	Rows   []dot
	Ticks  []tick
	Base   *tick // nil where scores are not relative
}

// dot is one peer's line of the chart.
type dot struct {
	Peer, Value, Range string
	Ours, Base         bool
	Y                  int
	X                  string // "" without a score
	Low, High          string // "" without an interval
}

// tick is a line across an axis.
type tick struct {
	X, Y   string
	Text   string
	Anchor string
}

const (
	dotsTop   = 22
	dotsPitch = 26
	dotsFoot  = 24
)

// anchor keeps the text of a tick within the picture.
func anchor(at float64) string {
	switch {
	case at < 6:
		return "start"
	case at > 94:
		return "end"
	}
	return "middle"
}

func newDots(o *result.Outcome, c cast, id string) dots {
	d := dots{ID: id, Title: "Work per CPU second, relative to " + Plain(o.Base), Better: "further right is better"}
	show := share
	if idle(o) {
		d.Title, d.Better, show = "Memory that a silent connection costs", "further left is better", bytesOf
	}
	a := axis{high: span(o)}
	var said []string
	for i, r := range ranked(o) {
		f := score(o, r)
		row := dot{Peer: Plain(r.Peer), Value: unknown, Ours: c.ours(r.Peer), Base: r.Peer == o.Base, Y: dotsTop + dotsPitch*i + dotsPitch/2}
		if scored(o, r) {
			row.X, row.Value = percentAt(a.place(f.Median)), show(f.Median)
			if f.Interval() {
				row.Low, row.High = percentAt(a.place(f.Low)), percentAt(a.place(f.High))
			}
			switch {
			case row.Base && !idle(o):
				row.Range = "base"
			case f.Interval():
				row.Range = show(f.Low) + " to " + show(f.High)
			case few(f):
				row.Range = "±" + percent(f.Spread)
			}
			said = append(said, strings.TrimSuffix(fmt.Sprintf("%s %s (%s)", row.Peer, row.Value, row.Range), " ()"))
		}
		d.Rows = append(d.Rows, row)
	}
	d.Desc = fmt.Sprintf("Best first: %s. In brackets the 95 %% interval, or ± half the range.", strings.Join(said, "; "))
	d.Bottom = dotsTop + dotsPitch*len(d.Rows)
	d.Height = d.Bottom + dotsFoot
	for _, x := range steps(a.high, 4) {
		at := a.place(x)
		d.Ticks = append(d.Ticks, tick{X: percentAt(at), Text: show(x), Anchor: anchor(at)})
	}
	if !idle(o) {
		at := a.place(1)
		d.Base = &tick{X: percentAt(at), Text: clip(Plain(o.Base), labelWidth), Anchor: anchor(at)}
	}
	return d
}

// span is the end of the axis: beyond the base and every score, and beyond their
// intervals too unless one is so wide that it would press all others together.
func span(o *result.Outcome) float64 {
	most, widest := 0.0, 0.0
	if !idle(o) {
		most = 1
	}
	for _, r := range o.Rows {
		if f := score(o, r); scored(o, r) {
			most, widest = max(most, f.Median), max(widest, f.High)
		}
	}
	high := 1.08 * max(most, min(widest, 1.5*most))
	if !(high > 0) || math.IsInf(high, 0) {
		return 1
	}
	return high
}
