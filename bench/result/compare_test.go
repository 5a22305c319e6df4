package result

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// world makes reports of peers whose CPU time is known, on a machine that gets
// faster and slower from round to round, and where ratios drift between reports.
type world struct {
	*rand.Rand
	rounds int
	noise  float64
	speed  float64 // of the machine: 1.3 makes everything dearer by as much
	drift  float64 // standard deviation of a ratio to the base, between reports
}

func newWorld(seed uint64) *world {
	return &world{rand.New(rand.NewPCG(seed, 1)), 15, 0.02, 1, 0}
}

// steady is how much ratios drift where 99 of 100 pairs of reports are as far
// apart as Drift says, or less.
var steady = Drift / (math.Sqrt2 * math.Sqrt2 * math.Erfinv(0.99))

// report has a base of 5000 ns a message, and peers of factors times as much.
func (w *world) report(t *testing.T, scenarios []string, factors map[string]float64) *Report {
	t.Helper()
	r := &Report{Format: Format}
	for _, name := range scenarios {
		// Not by Summarize: what it sums up is not compared.
		o := &Outcome{Scenario: parse(t, name), Base: "base", Rows: []*Row{{Peer: "base"}, {Peer: "a"}, {Peer: "b"}, {Peer: "c"}}}
		drifts := make([]float64, len(o.Rows))
		for i := range drifts {
			drifts[i] = math.Exp(w.drift * w.NormFloat64())
		}
		drifts[0] = 1
		for round := range w.rounds {
			speed := w.speed * math.Exp(0.1*w.NormFloat64())
			for i, row := range o.Rows {
				factor, ok := factors[row.Peer]
				if !ok {
					factor = 1
				}
				cpu := 5000 * factor * drifts[i] * speed * math.Exp(w.noise*w.NormFloat64())
				row.Samples = append(row.Samples, &Sample{Round: round, CPU: cpu, Rate: 1e9 / cpu, PerConn: cpu / 10})
			}
		}
		r.Scenarios = append(r.Scenarios, o)
	}
	return r
}

// reports is n of them.
func (w *world) reports(t *testing.T, n int, scenarios []string, factors map[string]float64) []*Report {
	t.Helper()
	var all []*Report
	for range n {
		all = append(all, w.report(t, scenarios, factors))
	}
	return all
}

var some = []string{"100x64", "1000x64", "churn64", "rate10k"}

// worlds is over how many of them chance is judged.
const worlds = 1000

// verdicts counts what is said of b in as many worlds, with so many reports of
// each side.
func verdicts(t *testing.T, runs int, drift, factor float64) map[Verdict]int {
	t.Helper()
	counts := map[Verdict]int{}
	for seed := range uint64(worlds) {
		w := newWorld(seed)
		w.drift = drift
		changes := Compare(w.reports(t, runs, some[:1], nil), w.reports(t, runs, some[:1], map[string]float64{"b": factor}), "b", Drift)
		if len(changes) != 1 || changes[0].Base != "base" {
			t.Fatalf("%+v: want a ratio to the base", changes)
		}
		counts[changes[0].Verdict]++
	}
	return counts
}

// Nothing is called dearer or cheaper that is neither, as long as reports drift
// by no more than is said, or there are enough of them to show by how much.
func TestSameIsSeldomCalledDifferent(t *testing.T) {
	for _, c := range []struct {
		name  string
		runs  int
		drift float64
	}{
		{"one file", 1, steady},
		{"two files", 2, steady},
		{"three files", 3, steady},
		{"three files that drift more", 3, 0.03},
		{"five files that drift more", 5, 0.03},
	} {
		t.Run(c.name, func(t *testing.T) {
			counts := verdicts(t, c.runs, c.drift, 1)
			if wrong := counts[More] + counts[Less]; wrong > worlds/100 {
				t.Errorf("%d of %d are called different: %v", wrong, worlds, counts)
			}
			if c.runs < enough && counts[Within] < worlds*3/4 {
				t.Errorf("%v: want most to be within the drift", counts)
			}
		})
	}
}

// What one file of each side cannot tell, it does not say; five can.
func TestFiveInAHundred(t *testing.T) {
	if counts := verdicts(t, 1, steady, 1.05); counts[More] > worlds/5 || counts[Less]+counts[Same] > 0 {
		t.Errorf("one file of each side: %v", counts)
	}
	if counts := verdicts(t, 1, steady, 1.15); counts[More] < worlds*9/10 {
		t.Errorf("one file of each side, and 15 in a hundred: %v", counts)
	}
	if counts := verdicts(t, 5, 0.01, 1.05); counts[More] < worlds*9/10 {
		t.Errorf("five files of each side: %v", counts)
	}
}

// All intervals of a comparison hold what they should, together, in 99 of 100.
func TestIntervalsHoldTheFactors(t *testing.T) {
	for _, runs := range []int{1, 3} {
		missed := 0
		for seed := range uint64(worlds) {
			w := newWorld(seed)
			w.drift = steady
			factors := map[string]float64{"a": 0.9, "b": 1.05, "c": 3}
			for _, c := range Compare(w.reports(t, runs, some[:2], nil), w.reports(t, runs, some[:2], factors), "", Drift) {
				if want := factors[c.Peer]; want < c.Low || want > c.High {
					missed++
					break
				}
			}
		}
		if missed > worlds/100 {
			t.Errorf("%d of each side: %d of %d have an interval that misses", runs, missed, worlds)
		}
	}
}

