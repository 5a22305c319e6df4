package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"example.com/iomux/bench/result"
	"example.com/iomux/bench/scenario"
)

// labelWidth is how much of a peer's label a table has room for.
const labelWidth = 24

// Table writes what a scenario came to as text for a terminal.
func Table(w io.Writer, o *result.Outcome) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s: %s\n", Plain(o.Scenario.Name), Plain(o.Scenario.String()))
	if len(o.Rows) == 0 {
		b.WriteString("nobody did this\n")
	} else {
		figures(&b, o)
		remarks(&b, o)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// short is what a scenario's unit is called where there is no room.
func short(s scenario.Scenario) string {
	switch s.Unit() {
	case "connection":
		return "conn"
	case "delivery":
		return "dlvy"
	}
	return "msg"
}

func figures(b *strings.Builder, o *result.Outcome) {
	head := []string{"peer", "rate/s", "x base", "cpu ns", "x base", "util", "gen", "p50 us", "p99 us", "sw/" + short(o.Scenario), "RSS MB", "verdict on cpu"}
	if idle(o) {
		// A ratio of memory means nothing: the least of servers needs none.
		head[10], head[11] = "B/conn", ""
	}
	g := &grid{left: map[int]bool{4: true, 11: true}}
	g.add(head...)
	for _, r := range o.Rows {
		rate, cpu := r.Measure(result.Rate), r.Measure(result.CPU)
		memory, word := digits(r.Measure(result.RSS).Median/1e6, 3), verdict(o, r)
		if idle(o) {
			memory, word = digits(r.Measure(result.PerConn).Median, 3), ""
		}
		g.add(clip(Plain(r.Peer), labelWidth), digits(rate.Median, 4), ratio(rate.Ratio.Median), digits(cpu.Median, 4), around(cpu.Ratio),
			hundredths(r.Util), hundredths(r.GeneratorUtil), micros(r, result.P50), micros(r, result.P99), digits(r.Switches, 2), memory, word)
	}
	g.write(b)
}

// around is a factor with what is known of its interval.
func around(f result.Figure) string {
	switch {
	case f.Median == 0:
		return unknown
	case f.Median == 1 && f.Low == f.High: // the base's own
		return ratio(1)
	case f.Interval():
		return fmt.Sprintf("%s [%s %s]", ratio(f.Median), ratio(f.Low), ratio(f.High))
	}
	if f.Spread == 0 { // of one round
		return ratio(f.Median)
	}
	return fmt.Sprintf("%s ±%s", ratio(f.Median), percent(f.Spread))
}

// few reports whether a figure has no interval for want of rounds; what is
// always zero needs none.
func few(f result.Figure) bool { return f.Median != 0 && !f.Interval() }

// micros is a latency; a scenario without messages has none.
func micros(r *result.Row, m result.Metric) string {
	if x := r.Measure(m).Median; x != 0 {
		return digits(x, 3)
	}
	return unknown
}

// verdict is what to say of a row's CPU time against the base's.
func verdict(o *result.Outcome, r *result.Row) string {
	f := r.Measure(result.CPU).Ratio
	switch {
	case r.Peer == o.Base:
		return "base"
	case f.Median == 0:
		return unknown
	}
	return difference(result.CPU, f.Median, f.Verdict())
}

// remarks are the lines below a table.
func remarks(b *strings.Builder, o *result.Outcome) {
	hint := false
	for _, r := range o.Rows {
		hint = hint || few(r.Measure(result.CPU).Ratio)
		for _, line := range remarksOn(o, r) {
			fmt.Fprintf(b, "%s: %s\n", clip(Plain(r.Peer), labelWidth), line)
		}
	}
	if hint {
		b.WriteString("± is half of greatest less least; six rounds or more make an interval, [ ], of 95 %\n")
	}
}

// remarksOn is what there is to know of a row beside its figures.
func remarksOn(o *result.Outcome, r *result.Row) []string {
	var lines []string
	for _, d := range r.Doubts {
		lines = append(lines, Plain(d))
	}
	if r.Disturbed > 0 {
		lines = append(lines, fmt.Sprintf("%d of %s disturbed by others", r.Disturbed, plural(len(r.Samples), "round")))
	}
	if len(r.Notes) > 0 {
		lines = append(lines, "it says: "+pairs(r.Notes, slices.Sorted(maps.Keys(r.Notes)), 4))
	}
	if o.Scenario.Kind == scenario.Room {
		lines = append(lines, inAndOut(r))
	}
	if len(r.Calls) > 0 {
		lower := ""
		if o.Scenario.Rate > 0 {
			lower = ", counted at a low rate"
		}
		lines = append(lines, fmt.Sprintf("system calls a %s%s: %s", o.Scenario.Unit(), lower, pairs(r.Calls, mostFirst(r.Calls), 3)))
	}
	return lines
}

// inAndOut is what a room's server calls the kernel for at full load.
func inAndOut(r *result.Row) string {
	of := func(get func(*result.Sample) float64) string {
		var xs []float64
		for _, s := range r.Samples {
			xs = append(xs, get(s))
		}
		slices.Sort(xs)
		return trimmed(xs[len(xs)/2], 3)
	}
	return fmt.Sprintf("calls a delivery: write %s, read %s",
		of(func(s *result.Sample) float64 { return s.Writes }), of(func(s *result.Sample) float64 { return s.Reads }))
}

func mostFirst(m map[string]float64) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b))
	})
}

func pairs(m map[string]float64, keys []string, n int) string {
	var s []string
	for _, k := range keys {
		s = append(s, Plain(k)+" "+trimmed(m[k], n))
	}
	return strings.Join(s, ", ")
}
