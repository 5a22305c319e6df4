package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"example.com/iomux/bench/result"
)

// matrix is the overview: a row for each peer, a column for each scenario.
type matrix struct {
	Heads []matrixHead
	Rows  []matrixRow
	Idle  bool // a column is about memory
}

type matrixHead struct{ ID, Name, About, Unit, Base string }

type matrixRow struct {
	Peer  string
	Ours  bool
	Cells []cell
}

// cell is a peer's score in a scenario.
type cell struct {
	Text  string // "" where the peer did not take part
	Tint  string // a class: how far from the base, and in which direction
	Mark  string // "best", "level" or ""
	Base  bool
	Range string // the interval
	Gone  string // why there is nothing
}

func newMatrix(r *result.Report, c cast) matrix {
	var m matrix
	podiums := make([]podium, len(r.Scenarios))
	for i, o := range r.Scenarios {
		podiums[i] = best(o)
		h := matrixHead{ID: sectionID(i), Name: Plain(o.Scenario.Name), About: brief(o.Scenario), Unit: "work, %", Base: Plain(o.Base)}
		if idle(o) {
			h.Unit, m.Idle = "memory", true
		}
		m.Heads = append(m.Heads, h)
	}
	for _, peer := range labels(r) {
		row := matrixRow{Peer: Plain(peer), Ours: c.ours(peer)}
		for i, o := range r.Scenarios {
			if line := o.Row(peer); line != nil {
				row.Cells = append(row.Cells, newCell(o, line, podiums[i]))
			} else {
				row.Cells = append(row.Cells, cell{Gone: why(r, peer, o.Scenario.Name)})
			}
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}

// labels are all that any row has, in the order of the report.
func labels(r *result.Report) []string {
	var all []string
	add := func(label string) {
		if !slices.Contains(all, label) {
			all = append(all, label)
		}
	}
	for _, p := range r.Peers {
		for _, o := range r.Scenarios {
			if o.Row(p.Label) != nil {
				add(p.Label)
			}
		}
	}
	for _, o := range r.Scenarios {
		for _, row := range o.Rows {
			add(row.Peer)
		}
	}
	return all
}

func why(r *result.Report, peer, scenario string) string {
	for _, s := range r.Skipped {
		if s.Peer == peer && s.Failed && (s.Scenario == scenario || s.Scenario == "") {
			return "failed"
		}
	}
	return ""
}

func newCell(o *result.Outcome, r *result.Row, p podium) cell {
	f := score(o, r)
	c := cell{Base: r.Peer == o.Base, Mark: p.mark(r)}
	switch {
	case !scored(o, r):
		c.Text = unknown
	case idle(o):
		c.Text = bytesOf(f.Median)
		// The best is the measure here, but less than a cache line is as good
		// as nothing; memory differs by more than CPU time does.
		c.Tint = tint(math.Sqrt(max(64, score(o, p.first).Median) / max(64, f.Median)))
		if f.Interval() {
			c.Range = fmt.Sprintf("95 %%: %s to %s", bytesOf(f.Low), bytesOf(f.High))
		}
	default:
		c.Text = share(f.Median)
		c.Tint = tint(f.Median)
		if f.Interval() {
			c.Range = fmt.Sprintf("95 %%: %s to %s", share(f.Low), share(f.High))
		}
	}
	return c
}

// share is a factor as a percentage of the base.
func share(x float64) string {
	switch p := 100 * x; {
	case p < 9.95:
		return trimmed(p, 2) + " %"
	case p < 999.5:
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	default:
		return grouped(p) + " %"
	}
}

// shades is how many tints there are on either side.
const shades = 4

// tint is the class of a cell: less1 to less4, more1 to more4, or "" near the
// base. Half as much is the darkest but one.
func tint(x float64) string {
	if !(x > 0) {
		return ""
	}
	d := math.Log2(x)
	n := min(shades, int(math.Round(3*math.Min(math.Abs(d), 9))))
	switch {
	case math.Abs(d) < 0.075: // 5 %
		return ""
	case d > 0:
		return fmt.Sprintf("more%d", max(1, n))
	}
	return fmt.Sprintf("less%d", max(1, n))
}