// A machine that has become slower since is no change.
func TestSlowerMachineCancelsOut(t *testing.T) {
	w := newWorld(1)
	w.noise = 0.005
	old := w.reports(t, 1, some, nil)
	w.speed = 1.3
	for _, c := range Compare(old, w.reports(t, 1, some, nil), "", 0) {
		if c.Verdict != Same {
			t.Errorf("%+v", c)
		}
	}
}

// Without a base in common the metric itself is compared.
func TestOtherBase(t *testing.T) {
	w := newWorld(1)
	old, slower := w.reports(t, 1, some[:1], nil), &world{w.Rand, 15, 0.005, 1.5, 0}
	new := slower.reports(t, 1, some[:1], nil)
	new[0].Scenarios[0].Base = "a"
	changes := Compare(old, new, "", Drift)
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
	changes := Compare(w.reports(t, 1, []string{"idle10k"}, nil), w.reports(t, 1, []string{"idle10k"}, map[string]float64{"a": 2}), "", Drift)
	i := slices.IndexFunc(changes, func(c Change) bool { return c.Peer == "a" })
	if len(changes) != 4 || changes[i].Metric.Name != PerConn.Name || changes[i].Base != "" || changes[i].Verdict != More {
		t.Errorf("%+v", changes)
	}
}

func TestTooFewRounds(t *testing.T) {
	w := newWorld(1)
	w.rounds = 3
	for _, c := range Compare(w.reports(t, 1, some, nil), w.reports(t, 1, some, map[string]float64{"a": 10}), "", Drift) {
		if c.Verdict != TooFew || c.Low != 0 || c.High != 0 || c.Factor <= 0 {
			t.Errorf("%+v", c)
		}
	}
}

func TestOnlyWhatBothHave(t *testing.T) {
	w := newWorld(1)
	old, new := w.reports(t, 1, some[:2], nil), w.reports(t, 1, some[1:3], nil)
	new[0].Scenarios[0].Rows = slices.DeleteFunc(new[0].Scenarios[0].Rows, func(r *Row) bool { return r.Peer == "b" })
	changes := Compare(old, new, "", Drift)
	if len(changes) != 2 || changes[0].Scenario != some[1] || changes[0].Peer != "a" || changes[1].Peer != "c" {
		t.Errorf("%+v", changes)
	}
	if c := Compare(old, []*Report{{}}, "", Drift); len(c) != 0 {
		t.Errorf("%+v", c)
	}
	if got := Lacking(old, new, "b"); !slices.Equal(got, some[1:2]) {
		t.Errorf("lacking %q", got)
	}
}

// A file of a side that lacks a scenario, or a peer, says nothing of it.
func TestFilesThatLackSomething(t *testing.T) {
	w := newWorld(1)
	old, new := w.reports(t, 3, some[:2], nil), w.reports(t, 4, some[:2], nil)
	old[0].Scenarios = old[0].Scenarios[1:]
	new[1].Scenarios[1].Rows = new[1].Scenarios[1].Rows[:2]
	got := map[string]int{}
	for _, c := range Compare(old, new, "", Drift) {
		got[c.Scenario+" "+c.Peer] = c.Runs
		if (c.Runs < enough) != (c.Drift > 0) || (c.Runs < enough) != (c.Rounds > 0) {
			t.Errorf("%+v", c)
		}
	}
	for name, want := range map[string]int{some[0] + " a": 2, some[0] + " b": 2, some[1] + " a": 3, some[1] + " c": 3} {
		if got[name] != want {
			t.Errorf("%s rests on %d measurements of each side, want %d", name, got[name], want)
		}
	}
}

func TestUnlike(t *testing.T) {
	a, b := &Report{Setting: Setting{Loops: 1}}, &Report{Setting: Setting{Loops: 2}, Machine: Machine{Kernel: "6.1"}}
	if got := Unlike(a, a); got != nil {
		t.Errorf("%q", got)
	}
	want := []string{"not made alike: event loops 1 and 2", "not made alike: kernel  and 6.1"}
	if got := Unlike(a, b, a, b); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestVerdictOnDrift(t *testing.T) {
	for _, c := range []struct {
		low, median, high float64
		drift             float64
		want              Verdict
	}{
		{0, 1.1, 0, 0.05, TooFew},
		{1.06, 1.1, 1.15, 0.05, More},
		{0.85, 0.9, 0.95, 0.05, Less},
		{1.03, 1.045, 1.06, 0.05, Within}, // it differs, by less than the drift
		{0.99, 1, 1.01, 0.05, Within},     // it may hide a difference
		{1.03, 1.06, 1.09, 0.05, Noisy},   // it differs, perhaps by more than the drift
		{0.94, 1.01, 1.05, 0.05, Noisy},
		{0.5, 1, 2, 0.05, Noisy},
		{0.99, 1, 1.01, 0, Same},
		{1.01, 1.02, 1.04, 0, More},
		{0.99, 1.01, 1.04, 0, Noisy},
		{0.99, 1, 1.01, 0.01, Same}, // with all the drift there may be
	} {
		f := Figure{Median: c.median, Low: c.low, High: c.high}
		wide, got := f.drifted(c.drift)
		if got != c.want {
			t.Errorf("%+v: %s, want %s", c, got, c.want)
		}
		if wide.Low > f.Low || wide.High < f.High || wide.Median != f.Median {
			t.Errorf("%+v is wider than %+v", f, wide)
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
		{CPU, Within, 1.04, false, 0.04},
	} {
		change := Change{Metric: c.metric, Verdict: c.verdict, Factor: c.factor}
		if got := change.Regress(); change.Worse() != c.worse || math.Abs(got-c.regress) > 1e-9 {
			t.Errorf("%s %s: %t, %g", c.metric.Name, c.verdict, change.Worse(), got)
		}
	}
}
