package report

import (
	"fmt"
	"io"
	"strings"

	"example.com/iomux/bench/result"
)

// Changes writes how two measurements differ, a line for each change and one
// that sums up.
func Changes(w io.Writer, changes []result.Change) error {
	var b strings.Builder
	g := &grid{left: map[int]bool{1: true, 2: true, 5: true, 7: true}}
	g.add("scenario", "peer", "metric", "old", "new", "new/old [95 %]", "p", "verdict")
	for _, c := range changes {
		g.add(clip(Plain(c.Scenario), labelWidth), clip(Plain(c.Peer), labelWidth), metric(c), value(c, c.Old), value(c, c.New),
			factor(c), probability(c.P), conclusion(c))
	}
	g.write(&b)
	b.WriteString("\n" + summary(changes) + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// metric says what is compared.
func metric(c result.Change) string {
	if c.Base == "" {
		return c.Metric.Name
	}
	return c.Metric.Name + " x " + clip(Plain(c.Base), labelWidth)
}

func value(c result.Change, f result.Figure) string {
	if c.Base == "" {
		return digits(f.Median, 4) + " " + c.Metric.Unit
	}
	return ratio(f.Median)
}

func factor(c result.Change) string {
	switch {
	case c.Factor == 0:
		return unknown
	case c.Low == 0:
		return ratio(c.Factor)
	}
	return fmt.Sprintf("%s [%s %s]", thousandths(c.Factor), thousandths(c.Low), thousandths(c.High))
}

const incomparable = "nothing to compare"

// conclusion is the verdict in words. What is zero has no factor.
func conclusion(c result.Change) string {
	if c.Factor == 0 {
		return incomparable
	}
	return difference(c.Metric, c.Factor, c.Verdict)
}

// thousandths is a factor near 1, where the third place counts.
func thousandths(x float64) string {
	if x < 0.1 || x >= 10 {
		return ratio(x)
	}
	return fmt.Sprintf("%.3f", x)
}

func probability(p float64) string {
	if p < 0.001 {
		return "<0.001"
	}
	return fmt.Sprintf("%.3f", p)
}

func summary(changes []result.Change) string {
	counts := map[string]int{}
	for _, c := range changes {
		switch {
		case c.Factor == 0:
			counts[incomparable]++
		case c.Verdict != result.More && c.Verdict != result.Less:
			counts[string(c.Verdict)]++
		case c.Worse():
			counts["worse"]++
		default:
			counts["better"]++
		}
	}
	var parts []string
	for _, kind := range []struct{ key, says string }{
		{"worse", "worse"},
		{"better", "better"},
		{string(result.Same), "no different"},
		{string(result.Noisy), string(result.Noisy)},
		{string(result.TooFew), string(result.TooFew)},
		{incomparable, "with " + incomparable},
	} {
		if n := counts[kind.key]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind.says))
		}
	}
	if len(parts) == 0 {
		return incomparable
	}
	return fmt.Sprintf("%s: %s\nworse or better: p below 0.05 after Holm's correction for so many, and by 2 %% or more",
		plural(len(changes), "comparison"), strings.Join(parts, ", "))
}
