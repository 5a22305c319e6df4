package report

import (
	"fmt"
	"io"
	"strings"

	"example.com/iomux/bench/result"
)

// Changes writes how two states differ, a line for each change, one that sums up,
// and what is to be known to read them.
func Changes(w io.Writer, changes []result.Change) error {
	var b strings.Builder
	g := &grid{left: map[int]bool{1: true, 2: true, 5: true, 6: true, 7: true}}
	g.add("scenario", "peer", "metric", "old", "new", "new/old [99 %]", "from", "verdict")
	for _, c := range changes {
		g.add(clip(Plain(c.Scenario), labelWidth), clip(Plain(c.Peer), labelWidth), metric(c), value(c, c.Old), value(c, c.New),
			factor(c), source(c), conclusion(c))
	}
	g.write(&b)
	b.WriteString("\n" + summary(changes) + "\n" + legend(changes))
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

// source is what a change rests on.
func source(c result.Change) string {
	if c.Rounds == 0 && c.Runs > 0 {
		return plural(c.Runs, "run")
	}
	return plural(c.Rounds, "round")
}

// legend says how to read the intervals; "" where there are none.
func legend(changes []result.Change) string {
	if len(changes) == 0 {
		return ""
	}
	text := "[ ]: intervals that all hold the truth in 99 of 100 such tables; no difference: within 3 % of 1\n"
	for _, c := range changes {
		if c.Drift == 0 {
			continue
		}
		from := ""
		if c.Drift == result.Drift {
			from = "the most seen in eight pairs on the machine of docs/bench.md; "
		}
		return text + fmt.Sprintf("they are wider by %s, by which measurements of one binary drift apart (%s--drift says otherwise);\nversus, or three files of each side, tells more\n", percent(c.Drift), from)
	}
	return text
}

// summary counts the verdicts.
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
		{string(result.Within), string(result.Within)},
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
	return fmt.Sprintf("%s: %s", plural(len(changes), "comparison"), strings.Join(parts, ", "))
}
