package result

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"

	"example.com/iomux/bench/scenario"
)

// Change is how a peer's metric differs between two reports.
type Change struct {
	Scenario string  `json:"scenario"`
	Peer     string  `json:"peer"`
	Metric   Metric  `json:"-"`
	Old      Figure  `json:"old"`
	New      Figure  `json:"new"`
	Base     string  `json:"base,omitempty"` // Old and New are ratios to this peer's; "" if they are the metric itself
	Factor   float64 `json:"factor"`         // new to old
	Low      float64 `json:"low"`            // 95 % interval of Factor
	High     float64 `json:"high"`
	P        float64 `json:"p"` // of the Mann-Whitney test
	Verdict  Verdict `json:"verdict"`

	least float64 // P if no two rounds of old and new overlapped
}

// Worse reports whether the change is one for the worse.
func (c Change) Worse() bool {
	if c.Metric.MoreGood {
		return c.Verdict == Less
	}
	return c.Verdict == More
}

// Regress is by what share the metric became worse, negative if it became
// better.
func (c Change) Regress() float64 {
	if c.Metric.MoreGood {
		return 1 - c.Factor
	}
	return c.Factor - 1
}

const (
	alpha = 0.05
	// least is the smallest difference that is called one: two runs of one
	// program differ by as much, with other addresses for the same code.
	least = 0.02
	// alike is how near to 1 the whole interval must be for two runs to show no
	// difference: wider than within one run, for each has its own day.
	alike = 0.05
)

// Compare says how the peers that both reports have, in scenarios that both
// have, differ in the headline of each scenario; only says of which peer, empty
// means of all. Where both have the same base,
// what is compared are ratios to it, so that a machine that has become slower
// since does not count; the base itself is then left out.
func Compare(old, new *Report, only string) []Change {
	var changes []Change
	for _, before := range old.Scenarios {
		after := new.Outcome(before.Scenario.Name)
		if after == nil {
			continue
		}
		for _, row := range before.Rows {
			if only != "" && row.Peer != only {
				continue
			}
			if other := after.Row(row.Peer); other != nil {
				if c, ok := change(before, after, row, other); ok {
					changes = append(changes, c)
				}
			}
		}
	}
	judge(changes)
	return changes
}

func change(before, after *Outcome, row, other *Row) (Change, bool) {
	m := Headline(before.Scenario)
	c := Change{Scenario: before.Scenario.Name, Peer: row.Peer, Metric: m}
	xs, ys := values(row.Samples, m.Of), values(other.Samples, m.Of)
	base, baseAfter := before.Row(before.Base), after.Row(before.Base)
	if before.Base == after.Base && base != nil && baseAfter != nil && relative(before.Scenario) {
		if row.Peer == before.Base {
			return c, false
		}
		c.Base = before.Base
		xs = ratios(byRound(row.Samples, m.Of), byRound(base.Samples, m.Of))
		ys = ratios(byRound(other.Samples, m.Of), byRound(baseAfter.Samples, m.Of))
	}
	c.Old, c.New = newFigure(xs), newFigure(ys)
	c.Factor, c.Low, c.High = shift(xs, ys)
	c.least = 2 / choose(len(xs)+len(ys), len(xs))
	t := &benchmath.DefaultThresholds
	c.P = benchmath.AssumeNothing.Compare(benchmath.NewSample(xs, t), benchmath.NewSample(ys, t)).P
	return c, true
}

// relative reports whether a ratio to the base means something: memory a
// connection is near nothing for the least of servers.
func relative(s scenario.Scenario) bool { return s.Kind != scenario.Idle }

// shift estimates by what factor ys are greater than xs, with its 95 % interval:
// the Hodges-Lehmann estimate of the logarithms' shift, whose interval is the one
// that belongs to the Mann-Whitney test. Zeroes if it cannot be told.
func shift(xs, ys []float64) (factor, low, high float64) {
	var d []float64
	for _, x := range xs {
		for _, y := range ys {
			if x > 0 && y > 0 {
				d = append(d, math.Log(y/x))
			}
		}
	}
	if len(d) == 0 || len(d) < len(xs)*len(ys) {
		return 0, 0, 0
	}
	slices.Sort(d)
	n, m := float64(len(xs)), float64(len(ys))
	const z = 1.96 // the normal distribution's 97.5 %
	k := int(math.Floor(n*m/2 - z*math.Sqrt(n*m*(n+m+1)/12)))
	factor = math.Exp((d[(len(d)-1)/2] + d[len(d)/2]) / 2)
	if k < 1 {
		return factor, 0, 0
	}
	return factor, math.Exp(d[k-1]), math.Exp(d[len(d)-k])
}

// choose is how many ways there are to take k of n.
func choose(n, k int) float64 {
	ways := 1.0
	for i := range k {
		ways *= float64(n-i) / float64(i+1)
	}
	return ways
}

// Lacking names the scenarios that old has of a peer and new, though it has been
// measured, has not: the peer may have failed there.
func Lacking(old, new *Report, peer string) []string {
	var names []string
	for _, before := range old.Scenarios {
		after := new.Outcome(before.Scenario.Name)
		if before.Row(peer) != nil && after != nil && after.Row(peer) == nil {
			names = append(names, before.Scenario.Name)
		}
	}
	return names
}

// Unlike says in what two measurements were not made alike, a line each, which is
// to be known before they are compared.
func Unlike(old, new *Report) []string {
	var lines []string
	for _, d := range []struct {
		what     string
		old, new any
	}{
		{"event loops", old.Setting.Loops, new.Setting.Loops},
		{"GOMAXPROCS", old.Setting.Procs, new.Setting.Procs},
		{"pinned", old.Setting.Pinned, new.Setting.Pinned},
		{"seconds a run", old.Setting.Seconds, new.Setting.Seconds},
		{"processor", old.Machine.CPU, new.Machine.CPU},
		{"CPUs", old.Machine.CPUs, new.Machine.CPUs},
		{"kernel", old.Machine.Kernel, new.Machine.Kernel},
		{"Go", old.Machine.Go, new.Machine.Go},
	} {
		if d.old != d.new {
			lines = append(lines, fmt.Sprintf("not made alike: %s %v and %v", d.what, d.old, d.new))
		}
	}
	return lines
}

// judge gives each change its verdict. Among many comparisons some look
// significant by chance, so the tests' results are corrected as Holm has it:
// the least P must be below alpha by as many times as there are comparisons, the
// next by one less, and so on.
func judge(changes []Change) {
	order := make([]*Change, len(changes))
	for i := range changes {
		order[i] = &changes[i]
	}
	slices.SortStableFunc(order, func(a, b *Change) int { return cmp.Compare(a.P, b.P) })
	significant := true
	for i, c := range order {
		significant = significant && c.P*float64(len(order)-i) < alpha
		c.Verdict = c.verdict(significant)
		if c.Verdict == Noisy && c.least*float64(len(order)) >= alpha {
			c.Verdict = TooFew // nothing could have been significant
		}
	}
}

func (c *Change) verdict(significant bool) Verdict {
	switch {
	case c.Low == 0:
		return TooFew
	// With few rounds the test and the interval may differ: both must say so.
	case significant && c.Factor >= 1+least && c.Low > 1:
		return More
	case significant && c.Factor <= 1-least && c.High < 1:
		return Less
	case significant && math.Abs(c.Factor-1) < least || c.Low >= 1-alike && c.High <= 1+alike:
		return Same
	}
	return Noisy
}
