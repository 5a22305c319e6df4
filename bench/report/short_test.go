package report

import (
	"strings"
	"testing"

	"example.com/iomux/bench/result"
)

// Each verdict has its sentence.
func TestSentences(t *testing.T) {
	base := server{"c_epoll", 5300, 500, 1000, 1, 0}
	gnet := server{"gnet", 6500, 590, 1100, 6, 700}
	for name, c := range map[string]struct {
		scenario string
		rounds   int
		noise    float64
		servers  []server
		tag      string
		want     []string
	}{
		"ahead": {"100x64", 15, 0.01, []server{base, {"iomux", 5400, 520, 1000, 4, 0}, gnet}, "iomux ahead",
			[]string{"iomux does 1.2", "times as much per CPU second as gnet (95 %: 1.", "c_epoll is best, 1.0"}},
		"behind": {"100x64", 15, 0.01, []server{base, {"iomux", 8000, 520, 1000, 4, 0}, gnet}, "gnet ahead",
			[]string{"iomux does 0.8", "c_epoll is best, 1.5", " times iomux"}},
		"level": {"100x64", 15, 0.005, []server{base, {"iomux", 6500, 520, 1000, 4, 0}, gnet}, "level",
			[]string{"iomux and gnet do equally much per CPU second (95 %: "}},
		"noisy": {"100x64", 15, 0.4, []server{base, {"iomux", 6000, 520, 1000, 4, 0}, gnet}, "unclear",
			[]string{"iomux against gnet: too noisy to say (95 %: ", "best are ", "which cannot be told apart"}},
		"few": {"100x64", 3, 0.01, []server{base, {"iomux", 5400, 520, 1000, 4, 0}, gnet}, "unclear",
			[]string{"iomux against gnet: too few rounds to say (1.2", "in 3 rounds)", "c_epoll came first, in too few rounds to say that it is best"}},
		"no gnet": {"100x64", 15, 0.01, []server{base, {"iomux", 5400, 520, 1000, 4, 0}, {"gonet", 6900, 600, 1300, 5, 0}}, "iomux ahead",
			[]string{"per CPU second as gonet"}},
		"base alone": {"100x64", 15, 0.01, []server{base, {"iomux", 6400, 520, 1000, 4, 0}}, "c_epoll ahead",
			[]string{"per CPU second as c_epoll"}},
		"not ours": {"100x64", 15, 0.01, []server{base, gnet}, "",
			[]string{"c_epoll is best, 1.2", " times gnet"}},
		"alone": {"100x64", 15, 0.01, []server{base}, "", []string{"nobody else did this"}},
		"idle": {"idle10k", 15, 0.01, []server{{"c_epoll", 9, 0, 0, 1, 0}, {"iomux", 9, 0, 0, 4, 213}, gnet}, "iomux ahead",
			[]string{"A silent connection costs iomux 21", "and gnet 70", "3.", "times as much", "c_epoll is best with 0 B"}},
		"open": {"rate10k", 15, 0.01, []server{base, {"iomux", 5400, 32, 60, 4, 0}, {"gnet", 6500, 33, 115, 6, 0}}, "iomux ahead",
			[]string{"99 % of answers come within ", "µs against 11", "% shorter)"}},
		"flags": {"100x64", 15, 0.01, []server{base, {"iomux -backend poll", 5400, 520, 1000, 4, 0}, gnet}, "iomux -backend poll ahead", []string{"iomux -backend poll does"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newMaker(t, c.rounds).outcome(c.scenario, c.noise, c.servers...)
			s := newCast(&result.Report{}).sentence(o, "x")
			text := strings.ReplaceAll(s.Text, "\u00a0", " ")
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q lacks %q", text, want)
				}
			}
			if got := s.Tag; c.tag == "" && got != nil || c.tag != "" && (got == nil || got.Text != c.tag) {
				t.Errorf("tag %v, want %q", got, c.tag)
			}
		})
	}
}

// A label may stand for another program: what counts is its command.
func TestCastGoesByCommand(t *testing.T) {
	c := newCast(&result.Report{Peers: []result.Peer{{Label: "slow", Command: "iomux -slow 5"}, {Label: "iomux", Command: "gnet"}}})
	if !c.ours("slow") || c.ours("iomux") || !c.isRival("iomux") {
		t.Errorf("%v", c)
	}
}

func TestTally(t *testing.T) {
	for want, r := range map[string]*result.Report{
		"iomux against gnet, by CPU time, in 7 scenarios: ahead in all (by a factor of ":                                                               reference(t),
		"iomux against gnet, by CPU time, in 4 scenarios: ahead in 2 (by a factor of 3.30 to 15.7), 1 too noisy to say, 1 with too few rounds to say.": rich(t),
		"": {},
	} {
		if got := newCast(r).tally(r).String(); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got, want := winners(reference(t)), "Best of all: c_epoll in 2, c_uring in 2, c_chat in 1, c_udp in 1, iomux in 1; undecided in 1."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCaution(t *testing.T) {
	r := reference(t)
	if got := caution(r); got != "" {
		t.Errorf("two runs of many: %q", got)
	}
	for _, o := range r.Scenarios {
		o.Rows[0].Disturbed = 15
	}
	if got := caution(r); !strings.Contains(got, "disturbed 122 of 570 runs") {
		t.Errorf("%q", got)
	}
}

// What a pair was measured for is what its page says of it.
func TestPairIsTold(t *testing.T) {
	text := strings.ReplaceAll(string(page(t, versus(t))), "\u00a0", " ")
	for _, want := range []string{
		"New against old, 6 comparisons: 2 worse, 1 better, 1 no different, 1 too noisy to say, 1 too few rounds to say.",
		"Each ran 15 rounds or more of ",
		"new against old, CPU time a message: 6.", "% dearer</span>",
		"new against old, CPU time a message: no difference (99 %: ", ", in 20 rounds).",
		"% cheaper</span>",
		"new against old, CPU time a message: too few rounds to say (99 %: ", ", in 3 rounds).",
		"new against old, memory a connection: 2.", "times as big",
		"built from 0123456789ab",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestLegend(t *testing.T) {
	for _, c := range []struct {
		change result.Change
		want   string
	}{
		{result.Change{Rounds: 20}, "99 of 100"},
		{result.Change{Rounds: 9, Runs: 1, Drift: result.Drift}, "wider by 5 %, by which measurements of one binary drift apart (the most seen in eight pairs"},
		{result.Change{Rounds: 9, Runs: 1, Drift: 0.1}, "drift apart (--drift"},
	} {
		if got := legend([]result.Change{c.change}); !strings.Contains(got, c.want) || c.change.Drift == 0 && strings.Contains(got, "drift") {
			t.Errorf("%+v: %q", c.change, got)
		}
	}
	if got := source(result.Change{Runs: 3}); got != "3 runs" {
		t.Errorf("%q", got)
	}
}
