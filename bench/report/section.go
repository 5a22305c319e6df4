package report

import (
	"fmt"

	"example.com/iomux/bench/result"
	"example.com/iomux/bench/scenario"
)

// section is a scenario's part of a page.
type section struct {
	sentence
	Long     string // what the scenario is, in full
	Base     string
	Dots     *dots
	Spectrum *spectrum
	Columns  []column
	Rows     []sectionRow
	Remarks  []remark
	Limited  string // peers with which the generator was the limit
	Few      bool   // too few rounds for an interval
}

// column is a column of a section's table.
type column struct {
	Head, Unit, About string
	of                func(*result.Row) string
}

type sectionRow struct {
	Peer       string
	Ours, Base bool
	Cells      []string
}

type remark struct {
	Peer  string
	Lines []string
}

func sectionID(i int) string { return fmt.Sprintf("scenario-%d", i+1) }

func newSection(o *result.Outcome, c cast, i int) section {
	id := sectionID(i)
	s := section{sentence: c.sentence(o, id), Long: capital(Plain(o.Scenario.String())), Base: Plain(o.Base)}
	if len(o.Rows) == 0 {
		return s
	}
	d := newDots(o, c, id+"-work")
	s.Dots, s.Spectrum, s.Columns = &d, newSpectrum(o, c, id+"-latency"), columns(o)
	var limited []string
	for _, r := range o.Rows {
		row := sectionRow{Peer: Plain(r.Peer), Ours: c.ours(r.Peer), Base: r.Peer == o.Base}
		for _, col := range s.Columns {
			row.Cells = append(row.Cells, col.of(r))
		}
		s.Rows = append(s.Rows, row)
		if lines := remarksOn(o, r); len(lines) > 0 {
			s.Remarks = append(s.Remarks, remark{row.Peer, lines})
		}
		s.Few = s.Few || !r.Measure(result.Headline(o.Scenario)).Interval()
		if o.Scenario.Rate == 0 && !idle(o) && r.GeneratorUtil >= busy {
			limited = append(limited, row.Peer)
		}
	}
	if len(limited) > 0 {
		s.Limited = enumerate(limited)
	}
	return s
}

// busy is from when on a generator is taken for the limit.
const busy = 0.95

func columns(o *result.Outcome) []column {
	unit := o.Scenario.Unit()
	rate := column{"Rate", unit + "s/s", "median of the rounds", func(r *result.Row) string { return grouped(r.Measure(result.Rate).Median) }}
	rateRatio := column{"Rate", "× base", "median of the ratios within rounds, and their 95 % interval", ratioOf(result.Rate)}
	if o.Scenario.Kind == scenario.Idle {
		rate.About = "at which connections came about"
	}
	cols := []column{
		rate, rateRatio,
		{"CPU time", "ns/" + unit, "user and kernel, of the server's whole process", func(r *result.Row) string { return grouped(r.Measure(result.CPU).Median) }},
		{"CPU time", "× base", "median of the ratios within rounds, and their 95 % interval", ratioOf(result.CPU)},
		{"Verdict", "on CPU time", "against the base", func(r *result.Row) string { return verdict(o, r) }},
		{"In kernel", "% of CPU", "share of the CPU time", func(r *result.Row) string { return digits(100*r.System, 2) }},
		{"Server", "CPUs", "CPU time of the server to the wall's", func(r *result.Row) string { return hundredths(r.Util) }},
		{"Generator", "CPUs", "CPU time of the generator to the wall's", func(r *result.Row) string { return hundredths(r.GeneratorUtil) }},
	}
	for _, m := range []result.Metric{result.P50, result.P99, result.P999} {
		for _, r := range o.Rows {
			if r.Measure(m).Median != 0 {
				cols = append(cols, latencyColumn(m))
				break
			}
		}
	}
	cols = append(cols, column{"Switches", "/" + unit, "context switches of the server", func(r *result.Row) string { return digits(r.Switches, 2) }})
	if o.Scenario.Kind == scenario.Idle {
		cols = append(cols, column{"Memory", "B/connection", "what the server grew by, and its 95 % interval", perConn})
	}
	return append(cols, column{"Memory", "MB", "of the server at the end", func(r *result.Row) string { return digits(r.Measure(result.RSS).Median/1e6, 3) }})
}

func ratioOf(m result.Metric) func(*result.Row) string {
	return func(r *result.Row) string { return around(r.Measure(m).Ratio) }
}

func latencyColumn(m result.Metric) column {
	name := map[string]string{result.P50.Name: "p50", result.P99.Name: "p99", result.P999.Name: "p99.9"}[m.Name]
	return column{name, m.Unit, m.Title, func(r *result.Row) string {
		if x := r.Measure(m).Median; x != 0 {
			return grouped(x)
		}
		return unknown
	}}
}

func perConn(r *result.Row) string {
	f := r.Measure(result.PerConn)
	if f.Interval() {
		return fmt.Sprintf("%s [%s %s]", grouped(f.Median), grouped(f.Low), grouped(f.High))
	}
	return grouped(f.Median)
}
