package result

import (
	"math"
	"math/rand/v2"
	"testing"

	"example.com/iomux/bench/scenario"
)

// looks is after how many rounds it is seen whether more are needed.
var looks = []int{20, 40, 80}

// duel makes rounds of two peers and a base on a machine like those one gets: it
// changes its speed from round to round, wanders away over all of them, disturbs
// a run now and then, and the base goes ways of its own.
type duel struct {
	*rand.Rand
	factor          float64 // new to old
	wander, wayward float64
	old, new, base  []*Sample
}

func newDuel(seed uint64, factor float64) *duel {
	return &duel{Rand: rand.New(rand.NewPCG(seed, 2)), factor: factor}
}

func (d *duel) rounds(until int) {
	for round := len(d.old); round < until; round++ {
		d.wander += 0.03 * d.NormFloat64()
		d.wayward += 0.02 * d.NormFloat64()
		speed := 5000 * math.Exp(d.wander+0.1*d.NormFloat64())
		d.base = append(d.base, &Sample{Round: round, CPU: d.noisy(speed * math.Exp(d.wayward))})
		d.old = append(d.old, &Sample{Round: round, CPU: d.noisy(speed)})
		d.new = append(d.new, &Sample{Round: round, CPU: d.noisy(speed * d.factor)})
	}
}

func (d *duel) noisy(x float64) float64 {
	x *= math.Exp(0.02 * d.NormFloat64())
	if d.IntN(20) == 0 {
		x *= 1 + 0.3*d.Float64()
	}
	return x
}

// decide is what a measurement makes of it.
func (d *duel) decide(s scenario.Scenario) Change {
	p := NewPair("old", "new", len(looks))
	var c Change
	for _, until := range looks {
		d.rounds(until)
		if c = p.Judge(s, d.old, d.new); !c.Open() {
			break
		}
	}
	return c
}

func TestPairsAreToldApart(t *testing.T) {
	s := parse(t, "100x64")
	for _, c := range []struct {
		factor float64
		want   Verdict
	}{{1, Same}, {1.05, More}, {1 / 1.05, Less}, {1.2, More}} {
		counts, rounds, held := map[Verdict]int{}, 0, 0
		for seed := range uint64(worlds) {
			got := newDuel(seed, c.factor).decide(s)
			counts[got.Verdict]++
			rounds += got.Rounds
			if got.Low <= c.factor && c.factor <= got.High {
				held++
			}
		}
		if counts[c.want] < worlds*97/100 {
			t.Errorf("%g: %v, want %s", c.factor, counts, c.want)
		}
		if wrong := worlds - counts[c.want] - counts[Noisy]; wrong > worlds/100 {
			t.Errorf("%g: %d of %d verdicts are wrong: %v", c.factor, wrong, worlds, counts)
		}
		if held < worlds*99/100 {
			t.Errorf("%g: %d of %d intervals hold it", c.factor, held, worlds)
		}
		t.Logf("%g: %v after %.0f rounds", c.factor, counts, float64(rounds)/worlds)
	}
}

// A difference at the edge of what is called none is called what it is, or nothing.
func TestPairsAtTheEdge(t *testing.T) {
	s := parse(t, "100x64")
	counts := map[Verdict]int{}
	for seed := range uint64(worlds) {
		counts[newDuel(seed, 1+same).decide(s).Verdict]++
	}
	if counts[Same]+counts[Less] > worlds/100 {
		t.Errorf("%v", counts)
	}
}

// The base has no part in it: with one that wanders, ratios to it tell nothing.
func TestPairsNeedNoBase(t *testing.T) {
	s := parse(t, "100x64")
	d := newDuel(1, 1.05)
	c := d.decide(s)
	for _, b := range d.base {
		b.CPU = 1
	}
	r := &Report{Format: Format, Pair: NewPair("old", "new", len(looks)), Peers: []Peer{{Label: "new", Command: "iomux -x"}},
		Scenarios: []*Outcome{Summarize(s, []Series{{Peer: "base", Samples: d.base}, {Peer: "old", Samples: d.old}, {Peer: "new", Samples: d.new}})}}
	got := r.Versus()
	if len(got) != 1 || got[0].Verdict != More || got[0].Factor != c.Factor || got[0].Peer != "iomux -x" || got[0].Rounds != c.Rounds {
		t.Errorf("%+v, want %+v", got, c)
	}
}

func TestVersusOfWhatIsThere(t *testing.T) {
	s := parse(t, "100x64")
	d := newDuel(1, 1)
	d.rounds(10)
	o := Summarize(s, []Series{{Peer: "base", Samples: d.base}, {Peer: "old", Samples: d.old}})
	r := &Report{Scenarios: []*Outcome{o}}
	if got := r.Versus(); got != nil {
		t.Errorf("without a pair: %+v", got)
	}
	r.Pair = NewPair("old", "new", 1)
	if got := r.Versus(); got != nil {
		t.Errorf("one failed: %+v", got)
	}
	if p := r.Pair; !p.Has("old") || !p.Has("new") || p.Has("base") || (*Pair)(nil).Has("") {
		t.Errorf("%+v", p)
	}
}

func TestOpen(t *testing.T) {
	s := parse(t, "100x64")
	p := NewPair("old", "new", len(looks))
	d := newDuel(1, 1)
	d.rounds(3)
	if c := p.Judge(s, d.old, d.new); c.Verdict != TooFew || !c.Open() || c.Rounds != 3 {
		t.Errorf("%+v", c)
	}
	if c := p.Judge(s, d.old, d.new[1:2]); c.Rounds != 1 {
		t.Errorf("%+v: want the one round that both have", c)
	}
	for _, x := range d.old {
		x.CPU = 0
	}
	if c := p.Judge(s, d.old, d.new); c.Open() || c.Factor != 0 {
		t.Errorf("%+v: no rounds would help", c)
	}
}
