package report

import (
	"cmp"
	"slices"

	"example.com/iomux/bench/result"
	"example.com/iomux/bench/scenario"
)

// A page shows how much a server gets done, relative to the base, for the same
// CPU time: more is better, and 1 is the base's own. It is the inverse of the
// ratio of CPU times, and so is its interval.

// inverse is the figure of 1/x where f is that of x; zero where there is none.
func inverse(f result.Figure) result.Figure {
	if f.Median <= 0 {
		return result.Figure{}
	}
	g := result.Figure{Median: 1 / f.Median, Spread: f.Spread}
	if f.Low > 0 && f.High > 0 {
		g.Low, g.High = 1/f.High, 1/f.Low
	}
	return g
}

// score is what a row is judged by on a page: work relative to the base's; where
// connections are idle, their memory in bytes.
func score(o *result.Outcome, r *result.Row) result.Figure {
	if idle(o) {
		return r.Measure(result.PerConn).Figure
	}
	return inverse(r.Measure(result.CPU).Ratio)
}

func idle(o *result.Outcome) bool { return o.Scenario.Kind == scenario.Idle }

// scored reports whether there is a score: a row whose server used no CPU time
// that could be seen has none, but to need no memory is a feat.
func scored(o *result.Outcome, r *result.Row) bool { return idle(o) || score(o, r).Median > 0 }

// advantage is by what factor other pays more than r for the same, in the metric
// that the scenario is judged by.
func advantage(o *result.Outcome, r, other *result.Row) result.Figure {
	return against(o, r, other, result.Headline(o.Scenario))
}

// against is the ratio of other's metric to r's, within rounds.
func against(o *result.Outcome, r, other *result.Row, m result.Metric) result.Figure {
	pair := result.Summarize(o.Scenario, []result.Series{{Peer: r.Peer, Samples: r.Samples}, {Peer: other.Peer, Samples: other.Samples}})
	return pair.Rows[1].Measure(m).Ratio
}

// ranked is the rows with a score, best first, and behind them those without.
func ranked(o *result.Outcome) []*result.Row {
	rows := slices.Clone(o.Rows)
	slices.SortStableFunc(rows, func(a, b *result.Row) int {
		switch known := scored(o, a); {
		case known != scored(o, b):
			if known {
				return -1
			}
			return 1
		case idle(o):
			return cmp.Compare(score(o, a).Median, score(o, b).Median)
		default:
			return cmp.Compare(score(o, b).Median, score(o, a).Median)
		}
	})
	return rows
}

// podium is who is best in a scenario.
type podium struct {
	first *result.Row   // nil if nobody has a score
	level []*result.Row // those that cannot be told from it
	few   bool          // there were too few rounds to tell anything
}

func best(o *result.Outcome) podium {
	rows := ranked(o)
	if len(rows) == 0 || !scored(o, rows[0]) {
		return podium{}
	}
	p := podium{first: rows[0]}
	for _, r := range rows[1:] {
		if !scored(o, r) {
			continue
		}
		switch advantage(o, p.first, r).Verdict() {
		case result.More:
		case result.TooFew:
			// What takes no memory at all has no ratio, and needs none.
			if nothing := idle(o) && score(o, p.first).Median <= 0; !nothing {
				p.few = true
			} else if score(o, r).Median <= 0 {
				p.level = append(p.level, r)
			}
		default:
			p.level = append(p.level, r)
		}
	}
	return p
}

// alone reports whether the first is better than all others beyond doubt.
func (p podium) alone() bool { return p.first != nil && len(p.level) == 0 && !p.few }

// mark is how a row stands on it: "best", "level" or "".
func (p podium) mark(r *result.Row) string {
	switch {
	case p.first == nil:
		return ""
	case r == p.first && p.alone():
		return "best"
	case r == p.first, slices.Contains(p.level, r):
		return "level"
	}
	return ""
}
