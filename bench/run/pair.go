//go:build linux

package run

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"

	"example.com/iomux/bench/result"
	"example.com/iomux/bench/scenario"
)

// Names of the two sides of a pair.
const (
	oldSide = "old"
	newSide = "new"
)

// Versus is the options with two peers to be told apart, in those of the scenarios
// that they do, and what these have for a base.
func (o Options) Versus(old, new Spec) Options {
	o.Scenarios = slices.DeleteFunc(slices.Clone(o.Scenarios), func(s scenario.Scenario) bool { return !old.can(s.Kind) || !new.can(s.Kind) })
	o.Peers = nil
	for _, s := range o.Scenarios {
		for _, p := range Peers {
			base := Spec{Peer: p}
			if !base.can(s.Kind) {
				continue
			}
			if !slices.ContainsFunc(o.Peers, func(p Spec) bool { return p.Label() == base.Label() }) {
				o.Peers = append(o.Peers, base)
			}
			break
		}
	}
	old.Name, new.Name = oldSide, newSide
	if old.from != "" {
		new.from = "this checkout"
	}
	o.Peers = append(o.Peers, old, new)
	o.Pair = result.NewPair(oldSide, newSide, len(o.Scenarios)*len(o.looks()))
	return o
}

// looks is after how many rounds it is asked whether a pair can be told apart;
// after the last it is over. They double each time: the more often one looks, the
// likelier it is to see what is not there, and so the surer each look has to be.
func (o Options) looks() []int {
	looks := []int{o.Rounds}
	for n := o.Rounds; n < o.MaxRounds; {
		n = min(2*n, o.MaxRounds)
		looks = append(looks, n)
	}
	return looks
}

// open reports whether more rounds may tell the pair apart.
func (b *bench) open(s scenario.Scenario, entries []*entry) bool {
	old, new := find(entries, b.Pair.Old), find(entries, b.Pair.New)
	return !old.failed && !new.failed && b.Pair.Judge(s, old.samples, new.samples).Open()
}

func find(entries []*entry, label string) *entry {
	return entries[slices.IndexFunc(entries, func(e *entry) bool { return e.spec.Label() == label })]
}

// turn is the order of a round. Whoever runs first in one round runs last in the
// next, so that a machine that gets slower or faster meanwhile favours nobody. The
// two of a pair change places as well, every second time, so that what ran just
// before is for both of them the same.
func (b *bench) turn(entries []*entry, round int) []*entry {
	order := slices.Clone(entries)
	if b.Pair != nil && round%4 >= 2 {
		old, new := slices.Index(order, find(order, b.Pair.Old)), slices.Index(order, find(order, b.Pair.New))
		order[old], order[new] = order[new], order[old]
	}
	if round%2 == 1 {
		slices.Reverse(order)
	}
	return order
}

// alike reports whether both of the pair are one program, byte for byte, that runs
// with the same flags: then whatever differs is chance.
func (b *bench) alike(ctx context.Context) bool {
	var sides []Spec
	for _, p := range b.Peers {
		if b.Pair.Has(p.Label()) {
			sides = append(sides, p)
		}
	}
	old, new := sides[0], sides[1]
	if !slices.Equal(old.Flags, new.Flags) || filepath.Ext(old.Peer.recipe.source) == ".py" { // there it is the interpreter that is one
		return false
	}
	one, err := os.ReadFile(b.shop.make(ctx, old.Peer).command[0])
	if err != nil {
		return false
	}
	other, err := os.ReadFile(b.shop.make(ctx, new.Peer).command[0])
	return err == nil && bytes.Equal(one, other)
}
