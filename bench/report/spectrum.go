package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"example.com/iomux/bench/result"
)

// spectrum is a chart of latency over the percentile, which it stretches the
// more the nearer it is to 100: each 9 takes as much room.
type spectrum struct {
	ID     string
	Title  string
	Desc   string
	Left   string // of the plot
	Right  string
	Width  string // of the plot
	Height int    // of all
	Top    int    // of the plot
	Tall   int    // the plot, in pixels
	Bottom int
	Lines  []line
	X, Y   []tick
	Left1  string // where the numbers of the vertical axis end
	Label  string // where the names begin
	Hidden int    // peers for whom there is no room
}

// line is one peer's distribution.
type line struct {
	Peer   string
	Short  string
	Class  string
	Points string // in a plot 1000 wide
	EndX   string
	EndY   string
	LabelY int
}

const (
	plotLeft   = 10.5 // percent of the width, for the numbers
	plotWidth  = 67.0
	plotTall   = 240
	plotTop    = 16
	plotFoot   = 40
	labelPitch = 16
	shortLabel = 15
	mostNines  = 9.0
)

// newSpectrum is nil where nothing is known of latency.
func newSpectrum(o *result.Outcome, c cast, id string) *spectrum {
	rows := timed(o, c)
	if len(rows) == 0 {
		return nil
	}
	s := &spectrum{ID: id, Title: "Latency by percentile", Left: percentAt(plotLeft), Right: percentAt(plotLeft + plotWidth), Width: percentAt(plotWidth), Left1: percentAt(plotLeft - 1),
		Top: plotTop, Tall: plotTall, Bottom: plotTop + plotTall, Height: plotTop + plotTall + plotFoot, Label: percentAt(plotLeft + plotWidth + 2)}
	if len(rows) > maxLines {
		s.Hidden = len(rows) - maxLines
		rows = rows[:maxLines]
	}
	x, y := bounds(rows)
	var said []string
	used := 2
	for _, r := range rows {
		l := line{Peer: Plain(r.Peer), Short: clip(Plain(r.Peer), shortLabel)}
		switch {
		case c.ours(r.Peer) && !slices.ContainsFunc(s.Lines, func(l line) bool { return l.Class == "s0" }):
			l.Class = "s0"
		case r.Peer == o.Base:
			l.Class = "s1"
		default:
			l.Class = "s" + strconv.Itoa(used)
			used++
		}
		l.draw(r, x, y)
		s.Lines = append(s.Lines, l)
		said = append(said, fmt.Sprintf("%s %s and %s", l.Peer, latency(r.Measure(result.P50).Median), latency(r.Measure(result.P99).Median)))
	}
	s.Desc = "Median and 99th percentile: " + strings.Join(said, "; ") + "."
	spread(s.Lines)
	s.ticks(x, y)
	return s
}

// timed is the rows with a distribution of latency: ours and the base first, for
// they are the last to be left out, then those with the shortest tail.
func timed(o *result.Outcome, c cast) []*result.Row {
	var rows []*result.Row
	for _, r := range o.Rows {
		if len(points(r)) > 1 {
			rows = append(rows, r)
		}
	}
	rank := func(r *result.Row) int {
		switch {
		case c.ours(r.Peer):
			return 0
		case r.Peer == o.Base, c.isRival(r.Peer):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(rows, func(a, b *result.Row) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Measure(result.P99).Median, b.Measure(result.P99).Median))
	})
	return rows
}

// points is what of a distribution can be drawn: 100 % lies at no finite place,
// and nothing takes no time.
func points(r *result.Row) []result.Percentile {
	var ps []result.Percentile
	for _, p := range r.Latency {
		if p.Percent >= 0 && nines(p.Percent) <= mostNines && p.Micros > 0 {
			ps = append(ps, p)
		}
	}
	slices.SortStableFunc(ps, func(a, b result.Percentile) int { return cmp.Compare(a.Percent, b.Percent) })
	return ps
}

// nines is how many nines a percentile begins with, and any number between.
func nines(percent float64) float64 { return -math.Log10(1 - percent/100) }

func bounds(rows []*result.Row) (x, y axis) {
	x.high, y = 1, axis{log: true, low: math.Inf(1), high: math.Inf(-1)}
	for _, r := range rows {
		for _, p := range points(r) {
			x.high = max(x.high, nines(p.Percent))
			y.low, y.high = min(y.low, math.Log10(p.Micros)), max(y.high, math.Log10(p.Micros))
		}
	}
	// Some room above and below, and an axis even where all is equal.
	margin := max(0.05, (y.high-y.low)/20)
	y.low, y.high = y.low-margin, y.high+margin
	return x, y
}

// draw places a distribution. A pixel of the plot is a unit of its height; its
// width is 1000 whatever it is on the screen.
func (l *line) draw(r *result.Row, x, y axis) {
	var b strings.Builder
	var px, py float64
	for _, p := range points(r) {
		px, py = x.place(nines(p.Percent)), plotTall*(1-y.place(p.Micros)/100)
		fmt.Fprintf(&b, "%.1f,%.1f ", 10*px, py)
	}
	l.Points = strings.TrimSpace(b.String())
	l.EndX = percentAt(plotLeft + px*plotWidth/100)
	l.EndY = strconv.FormatFloat(plotTop+py, 'f', 1, 64)
	l.LabelY = plotTop + int(math.Round(py))
}

// spread moves names that would cover each other apart, and keeps their order.
func spread(lines []line) {
	order := make([]*line, len(lines))
	for i := range lines {
		order[i] = &lines[i]
	}
	slices.SortStableFunc(order, func(a, b *line) int { return cmp.Compare(a.LabelY, b.LabelY) })
	for i, l := range order {
		if i > 0 {
			l.LabelY = max(l.LabelY, order[i-1].LabelY+labelPitch)
		}
	}
	limit := plotTop + plotTall
	for i := len(order) - 1; i >= 0; i-- {
		order[i].LabelY = min(order[i].LabelY, limit)
		limit = order[i].LabelY - labelPitch
	}
}

func (s *spectrum) ticks(x, y axis) {
	for n := 0.0; n <= x.high; n++ {
		at := plotLeft + x.place(n)*plotWidth/100
		s.X = append(s.X, tick{X: percentAt(at), Text: strconv.FormatFloat(100*(1-math.Pow(10, -n)), 'f', max(0, int(n)-2), 64) + " %", Anchor: "middle"})
	}
	for _, micros := range decades(y.low, y.high) {
		at := plotTop + plotTall*(1-y.place(micros)/100)
		s.Y = append(s.Y, tick{Y: strconv.FormatFloat(at, 'f', 1, 64), Text: latency(micros)})
	}
}

// latency is microseconds in a unit that fits.
func latency(micros float64) string {
	switch size := math.Abs(micros); {
	case size >= 1e6:
		return trimmed(micros/1e6, 3) + " s"
	case size >= 1e3:
		return trimmed(micros/1e3, 3) + " ms"
	}
	return trimmed(micros, 3) + " µs"
}
