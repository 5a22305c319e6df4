//go:build linux

package run

import (
	"context"
	"slices"
	"strings"
	"testing"

	"example.com/iomux/bench/result"
)

func TestLooks(t *testing.T) {
	for _, c := range []struct {
		rounds, most int
		want         []int
	}{
		{9, 0, []int{9}},
		{9, 9, []int{9}},
		{20, 80, []int{20, 40, 80}},
		{20, 100, []int{20, 40, 80, 100}},
		{20, 21, []int{20, 21}},
		{100, 80, []int{100}},
	} {
		if got := (Options{Rounds: c.rounds, MaxRounds: c.most}).looks(); !slices.Equal(got, c.want) {
			t.Errorf("%d to %d: %v, want %v", c.rounds, c.most, got, c.want)
		}
	}
}

// Each of a pair runs as often before the other as behind it, and as often behind
// each of the others; the base is first and last by turns.
func TestTurnsAreFair(t *testing.T) {
	base, old, new := newEntry(Spec{Name: "base"}), newEntry(Spec{Name: oldSide}), newEntry(Spec{Name: newSide})
	entries := []*entry{base, old, new}
	b := &bench{Options: Options{Pair: result.NewPair(oldSide, newSide, 1)}}
	behind := map[*entry]map[*entry]int{old: {}, new: {}}
	last := base // as before the first round
	for round := range 4 * 100 {
		turn := b.turn(entries, round)
		if at := slices.Index(turn, base); at != 0 && at != 2 || (at == 0) != (round%2 == 0) {
			t.Fatalf("round %d: the base runs at %d", round, at)
		}
		for _, e := range turn {
			if e != base {
				behind[e][last]++
			}
			last = e
		}
	}
	for _, e := range []*entry{base, old, new} {
		other := e
		switch e {
		case old:
			other = new
		case new:
			other = old
		}
		if a, b := behind[old][e], behind[new][other]; a < b-1 || a > b+1 {
			t.Errorf("old runs %d times behind %s, new %d times behind %s", a, e.spec.Label(), b, other.spec.Label())
		}
	}
	b.Pair = nil
	if got := b.turn(entries, 2); !slices.Equal(got, entries) {
		t.Error("without a pair the third round is not as the first")
	}
}

// A pair has the base of each scenario, and only scenarios that it does.
func TestVersusHasBases(t *testing.T) {
	gonet, netpoll := Spec{Peer: peer(t, "gonet")}, Spec{Peer: peer(t, "netpoll")}
	labels := func(o Options) string {
		var all []string
		for _, p := range o.Peers {
			all = append(all, p.Label())
		}
		return strings.Join(all, " ")
	}
	o := Options{Scenarios: scenarios(t, "2x8,3x8,udp2x8,churn2"), Rounds: 10, MaxRounds: 40}
	if got := o.Versus(gonet, gonet); labels(got) != "c_epoll c_udp old new" || len(got.Scenarios) != 4 || got.Pair.Alpha*12 > 0.011 || got.Pair.Alpha*12 < 0.009 {
		t.Errorf("%+v, peers %s", got.Pair, labels(got))
	}
	if got := o.Versus(netpoll, gonet); labels(got) != "c_epoll old new" || len(got.Scenarios) != 3 {
		t.Errorf("%+v, peers %s", got.Pair, labels(got))
	}
	if len(o.Scenarios) != 4 || len(o.Peers) != 0 {
		t.Errorf("what was given has changed: %+v", o)
	}
}

// Nothing is to be gained from more rounds when one of a pair has failed.
func TestOpenPair(t *testing.T) {
	b := &bench{Options: Options{Pair: result.NewPair(oldSide, newSide, 1)}}
	s := scenarios(t, "2x8")[0]
	old, new := newEntry(Spec{Name: oldSide}), newEntry(Spec{Name: newSide})
	for _, e := range []*entry{old, new} {
		e.samples = []*result.Sample{{CPU: 1}}
	}
	for _, failed := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		old.failed, new.failed = failed[0], failed[1]
		if got, want := b.open(s, []*entry{old, new}), !old.failed && !new.failed; got != want {
			t.Errorf("old failed %t, new failed %t: open %t", old.failed, new.failed, got)
		}
	}
}

// As long as two rounds cannot tell anything, there are more.
func TestMoreRounds(t *testing.T) {
	gonet := Spec{Peer: peer(t, "gonet")}
	o := Options{Scenarios: scenarios(t, "2x8"), Rounds: 2, MaxRounds: 5, Duration: 5e7, Loops: 1}.Versus(gonet, gonet)
	o.Peers = o.Peers[1:] // a base takes a compiler
	var seen notebook
	r, err := Run(context.Background(), o, &seen)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.Scenarios[0].Rows[0].Samples); n != 5 || seen.total != 10 || !slices.IsSorted(seen.done) {
		t.Errorf("%d rounds, progress %v of %d, skipped %v", n, seen.done, seen.total, r.Skipped)
	}
	if c := r.Versus(); len(c) != 1 || c[0].Verdict != result.TooFew || c[0].Rounds != 5 || c[0].Peer != "gonet" {
		t.Errorf("%+v", c)
	}
	if len(seen.notes) != 1 || !strings.Contains(seen.notes[0], "the same program") || !strings.Contains(r.Peers[1].About, "the same program") {
		t.Errorf("notes %q, peers %+v", seen.notes, r.Peers)
	}
}

// One of a pair that fails ends the scenario; one that cannot be built, all.
func TestPairThatFails(t *testing.T) {
	gonet := Spec{Peer: peer(t, "gonet")}
	bad := gonet
	bad.Flags = []string{"-nonsense"}
	o := Options{Scenarios: scenarios(t, "2x8"), Rounds: 1, MaxRounds: 100, Duration: 5e7, Loops: 1}.Versus(gonet, bad)
	o.Peers = o.Peers[1:]
	var seen notebook
	r, err := Run(context.Background(), o, &seen)
	if err != nil || len(r.Skipped) != 1 || r.Skipped[0].Peer != newSide || len(r.Scenarios[0].Rows[0].Samples) != 1 || len(r.Versus()) != 0 {
		t.Errorf("error %v, report %+v", err, r)
	}
	gonet.Peer.recipe.dir = "missing"
	gonet.Peer.Name = "missing"
	o = o.Versus(gonet, bad)
	if _, err := Run(context.Background(), o, &seen); err == nil || !strings.HasPrefix(err.Error(), "old: cannot be built") {
		t.Errorf("error %v", err)
	}
}
