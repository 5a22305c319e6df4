package result

import (
	"fmt"
	"slices"
	"strings"

	"example.com/iomux/bench/scenario"
)

// Drift is by what share the ratios of one binary to the C server differ between
// two measurements: the most that was seen in eight pairs on the machine of
// docs/bench.md. Where code and data happen to lie, and what else the hour brings,
// is the same for all rounds of a measurement, which therefore cannot show it.
const Drift = 0.05

// enough is from how many measurements of either side on their spread says by how
// much they drift.
const enough = 3

// Compare says how the peers that both sides have measured, in scenarios that both
// have, differ in the headline of each scenario; only says of which peer, empty
// means of all. A side is one or more measurements of the same. Where all have the
// same base, what is compared are ratios to it, so that a machine that has become
// slower since does not count; the base itself is then left out.
//
// With three measurements of each side or more, what differs between those of one
// side makes the interval as wide as it is. With fewer, it is what differs between
// rounds, and drift in addition.
func Compare(old, new []*Report, only string, drift float64) []Change {
	var all []contest
	for _, name := range scenarios(old) {
		before, after := outcomes(old, name), outcomes(new, name)
		if len(after) == 0 {
			continue
		}
		for _, peer := range peers(before) {
			if only != "" && peer != only {
				continue
			}
			if c, ok := newContest(before, after, peer); ok {
				all = append(all, c)
			}
		}
	}
	var changes []Change
	for _, c := range all {
		// Among many comparisons some differ by chance: each has its part of what
		// is allowed to all.
		changes = append(changes, c.judge(alpha/float64(len(all)), drift))
	}
	return changes
}

// contest is a peer in a scenario before it is judged: what each measurement of
// either side says of each round.
type contest struct {
	Change
	old, new [][]float64
}

func newContest(before, after []*Outcome, peer string) (contest, bool) {
	s := before[0].Scenario
	c := contest{Change: Change{Scenario: s.Name, Peer: peer, Metric: Headline(s)}}
	if relative(s) {
		c.Base = commonBase(slices.Concat(before, after), peer)
	}
	if c.Base == peer {
		return c, false
	}
	c.old, c.new = c.rounds(before), c.rounds(after)
	return c, len(c.old) > 0 && len(c.new) > 0
}

// relative reports whether a ratio to the base means something: memory a
// connection is near nothing for the least of servers.
func relative(s scenario.Scenario) bool { return s.Kind != scenario.Idle }

// commonBase is the base of all outcomes that have the peer; "" if they do not
// agree.
func commonBase(all []*Outcome, peer string) string {
	base, found := "", false
	for _, o := range all {
		switch {
		case o.Row(peer) == nil:
		case o.Row(o.Base) == nil, found && o.Base != base:
			return ""
		default:
			base, found = o.Base, true
		}
	}
	return base
}

// rounds is what each outcome that has the peer says of it, round by round.
func (c *contest) rounds(outcomes []*Outcome) [][]float64 {
	var all [][]float64
	for _, o := range outcomes {
		row := o.Row(c.Peer)
		if row == nil {
			continue
		}
		xs := values(row.Samples, c.Metric.Of)
		if c.Base != "" {
			xs = ratios(byRound(row.Samples, c.Metric.Of), byRound(o.Row(c.Base).Samples, c.Metric.Of))
		}
		all = append(all, xs)
	}
	return all
}

func (c *contest) judge(alpha, drift float64) Change {
	old, new := slices.Concat(c.old...), slices.Concat(c.new...)
	c.Old, c.New = newFigure(old), newFigure(new)
	c.Runs = min(len(c.old), len(c.new))
	if c.Runs >= enough {
		f := spreadFactor(medians(c.old), medians(c.new), alpha)
		c.set(f, f.Verdict())
		return c.Change
	}
	c.Rounds, c.Drift = min(len(old), len(new)), drift
	c.set(mixedFactor(old, new, alpha).drifted(drift))
	return c.Change
}

func medians(runs [][]float64) []float64 {
	var all []float64
	for _, xs := range runs {
		all = append(all, newFigure(xs).Median)
	}
	return all
}

// scenarios are the names of all that any of the reports has.
func scenarios(side []*Report) []string {
	var names []string
	for _, r := range side {
		for _, o := range r.Scenarios {
			if !slices.Contains(names, o.Scenario.Name) {
				names = append(names, o.Scenario.Name)
			}
		}
	}
	return names
}

// outcomes are those of a scenario, of the reports that have it.
func outcomes(side []*Report, name string) []*Outcome {
	var all []*Outcome
	for _, r := range side {
		if o := r.Outcome(name); o != nil {
			all = append(all, o)
		}
	}
	return all
}

// peers are those that any of the outcomes has.
func peers(all []*Outcome) []string {
	var names []string
	for _, o := range all {
		for _, r := range o.Rows {
			if !slices.Contains(names, r.Peer) {
				names = append(names, r.Peer)
			}
		}
	}
	return names
}

// Lacking names the scenarios that a measurement of old has of a peer and one of
// new, though it has been measured, has not: the peer may have failed there.
func Lacking(old, new []*Report, peer string) []string {
	var names []string
	for _, name := range scenarios(old) {
		has := func(o *Outcome) bool { return o.Row(peer) != nil }
		lacks := func(o *Outcome) bool { return o.Row(peer) == nil }
		if slices.ContainsFunc(outcomes(old, name), has) && slices.ContainsFunc(outcomes(new, name), lacks) {
			names = append(names, name)
		}
	}
	return names
}

// Unlike says in what measurements were not made alike, a line each, which is to
// be known before they are compared.
func Unlike(reports ...*Report) []string {
	var lines []string
	for _, d := range []struct {
		what string
		of   func(*Report) any
	}{
		{"event loops", func(r *Report) any { return r.Setting.Loops }},
		{"GOMAXPROCS", func(r *Report) any { return r.Setting.Procs }},
		{"pinned", func(r *Report) any { return r.Setting.Pinned }},
		{"seconds a run", func(r *Report) any { return r.Setting.Seconds }},
		{"processor", func(r *Report) any { return r.Machine.CPU }},
		{"CPUs", func(r *Report) any { return r.Machine.CPUs }},
		{"kernel", func(r *Report) any { return r.Machine.Kernel }},
		{"Go", func(r *Report) any { return r.Machine.Go }},
	} {
		var found []string
		for _, r := range reports {
			if x := fmt.Sprint(d.of(r)); !slices.Contains(found, x) {
				found = append(found, x)
			}
		}
		if len(found) > 1 {
			lines = append(lines, fmt.Sprintf("not made alike: %s %s", d.what, strings.Join(found, " and ")))
		}
	}
	return lines
}
