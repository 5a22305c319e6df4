package report

import (
	"fmt"
	"strings"

	"example.com/iomux/bench/result"
)

// section is a scenario's part of a page.
type section struct {
	sentence
	Long     string // what the scenario is, where its heading does not say all
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
	s := section{sentence: c.sentence(o, id), Base: Plain(o.Base)}
	if long := capital(Plain(o.Scenario.String())); long != s.About {
		s.Long = long
	}
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
		s.Few = s.Few || few(score(o, r))
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
	rate := column{"Rate", strings.TrimPrefix(plural(2, unit), "2 ") + "/s", "median of the rounds", func(r *result.Row) string { return grouped(r.Measure(result.Rate).Median) }}
	rateRatio := column{"Rate", "× base", "median of the ratios within rounds", func(r *result.Row) string { return ratio(r.Measure(result.Rate).Ratio.Median) }}
	if idle(o) {
		rate.About = "at which connections came about"
	}
	cols := []column{
		rate, rateRatio,
		{"CPU time", "ns/" + unit, "user and kernel, of the server's whole process", func(r *result.Row) string { return grouped(r.Measure(result.CPU).Median) }},
		{"CPU time", "× base", "median of the ratios within rounds, and their 95 % interval", func(r *result.Row) string { return around(r.Measure(result.CPU).Ratio) }},
	}
	if !idle(o) {
		cols = append(cols, column{"Verdict", "on CPU time", "against the base", func(r *result.Row) string { return verdict(o, r) }})
	}
	cols = append(cols,
		column{"In kernel", "% of CPU", "share of the CPU time", func(r *result.Row) string { return digits(100*r.System, 2) }},
		column{"Server", "CPUs", "CPU time of the server to the wall's", func(r *result.Row) string { return hundredths(r.Util) }},
		column{"Load", "CPUs", "CPU time of the load generator to the wall's", func(r *result.Row) string { return hundredths(r.GeneratorUtil) }})
	for _, m := range []result.Metric{result.P50, result.P99, result.P999} {
		for _, r := range o.Rows {
			if r.Measure(m).Median != 0 {
				cols = append(cols, latencyColumn(m))
				break
			}
		}
	}
	cols = append(cols, column{"Switches", "/" + unit, "context switches of the server", func(r *result.Row) string { return digits(r.Switches, 2) }})
	if idle(o) {
		cols = append(cols, column{"Memory", "B/connection", "what the server grew by, and its 95 % interval", perConn})
	}
	return append(cols, column{"Memory", "MB", "of the server at the end", func(r *result.Row) string { return digits(r.Measure(result.RSS).Median/1e6, 3) }})
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
