package result

import (
	"cmp"
	"slices"

	"example.com/iomux/bench/scenario"
)

// alpha is how probable it is at most that something is said of a comparison, of
// all its scenarios and peers together, that chance alone has made so.
const alpha = 0.01

// Pair is two peers of a measurement that are one program in two states, such as
// before and after a change. They run in the same rounds, so that what makes a
// round slow makes both slow.
type Pair struct {
	Old string `json:"old"`
	New string `json:"new"`
	// Alpha is how probable a wrong verdict is at most, each time that one is
	// asked for.
	Alpha float64 `json:"alpha"`
}

// NewPair is a pair on which so many verdicts will be asked for, of which not one
// in a hundred measurements is to be wrong: in each scenario, as often as it is
// looked whether the rounds so far suffice.
func NewPair(old, new string, verdicts int) *Pair {
	return &Pair{old, new, alpha / float64(max(1, verdicts))}
}

// Has reports whether the peer is one of the pair. A nil pair has none.
func (p *Pair) Has(peer string) bool { return p != nil && (peer == p.Old || peer == p.New) }

// Judge says how the new one differs from the old in the headline of a scenario,
// by their ratios within rounds.
func (p *Pair) Judge(s scenario.Scenario, old, new []*Sample) Change {
	m := Headline(s)
	c := Change{Scenario: s.Name, Peer: p.New, Metric: m, Old: newFigure(values(old, m.Of)), New: newFigure(values(new, m.Of))}
	within := ratios(byRound(new, m.Of), byRound(old, m.Of))
	f := pairedFactor(within, p.Alpha)
	c.set(f, f.Verdict())
	c.Rounds = len(within)
	return c
}

// Versus is what the report says of its pair, in each scenario that both got
// through; nothing if it has no pair.
func (r *Report) Versus() []Change {
	if r.Pair == nil {
		return nil
	}
	var changes []Change
	for _, o := range r.Scenarios {
		old, new := o.Row(r.Pair.Old), o.Row(r.Pair.New)
		if old == nil || new == nil {
			continue
		}
		c := r.Pair.Judge(o.Scenario, old.Samples, new.Samples)
		if i := slices.IndexFunc(r.Peers, func(p Peer) bool { return p.Label == r.Pair.New }); i >= 0 {
			c.Peer = cmp.Or(r.Peers[i].Command, c.Peer)
		}
		changes = append(changes, c)
	}
	return changes
}
