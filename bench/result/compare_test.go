package result

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// world makes reports of peers whose CPU time is known, on a machine that gets
// faster and slower from round to round.
type world struct {
	*rand.Rand
	rounds int
	noise  float64
	speed  float64 // of the machine: 1.3 makes everything dearer by as much
}

func newWorld(seed uint64) *world {
	return &world{rand.New(rand.NewPCG(seed, 1)), 15, 0.02, 1}
}

// report has a base of 5000 ns a message, and peers of factors times as much.
func (w *world) report(t *testing.T, scenarios []string, factors map[string]float64) *Report {
	t.Helper()
	r := &Report{Format: Format}
	for _, name := range scenarios {
		series := []Series{{Peer: "base"}, {Peer: "a"}, {Peer: "b"}, {Peer: "c"}}
		for round := range w.rounds {
			speed := w.speed * math.Exp(0.1*w.NormFloat64())
			for i := range series {
				factor, ok := factors[series[i].Peer]
				if !ok {
					factor = 1
				}
				cpu := 5000 * factor * speed * math.Exp(w.noise*w.NormFloat64())
				series[i].Samples = append(series[i].Samples, &Sample{Round: round, CPU: cpu, Rate: 1e9 / cpu, PerConn: cpu / 10})
			}
		}
		r.Scenarios = append(r.Scenarios, Summarize(parse(t, name), series))
	}
	return r
}

var some = []string{"100x64", "1000x64", "churn64", "rate10k"}

// worlds is over how many of them chance is judged.
const worlds = 100

func TestSameIsSeldomCalledDifferent(t *testing.T) {
	wrong, noisy, all := 0, 0, 0
	for seed := range uint64(worlds) {
		w := newWorld(seed)
		called := false
		for _, c := range Compare(w.report(t, some, nil), w.report(t, some, nil), "") {
			all++
			switch c.Verdict {
			case More, Less:
				called = true
			case Noisy:
				noisy++
			case Same, TooFew:
			}
			if c.Peer == "base" || c.Base != "base" {
				t.Fatalf("%+v: want ratios to the base", c)
			}
		}
		if called {
			wrong++
		}
	}
	if all != worlds*len(some)*3 {
		t.Errorf("%d comparisons", all)
	}
	// Holm's correction bounds this by 5 % over all comparisons of a report.
	if wrong > worlds/10 {
		t.Errorf("in %d of %d reports something is called different", wrong, worlds)
	}
	if noisy > all/2 {
		t.Errorf("%d of %d are too noisy to say, with but 2 %% of noise", noisy, all)
	}
}

func TestFiveInAHundredAreFound(t *testing.T) {
	found := 0
	for seed := range uint64(worlds) {
		w := newWorld(seed)
		for _, c := range Compare(w.report(t, some[:1], nil), w.report(t, some[:1], map[string]float64{"b": 1.05}), "") {
			if c.Peer != "b" || c.Verdict != More {
				continue
			}
			found++
			if !c.Worse() || c.Regress() < 0.02 || c.Regress() > 0.10 || c.Low > c.Factor || c.High < c.Factor {
				t.Errorf("%+v: want 1.05", c)
			}
		}
	}
	if found < worlds*9/10 {
		t.Errorf("found in %d of %d", found, worlds)
	}
}

func TestIntervalHoldsTheFactor(t *testing.T) {
	held, all := 0, 0
	for seed := range uint64(worlds) {
		w := newWorld(seed)
		for _, c := range Compare(w.report(t, some, nil), w.report(t, some, map[string]float64{"a": 0.9, "b": 1.05, "c": 3}), "") {
			all++
			if want := map[string]float64{"a": 0.9, "b": 1.05, "c": 3}[c.Peer]; c.Low <= want && want <= c.High {
				held++
			}
		}
	}
	if share := float64(held) / float64(all); share < 0.92 || share > 0.98 {
		t.Errorf("95 %% intervals hold what they should in %.1f %%", 100*share)
	}
}

// A machine that has become slower since is no change.
func TestSlowerMachineCancelsOut(t *testing.T) {
	w := newWorld(1)
	w.noise = 0.005
	old := w.report(t, some, nil)
	w.speed = 1.3
	for _, c := range Compare(old, w.report(t, some, nil), "") {
		if c.Verdict != Same {
			t.Errorf("%+v", c)
		}
	}
}

// Without a base in common the metric itself is compared.
func TestOtherBase(t *testing.T) {
	w := newWorld(1)
	old, slower := w.report(t, some[:1], nil), &world{w.Rand, 15, 0.005, 1.5}
	new := slower.report(t, some[:1], nil)
	new.Scenarios[0].Base = "a"
	changes := Compare(old, new, "")
	if len(changes) != 4 {
		t.Fatalf("%d changes", len(changes))
	}
	for _, c := range changes {
		if c.Base != "" || c.Verdict != More || c.Old.Median < 1000 {
			t.Errorf("%+v", c)
		}
	}
}

