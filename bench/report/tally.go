package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"example.com/iomux/bench/result"
)

// tally is how often ours was ahead of a rival.
type tally struct {
	ours, rival string
	met         int
	counts      map[result.Verdict]*count
}

// count is how many scenarios had a verdict, and between which factors.
type count struct {
	n         int
	low, high float64
}

// tally is that of the first rival that ours met.
func (c cast) tally(r *result.Report) tally {
	for _, name := range rivals {
		t := tally{counts: map[result.Verdict]*count{}}
		for _, o := range r.Scenarios {
			ours, rival := c.find(o, house), c.find(o, name)
			if ours != nil && rival != nil {
				t.ours, t.rival = Plain(ours.Peer), Plain(rival.Peer)
				t.add(advantage(o, ours, rival))
			}
		}
		if t.met > 0 {
			return t
		}
	}
	return tally{}
}

func (t *tally) add(f result.Figure) {
	factor, v := f.Median, f.Verdict()
	if factor <= 0 {
		return
	}
	if v == result.Less {
		factor = 1 / factor
	}
	t.met++
	if t.counts[v] == nil {
		t.counts[v] = &count{low: factor, high: factor}
	}
	k := t.counts[v]
	k.n, k.low, k.high = k.n+1, min(k.low, factor), max(k.high, factor)
}

// String sums up; "" where they never met.
func (t tally) String() string {
	if t.met == 0 {
		return ""
	}
	var parts []string
	for _, v := range []struct {
		verdict result.Verdict
		text    string
		factors bool
	}{
		{result.More, "ahead in %d", true},
		{result.Same, "level in %d", false},
		{result.Less, "behind in %d", true},
		{result.Noisy, "%d too noisy to say", false},
		{result.TooFew, "%d with too few rounds to say", false},
	} {
		if k := t.counts[v.verdict]; k != nil {
			text := fmt.Sprintf(v.text, k.n)
			if k.n == t.met && t.met > 1 {
				text = strings.Replace(text, strconv.Itoa(k.n), "all", 1)
			}
			if v.factors {
				text += " (by a factor of " + k.factors() + ")"
			}
			parts = append(parts, text)
		}
	}
	return fmt.Sprintf("%s against %s, by CPU time, in %s: %s.", t.ours, t.rival, plural(t.met, "scenario"), strings.Join(parts, ", "))
}

func (k count) factors() string {
	if low, high := ratio(k.low), ratio(k.high); low != high {
		return low + " to " + high
	}
	return ratio(k.low)
}

// winners says who of all was best how often; "" where nobody was beyond doubt.
func winners(r *result.Report) string {
	wins, open := map[string]int{}, 0
	for _, o := range r.Scenarios {
		switch p := best(o); {
		case len(o.Rows) < 2:
		case p.alone():
			wins[Plain(p.first.Peer)]++
		default:
			open++
		}
	}
	if len(wins) == 0 {
		return ""
	}
	var parts []string
	for _, peer := range slices.SortedFunc(maps.Keys(wins), func(a, b string) int { return cmp.Or(wins[b]-wins[a], cmp.Compare(a, b)) }) {
		parts = append(parts, fmt.Sprintf("%s in %d", peer, wins[peer]))
	}
	text := "Best of all: " + strings.Join(parts, ", ")
	if open > 0 {
		text += fmt.Sprintf("; undecided in %d", open)
	}
	return text + "."
}
