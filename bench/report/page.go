package report

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"example.com/iomux/bench/result"
)

// document is all that the template shows. Its texts are plain already.
type document struct {
	Style    template.CSS
	Title    string
	Date     string
	Lead     string
	Caution  string
	Tally    string
	Winners  string
	Short    []sentence
	Matrix   matrix
	Sections []section
	Peers    []result.Peer
	Notes    []string
	Skipped  []skipped
	Settings facts
	Machine  facts
}

type facts struct {
	Label string
	Facts []fact
}

type fact struct{ Name, Value string }

type skipped struct{ Peer, Scenario, Reason, Kind string }

func newDocument(r *result.Report) document {
	c := newCast(r)
	p := document{
		Style:    template.CSS(styleText), // this package's own
		Title:    "Network servers, measured",
		Date:     r.Time.UTC().Format("2 January 2006, 15:04 UTC"),
		Lead:     leadText(r),
		Caution:  caution(r),
		Tally:    c.tally(r).String(),
		Winners:  winners(r),
		Matrix:   newMatrix(r, c),
		Settings: facts{"How it was measured", settings(r)},
		Machine:  facts{"The machine", machineFacts(r)},
	}
	changes := r.Versus()
	if len(changes) > 0 {
		p.Tally = capital(Plain(r.Pair.New)) + " against " + Plain(r.Pair.Old) + ", " + summary(changes) + "."
	}
	for i, o := range r.Scenarios {
		s := newSection(o, c, i)
		if k := slices.IndexFunc(changes, func(c result.Change) bool { return c.Scenario == o.Scenario.Name }); k >= 0 {
			s.Text, s.Tag = told(changes[k], r.Pair)
		}
		p.Sections, p.Short = append(p.Sections, s), append(p.Short, s.sentence)
	}
	for _, x := range r.Peers {
		p.Peers = append(p.Peers, result.Peer{Label: Plain(x.Label), Command: Plain(x.Command), About: Plain(x.About), Version: Plain(x.Version)})
	}
	for _, n := range r.Notes {
		p.Notes = append(p.Notes, Plain(n))
	}
	for _, s := range r.Skipped {
		kind, in := "left out", s.Scenario
		if s.Failed {
			kind = "failed"
		}
		if in == "" {
			in = "all"
		}
		p.Skipped = append(p.Skipped, skipped{Plain(s.Peer), Plain(in), Plain(s.Reason), kind})
	}
	return p
}

// leadText says in a paragraph what was measured on what.
func leadText(r *result.Report) string {
	m, s := r.Machine, r.Setting
	machine := plural(m.CPUs, "CPU")
	if m.CPU != "" {
		machine += " (" + Plain(m.CPU) + ")"
	}
	if m.Hypervisor != "" {
		machine += ", a virtual machine"
	}
	for _, x := range []fact{{"", m.OS}, {"kernel ", m.Kernel}, {"", m.Go}} {
		if x.Value != "" {
			machine += ", " + x.Name + Plain(x.Value)
		}
	}
	text := fmt.Sprintf("%s under %s, over the loopback interface of one machine: %s. ", capital(plural(len(labels(r)), "server")), plural(len(r.Scenarios), "kind")+" of load", machine)
	text += fmt.Sprintf("Each ran %s of %s s in every one, in turn with the others, with %s and GOMAXPROCS %d", rounds(r), trimmed(s.Seconds, 3), plural(s.Loops, "event loop"), s.Procs)
	if s.Pinned {
		return text + "; load generator and server had CPUs of their own."
	}
	return text + "; load generator and server shared the CPUs."
}

// rounds says how many there were of each server in each scenario.
func rounds(r *result.Report) string {
	text := plural(r.Setting.Rounds, "round")
	for _, c := range r.Versus() {
		if c.Rounds > r.Setting.Rounds {
			return text + " or more"
		}
	}
	return text
}

// caution says that a measurement had no peace; "" where it had.
func caution(r *result.Report) string {
	disturbed, runs := 0, 0
	for _, o := range r.Scenarios {
		for _, row := range o.Rows {
			disturbed, runs = disturbed+row.Disturbed, runs+len(row.Samples)
		}
	}
	if 10*disturbed <= runs { // a tenth is usual where a machine is shared
		return ""
	}
	return fmt.Sprintf("Other programs disturbed %d of %s, although each was repeated once: better measure again on a quiet machine.", disturbed, plural(runs, "run"))
}

func machineFacts(r *result.Report) []fact {
	m := r.Machine
	facts := []fact{
		{"CPU", m.CPU},
		{"CPUs", fmt.Sprint(m.CPUs)},
		{"Memory", digits(float64(m.MemoryMB)/1024, 3) + " GiB"},
		{"Hypervisor", m.Hypervisor},
		{"Operating system", m.OS},
		{"Kernel", m.Kernel},
		{"Go", m.Go},
		{"C compiler", m.CC},
		{"Revision", m.Revision},
		{"Open files", fmt.Sprintf("%d at most", m.OpenFiles)},
	}
	if m.Hypervisor == "" {
		facts[3].Value = "none seen"
	}
	for _, name := range slices.Sorted(maps.Keys(m.Settings)) {
		facts = append(facts, fact{name, m.Settings[name]})
	}
	return known(facts)
}

func settings(r *result.Report) []fact {
	s := r.Setting
	pinned := "no"
	if s.Pinned {
		pinned = "generator and server on CPUs of their own"
	}
	return known([]fact{
		{"Rounds", fmt.Sprint(s.Rounds)},
		{"Length of a run", trimmed(s.Seconds, 3) + " s, after " + trimmed(s.Warm, 3) + " s unmeasured"},
		{"Event loops", fmt.Sprint(s.Loops)},
		{"GOMAXPROCS", fmt.Sprint(s.Procs)},
		{"Pinned", pinned},
		{"Priority", fmt.Sprintf("nice %d", s.Nice)},
	})
}

// known is the facts that there are, made plain.
func known(facts []fact) []fact {
	var all []fact
	for _, f := range facts {
		if strings.TrimSpace(f.Value) != "" {
			all = append(all, fact{Plain(f.Name), Plain(f.Value)})
		}
	}
	return all
}