// Idle connections are compared by their memory, in bytes.
func TestMemoryIsCompared(t *testing.T) {
	w := newWorld(1)
	w.noise = 0.01
	changes := Compare(w.report(t, []string{"idle10k"}, nil), w.report(t, []string{"idle10k"}, map[string]float64{"a": 2}), "")
	i := slices.IndexFunc(changes, func(c Change) bool { return c.Peer == "a" })
	if len(changes) != 4 || changes[i].Metric.Name != PerConn.Name || changes[i].Base != "" || changes[i].Verdict != More {
		t.Errorf("%+v", changes)
	}
}

func TestTooFewRounds(t *testing.T) {
	w := newWorld(1)
	w.rounds = 3
	for _, c := range Compare(w.report(t, some, nil), w.report(t, some, map[string]float64{"a": 10}), "") {
		if c.Verdict != TooFew || c.Low != 0 || c.High != 0 || c.Factor <= 0 {
			t.Errorf("%+v", c)
		}
	}
}

func TestOnlyWhatBothHave(t *testing.T) {
	w := newWorld(1)
	old, new := w.report(t, some[:2], nil), w.report(t, some[1:3], nil)
	new.Scenarios[0].Rows = slices.DeleteFunc(new.Scenarios[0].Rows, func(r *Row) bool { return r.Peer == "b" })
	changes := Compare(old, new, "")
	if len(changes) != 2 || changes[0].Scenario != some[1] || changes[0].Peer != "a" || changes[1].Peer != "c" {
		t.Errorf("%+v", changes)
	}
	if c := Compare(old, &Report{}, ""); len(c) != 0 {
		t.Errorf("%+v", c)
	}
}

// Holm: the least P is measured against alpha by the number of comparisons, the
// next by one less; from the first that fails on, none counts.
func TestHolm(t *testing.T) {
	for _, c := range []struct {
		ps   []float64
		want []Verdict
	}{
		{[]float64{0.04}, []Verdict{More}},
		{[]float64{0.05}, []Verdict{Noisy}},
		{[]float64{0.04, 0.04}, []Verdict{Noisy, Noisy}},
		{[]float64{0.04, 0.02}, []Verdict{More, More}},
		{[]float64{0.02, 0.04, 0.01, 0.03}, []Verdict{Noisy, Noisy, More, Noisy}}, // 0.01×4 < 0.05 ≤ 0.02×3
		{[]float64{0.001, 0.002, 0.9}, []Verdict{More, More, Noisy}},
	} {
		var changes []Change
		for _, p := range c.ps {
			changes = append(changes, Change{Factor: 1.1, Low: 1.01, High: 1.2, P: p})
		}
		judge(changes)
		for i, want := range c.want {
			if changes[i].Verdict != want {
				t.Errorf("%v: the verdict on %g is %s, want %s", c.ps, c.ps[i], changes[i].Verdict, want)
			}
		}
	}
}

func TestVerdictOnChange(t *testing.T) {
	for _, c := range []struct {
		factor, low, high float64
		significant       bool
		want              Verdict
	}{
		{1.1, 0, 0, true, TooFew},
		{1.1, 1.05, 1.15, true, More},
		{0.9, 0.85, 0.95, true, Less},
		{1.1, 1.05, 1.15, false, Noisy},
		{1.019, 1.01, 1.03, true, Same}, // what another address for the code may do
		{1.021, 1.01, 1.04, true, More},
		{1.01, 0.96, 1.05, false, Same},
		{1.01, 0.94, 1.05, false, Noisy},
		{1, 0.5, 2, false, Noisy},
	} {
		change := Change{Factor: c.factor, Low: c.low, High: c.high}
		if got := change.verdict(c.significant); got != c.want {
			t.Errorf("%+v: %s, want %s", c, got, c.want)
		}
	}
}

func TestWorse(t *testing.T) {
	for _, c := range []struct {
		metric  Metric
		verdict Verdict
		factor  float64
		worse   bool
		regress float64
	}{
		{CPU, More, 1.25, true, 0.25},
		{CPU, Less, 0.75, false, -0.25},
		{Rate, Less, 0.75, true, 0.25},
		{Rate, More, 1.25, false, -0.25},
		{CPU, Noisy, 2, false, 1},
	} {
		change := Change{Metric: c.metric, Verdict: c.verdict, Factor: c.factor}
		if change.Worse() != c.worse || change.Regress() != c.regress {
			t.Errorf("%s %s: %t, %g", c.metric.Name, c.verdict, change.Worse(), change.Regress())
		}
	}
}
