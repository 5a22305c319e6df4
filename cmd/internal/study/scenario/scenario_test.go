//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package scenario

import (
	"context"
	"errors"
	"strings"
	"testing"

	"example.com/iomux"
	"example.com/iomux/cmd/internal/study/explain"
	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// each runs f for every scenario on every backend that works here.
func each(t *testing.T, f func(t *testing.T, sc Scenario, b Backend)) {
	for _, sc := range Scenarios() {
		for _, name := range Names() {
			b := Backend(name)
			if err := b.Here(); err != nil {
				t.Logf("%s: %v", name, err)
				continue
			}
			t.Run(sc.Name+"/"+name, func(t *testing.T) { f(t, sc, b) })
		}
	}
}

// lines plays a scenario and returns what is the same in every run.
func lines(t *testing.T, sc Scenario, b Backend) (list []string) {
	t.Helper()
	err := Run(t.Context(), sc, b, func(r *trace.Record) {
		switch {
		case r.Note != "":
			list = append(list, r.Note)
		case r.Depth == 0 && !r.Interrupted():
			list = append(list, trace.Style{Stable: true}.Line(r))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A scenario is the same each time, leaves nothing behind, and each of its calls is
// explained.
func TestScenarios(t *testing.T) {
	each(t, func(t *testing.T, sc Scenario, b Backend) {
		leaktest.Check(t)
		first, second := lines(t, sc, b), lines(t, sc, b)
		for i := range max(len(first), len(second)) {
			if i >= len(first) || i >= len(second) || first[i] != second[i] {
				from := max(0, i-3)
				t.Errorf("two runs differ at line %d:\n%s\n\n%s", i,
					strings.Join(first[from:min(i+6, len(first))], "\n"), strings.Join(second[from:min(i+6, len(second))], "\n"))
				break
			}
		}
		explainer := explain.New()
		err := Run(t.Context(), sc, b, func(r *trace.Record) {
			if why := explainer.Record(r); r.Note == "" && (why == "" || strings.Contains(why, "Something outside")) {
				t.Errorf("not explained: %s", trace.Style{}.Line(r))
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// Each scenario shows what it is there for.
func TestWhatScenariosShow(t *testing.T) {
	shows := map[string]func(r *trace.Record) bool{
		"ping-pong":   func(r *trace.Record) bool { return r.Op == sys.OpWrite && r.On.Kind == trace.Conn && r.Result == 4 },
		"two-clients": func(r *trace.Record) bool { return r.Wait && len(r.Found) == 2 },
		"slow-reader": func(r *trace.Record) bool { return r.Op == sys.OpWrite && r.On.Kind == trace.Conn && r.Result < r.Size },
		"half-close":  func(r *trace.Record) bool { return r.Op == sys.OpRead && r.On.Kind == trace.Conn && r.Result == 0 },
		"reset": func(r *trace.Record) bool {
			return r.Op == sys.OpRead && strings.Contains(trace.Style{}.Result(r), "ECONNRESET")
		},
		"burst":        func(r *trace.Record) bool { return r.Op == sys.OpRead && r.Result == r.Size },
		"accept-storm": func(r *trace.Record) bool { return r.Op == sys.OpAccept && r.New != nil && r.New.Name == "conn 18" },
		"timer":        func(r *trace.Record) bool { return r.Wait && r.Result == 0 && r.Timeout > 0 && r.Errno == 0 },
	}
	each(t, func(t *testing.T, sc Scenario, b Backend) {
		shown := false
		err := Run(t.Context(), sc, b, func(r *trace.Record) { shown = shown || r.Note == "" && shows[sc.Name](r) })
		if err != nil || !shown {
			t.Errorf("shown %v, %v", shown, err)
		}
	})
}

// A study's simulation is offered to nobody else.
func TestTheSimulationIsTheStudysAlone(t *testing.T) {
	if !simulated {
		t.Skip("there is a real kqueue here")
	}
	if err := Kqueue.Here(); err != nil {
		t.Error(err)
	}
	if err := Run(t.Context(), Scenarios()[0], Kqueue, func(*trace.Record) {}); err != nil {
		t.Error(err)
	}
	if p, err := iomux.Open(iomux.Kqueue); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v, %v", p, err)
	}
}

// A run that is given up ends, and says so.
func TestGivenUp(t *testing.T) {
	leaktest.Check(t)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := Run(ctx, Scenarios()[0], Default(), func(r *trace.Record) {
		if n++; r.Op == sys.OpAccept {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%d records, %v", n, err)
	}
}

func TestFind(t *testing.T) {
	if sc, ok := Find("timer"); !ok || sc.Name != "timer" {
		t.Errorf("%v, %v", sc, ok)
	}
	if _, ok := Find("no such"); ok {
		t.Error("there is one")
	}
	if err := Backend("no such").Here(); err == nil {
		t.Error("it works here")
	}
}
