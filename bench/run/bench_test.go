//go:build linux

package run

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/bench/result"
	"example.com/iomux/bench/scenario"
)

// notebook is an observer that remembers.
type notebook struct {
	notes    []string
	skipped  []result.Skipped
	outcomes []*result.Outcome
	done     []int
	total    int
}

func (n *notebook) Note(text string)                            { n.notes = append(n.notes, text) }
func (n *notebook) Skipped(s result.Skipped)                    { n.skipped = append(n.skipped, s) }
func (n *notebook) Outcome(o *result.Outcome, _ *result.Report) { n.outcomes = append(n.outcomes, o) }
func (n *notebook) Progress(done, total int, _ string) {
	n.done = append(n.done, done)
	n.total = total
}

func peer(t *testing.T, name string) Peer {
	t.Helper()
	p, err := findPeer(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func scenarios(t *testing.T, list string) []scenario.Scenario {
	t.Helper()
	all, err := scenario.ParseList(list)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestNobodyFailsTheRun: a peer without sources, one that refuses its flags and
// one that is fine; and a scenario that none of them does.
func TestNobodyFailsTheRun(t *testing.T) {
	gonet := peer(t, "gonet")
	gonet.Kinds = echo
	missing := Peer{Name: "missing", Kinds: echo, recipe: recipe{dir: "missing"}}
	o := Options{Scenarios: scenarios(t, "2x8,chat2w1"), Rounds: 2, Duration: 1e7, Loops: 1,
		Peers: []Spec{{Peer: missing}, {Peer: gonet, Flags: []string{"-nonsense"}}, {Peer: gonet}}}
	var seen notebook
	r, err := Run(context.Background(), o, &seen)
	if err != nil {
		t.Fatal(err)
	}
	s := r.Skipped
	if len(s) != 3 || s[0].Peer != "missing" || s[0].Failed || s[1].Failed || s[2].Scenario != "chat2w1" || !slices.Equal(s, seen.skipped) {
		t.Errorf("skipped %+v", s)
	}
	if len(r.Scenarios) != 1 || len(r.Scenarios[0].Rows) != 1 || r.Scenarios[0].Base != "gonet" || len(seen.outcomes) != 1 {
		t.Errorf("report %+v", r)
	}
	if !slices.IsSorted(seen.done) || seen.done[len(seen.done)-1] != seen.total || seen.total != 4 {
		t.Errorf("progress %v of %d", seen.done, seen.total)
	}
	if m := r.Machine; m.CPUs < 1 || m.Kernel == "" || m.Go == "" || m.OpenFiles == 0 || m.MemoryMB == 0 {
		t.Errorf("machine %+v", m)
	}
	o.Peers = o.Peers[:1]
	if _, err := Run(context.Background(), o, &seen); err == nil {
		t.Error("nothing to measure, and no error")
	}
}

// TestInterruptedKeepsWhatIsDone: what was measured before is in the report.
func TestInterruptedKeepsWhatIsDone(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	seen := &canceller{cancel: cancel}
	o := Options{Scenarios: scenarios(t, "2x8,3x8"), Peers: []Spec{{Peer: peer(t, "gonet")}}, Rounds: 1, Duration: 1e8, Loops: 1}
	r, err := Run(ctx, o, seen)
	if err == nil || len(r.Scenarios) != 1 || r.Scenarios[0].Scenario.Name != "2x8" {
		t.Errorf("error %v, report %+v", err, r)
	}
}

// canceller is an observer that interrupts when the first scenario is done.
type canceller struct {
	notebook
	cancel func()
}

func (c *canceller) Outcome(*result.Outcome, *result.Report) { c.cancel() }

// TestInterruptedKeepsRounds: those that were over when it came.
func TestInterruptedKeepsRounds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	seen := &stopper{cancel: cancel, after: 3}
	o := Options{Scenarios: scenarios(t, "2x8,3x8"), Peers: []Spec{{Peer: peer(t, "gonet")}}, Rounds: 100, Duration: 1e8, Loops: 1}
	r, err := Run(ctx, o, seen)
	if !errors.Is(err, context.Canceled) || len(r.Scenarios) != 1 || len(r.Scenarios[0].Rows[0].Samples) != 3 || len(r.Notes) == 0 {
		t.Errorf("error %v, report %+v", err, r)
	}
}

// stopper is an observer that interrupts when so many runs are over.
type stopper struct {
	notebook
	cancel func()
	after  int
}

func (s *stopper) Progress(done, total int, _ string) {
	if total > 1 && done == s.after {
		s.cancel()
	}
}

// TestInterruptedInTheMiddle: a run that would take minutes ends when it is
// interrupted, and its server with it.
func TestInterruptedInTheMiddle(t *testing.T) {
	for _, list := range []string{"2x8", "idle10", "udp2x8", "churn2"} {
		t.Run(list, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			l := launch{command: shop.make(ctx, peer(t, "gonet")).command, loops: 1, procs: 1, serve: scenario.Echo}
			if list == "udp2x8" {
				l.serve = scenario.UDP
			}
			c := config(scenarios(t, list)[0])
			c.Duration = 5 * time.Minute
			pid := 0
			_, _, err := l.under(ctx, c,
				func(p int) error { pid = p; return nil },
				func(int) error { cancel(); return nil },
				func(int) error { return nil })
			if err == nil {
				t.Error("no error")
			}
			if err := unix.Kill(pid, 0); !errors.Is(err, unix.ESRCH) {
				t.Errorf("the server: %v, want none", err)
			}
		})
	}
}

// TestRoomCounted: one write a delivery where a chat writes each line to each member,
// and hardly any where it gathers those of a burst.
func TestRoomCounted(t *testing.T) {
	o := Options{Scenarios: scenarios(t, "chat50r1000-burst"), Peers: []Spec{{Peer: peer(t, "naive")}, {Peer: peer(t, "iomux")}},
		Rounds: 1, Warm: 1e7, Duration: 3e8, Loops: 1}
	r, err := Run(t.Context(), o, new(notebook))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Scenarios) != 1 || len(r.Scenarios[0].Rows) != 2 {
		t.Fatalf("%+v, skipped %v", r.Scenarios, r.Skipped)
	}
	naive, ours := r.Scenarios[0].Rows[0].Samples[0], r.Scenarios[0].Rows[1].Samples[0]
	if naive.Writes < 0.8 || naive.Writes > 1.2 || naive.Reads <= 0 {
		t.Errorf("naive: %v writes and %v reads a delivery, want 1 and a few", naive.Writes, naive.Reads)
	}
	if ours.Writes <= 0 || ours.Writes > 0.2 {
		t.Errorf("iomux: %v writes a delivery, want 0.1", ours.Writes)
	}
}

// TestSystemCallsCounted needs strace, and the right to trace.
func TestSystemCallsCounted(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		lacking(t, "strace: %v", err)
	}
	o := Options{Scenarios: scenarios(t, "2x8"), Peers: []Spec{{Peer: peer(t, "gonet")}}, Rounds: 1, Duration: 1e7, Loops: 1, Calls: true}
	r, err := Run(context.Background(), o, new(notebook))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Notes) > 0 {
		lacking(t, "%s", r.Notes[0])
	}
	if calls := r.Scenarios[0].Rows[0].Calls; calls["write"] < 0.9 || calls["write"] > 1.1 {
		t.Errorf("%v writes a message, want 1", calls["write"])
	}
}
