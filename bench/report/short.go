package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"example.com/iomux/bench/result"
	"example.com/iomux/bench/scenario"
)

// sentence is what a scenario comes to, in plain words.
type sentence struct {
	ID    string // of the scenario's section
	Name  string
	About string
	Text  string
	Tag   *tag // nil where two have not met
}

// tag says in a word or two who is ahead.
type tag struct{ Text, Class string }

// brief says in a few words what a scenario is.
func brief(s scenario.Scenario) string {
	text, _, _ := strings.Cut(Plain(s.String()), ";")
	return capital(strings.TrimPrefix(text, "closed loop, "))
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

func (c cast) sentence(o *result.Outcome, id string) sentence {
	s := sentence{ID: id, Name: Plain(o.Scenario.Name), About: brief(o.Scenario)}
	if len(o.Rows) == 0 {
		s.Text = "Nobody did this."
		return s
	}
	var parts []string
	if ours, rival := c.pair(o); ours != nil && rival != nil {
		f := advantage(o, ours, rival)
		s.Tag = newTag(f, Plain(ours.Peer), Plain(rival.Peer))
		if idle(o) {
			parts = append(parts, memory(o, f, ours, rival))
		} else {
			parts = append(parts, effort(f, ours, rival))
		}
		if o.Scenario.Rate > 0 {
			parts = append(parts, tail(o, ours, rival))
		}
	}
	parts = append(parts, c.lead(o))
	s.Text = bound(strings.Join(parts, "; ")) + "."
	return s
}

func newTag(advantage result.Figure, ours, rival string) *tag {
	switch advantage.Verdict() {
	case result.More:
		return &tag{clip(ours, labelWidth) + " ahead", "ahead"}
	case result.Less:
		return &tag{clip(rival, labelWidth) + " ahead", "behind"}
	case result.Same:
		return &tag{"level", "level"}
	}
	return &tag{"unclear", "unclear"}
}

// effort compares two by what they get done for the same CPU time.
func effort(f result.Figure, ours, rival *result.Row) string {
	a, b := Plain(ours.Peer), Plain(rival.Peer)
	switch v := f.Verdict(); {
	case f.Median <= 0:
		return fmt.Sprintf("%s against %s: nothing that can be compared", a, b)
	case v == result.Same:
		return fmt.Sprintf("%s and %s do equally much per CPU second (%s)", a, b, interval(f))
	case v == result.Noisy:
		return fmt.Sprintf("%s against %s: too noisy to say (%s times as much per CPU second)", a, b, interval(f))
	case v == result.TooFew:
		return fmt.Sprintf("%s against %s: too few rounds to say (%s times as much per CPU second in %s)", a, b, ratio(f.Median), plural(len(ours.Samples), "round"))
	}
	return fmt.Sprintf("%s does %s times as much per CPU second as %s (%s)", a, ratio(f.Median), b, interval(f))
}

func interval(f result.Figure) string {
	return fmt.Sprintf("95 %%: %s to %s", ratio(f.Low), ratio(f.High))
}

// memory compares two by what a silent connection costs.
func memory(o *result.Outcome, f result.Figure, ours, rival *result.Row) string {
	text := fmt.Sprintf("A silent connection costs %s %s of memory and %s %s", Plain(ours.Peer), bytesOf(score(o, ours).Median), Plain(rival.Peer), bytesOf(score(o, rival).Median))
	switch v := f.Verdict(); {
	case f.Median <= 0:
		return text
	case v == result.Same:
		return text + fmt.Sprintf(", which is the same (%s)", interval(f))
	case v == result.Noisy:
		return text + fmt.Sprintf(", too noisy to say more (%s times as much)", interval(f))
	case v == result.TooFew:
		return text + ", in too few rounds to say more"
	}
	return text + fmt.Sprintf(", %s times as much (%s)", ratio(f.Median), interval(f))
}

// tail compares the latency that a fixed rate leaves. The ratio is turned round:
// rival's to ours says by how much ours is shorter.
func tail(o *result.Outcome, ours, rival *result.Row) string {
	f := against(o, rival, ours, result.P99)
	if f.Median <= 0 {
		return "nothing is known of latency"
	}
	return fmt.Sprintf("99 %% of answers come within %s µs against %s µs (%s)",
		grouped(ours.Measure(result.P99).Median), grouped(rival.Measure(result.P99).Median), difference(result.P99, f.Median, f.Verdict()))
}

// lead says who of all is best, and by how much.
func (c cast) lead(o *result.Outcome) string {
	p := best(o)
	switch {
	case len(o.Rows) == 1:
		return "nobody else did this"
	case p.first == nil:
		return "no server has figures to compare"
	case p.few:
		return Plain(p.first.Peer) + " came first, in too few rounds to say that it is best"
	case len(p.level) > 0:
		names := []string{Plain(p.first.Peer)}
		for _, r := range p.level {
			names = append(names, Plain(r.Peer))
		}
		return "best are " + enumerate(names) + ", which cannot be told apart"
	case idle(o):
		return Plain(p.first.Peer) + " is best with " + bytesOf(score(o, p.first).Median)
	}
	return Plain(p.first.Peer) + " is best" + c.lengths(o, p.first)
}

// lengths is how far the best is ahead: of the base and of ours, or else of the
// second.
func (c cast) lengths(o *result.Outcome, first *result.Row) string {
	var parts []string
	add := func(r *result.Row) {
		if r == nil || r == first {
			return
		}
		if f := advantage(o, first, r); f.Median > 0 {
			parts = append(parts, ratio(f.Median)+" times "+Plain(r.Peer))
		}
	}
	base, ours := o.Row(o.Base), c.find(o, house)
	add(base)
	if ours != base {
		add(ours)
	}
	if rows := ranked(o); len(parts) == 0 && len(rows) > 1 {
		add(rows[1])
	}
	if len(parts) == 0 {
		return ""
	}
	return ", " + strings.Join(parts, " and ")
}

// enumerate is names with commas and an and.
func enumerate(names []string) string {
	const most = 4
	if len(names) > most {
		names = append(names[:most-1:most-1], fmt.Sprintf("%d others", len(names)-most+1))
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// told is what is said of a scenario whose pair was measured, and the tag for it.
func told(c result.Change, p *result.Pair) (string, *tag) {
	old, new := Plain(p.Old), Plain(p.New)
	if c.Factor == 0 {
		return fmt.Sprintf("%s against %s: %s.", new, old, incomparable), &tag{"unclear", "unclear"}
	}
	verdict := conclusion(c)
	t := &tag{verdict, "unclear"}
	switch {
	case c.Verdict == result.Same:
		t.Class = "level"
	case c.Worse():
		t.Class = "behind"
	case c.Verdict == result.More, c.Verdict == result.Less:
		t.Class = "ahead"
	default:
		t.Text = "unclear"
	}
	return bound(fmt.Sprintf("%s against %s, %s: %s (99 %%: %s, in %s)", new, old, c.Metric.Title, verdict, factor(c), source(c))) + ".", t
}
