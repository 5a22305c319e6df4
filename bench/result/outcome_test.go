package result

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"example.com/iomux/bench/scenario"
)

func parse(t *testing.T, name string) scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSummarize(t *testing.T) {
	a := []*Sample{{Round: 0, CPU: 100, Rate: 10}, {Round: 1, CPU: 200, Rate: 5, Foreign: 0.2}, {Round: 2, CPU: 400, Rate: 2}}
	b := []*Sample{{Round: 2, CPU: 800, Rate: 1, Notes: map[string]float64{"n": 7}}, {Round: 0, CPU: 210, Rate: 5, Notes: map[string]float64{"n": 5}}}
	o := Summarize(parse(t, "100x64"), []Series{{Peer: "failed"}, {Peer: "a", Samples: a}, {Peer: "b", Samples: b, Calls: map[string]float64{"read": 1}}})
	if o.Base != "a" || len(o.Rows) != 2 || o.Row("failed") != nil || o.Row("b") != o.Rows[1] {
		t.Fatalf("%+v", o)
	}
	// 210/100 and 800/400, though the medians' ratio is 505/200.
	if m := o.Rows[1].Measure(CPU); m.Median != 505 || m.Ratio.Median != 2.05 {
		t.Errorf("%+v", m)
	}
	if m := o.Rows[0].Measure(CPU); m.Median != 200 || m.Ratio.Median != 1 || m.Ratio.Spread != 0 {
		t.Errorf("the base: %+v", m)
	}
	for _, m := range Metrics {
		if _, ok := o.Rows[0].Measures[m.Name]; !ok {
			t.Errorf("no %s", m.Name)
		}
	}
	if o.Rows[0].Disturbed != 1 || o.Rows[0].Notes != nil || o.Rows[1].Notes["n"] != 6 || o.Rows[1].Calls["read"] != 1 {
		t.Errorf("%+v and %+v", o.Rows[0], o.Rows[1])
	}
}

func TestSummarizeNothing(t *testing.T) {
	if o := Summarize(parse(t, "100x64"), []Series{{Peer: "failed"}}); o.Base != "" || o.Rows == nil || len(o.Rows) != 0 {
		t.Errorf("%+v", o)
	}
}

func TestDoubts(t *testing.T) {
	for _, c := range []struct {
		name, scenario string
		sample         Sample
		want           string // what the only doubt contains; "" if there is none
	}{
		{"fair", "100x64", Sample{Jain: 0.91}, ""},
		{"unfair", "100x64", Sample{Jain: 0.5}, "Jain's index 0.50"},
		{"not known", "100x64", Sample{}, ""},
		{"accounted for", "100x64", Sample{Little: 1.09}, ""},
		{"too much", "100x64", Sample{Little: 1.2}, "Little's law gives 1.20"},
		{"too little", "100x64", Sample{Little: 0.8}, "Little's law gives 0.80"},
		{"keeps up", "rate10k", Sample{Rate: 9950}, ""},
		{"overloaded", "rate10k", Sample{Rate: 9000}, "9000/s instead of the 10000/s"},
		{"closed loop", "100x64", Sample{Rate: 9}, ""},
		{"few lost", "udp16x64p16", Sample{Messages: 1000, Lost: 10}, "0.99 %"},
		{"lost", "udp16x64p16", Sample{Messages: 900, Lost: 100}, "10 % of the datagrams"},
		{"unanswered", "rate10k", Sample{Rate: 10000, Unanswered: 3}, "3 messages were never answered"},
		{"closed", "slow10", Sample{Closed: 2}, "2 slow readers"},
		{"a room keeps up", "chat11", Sample{Rate: 995, Backlog: 400, GeneratorUtil: 1}, ""},
		{"a burst late", "chat11r5", Sample{Seconds: 2, Rate: 45}, ""},
		{"two bursts late", "chat11r5", Sample{Seconds: 2, Rate: 40}, "40/s instead of the 50/s asked for"},
		{"a full room", "chat11", Sample{Rate: 900, GeneratorUtil: 0.5}, "900/s instead of the 1000/s asked for"},
		{"a full generator", "chat11", Sample{Rate: 900, GeneratorUtil: 1}, "no more CPU time"},
		{"behind", "chat11", Sample{Rate: 1000, Backlog: 600}, "behind by 600 deliveries"},
		{"dropped", "chat11", Sample{Rate: 1000, Dropped: 2}, "2 members were dropped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := doubts(parse(t, c.scenario), []*Sample{&c.sample})
			if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestMetricsHaveNames(t *testing.T) {
	names := map[string]bool{}
	for _, m := range Metrics {
		if names[m.Name] || m.Title == "" || m.Unit == "" {
			t.Errorf("%+v", m)
		}
		names[m.Name] = true
	}
	if Headline(scenario.Scenario{Kind: scenario.Idle}).Name != PerConn.Name || Headline(scenario.Scenario{Kind: scenario.Chat}).Name != CPU.Name {
		t.Errorf("headlines of %v", slices.Sorted(maps.Keys(names)))
	}
}

func TestSkipped(t *testing.T) {
	r := &Report{Skipped: []Skipped{{Peer: "a", Reason: "no compiler"}}}
	if r.Failed() || r.Skipped[0].String() != "a: no compiler" {
		t.Errorf("%t, %s", r.Failed(), r.Skipped[0])
	}
	r.Skipped = append(r.Skipped, Skipped{Peer: "b", Scenario: "1x64", Reason: "wrong bytes", Failed: true})
	if !r.Failed() || r.Skipped[1].String() != "b in 1x64: wrong bytes" {
		t.Errorf("%t, %s", r.Failed(), r.Skipped[1])
	}
}
