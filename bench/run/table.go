//go:build linux

package run

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// print writes the table for people.
func (o *Outcome) print(w io.Writer) error {
	width := len("peer")
	for _, r := range o.Rows {
		width = max(width, len(r.Peer))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s: %v\n", o.Scenario.Name, o.Scenario)
	fmt.Fprintf(&b, "%-*s %9s %6s %5s  %7s %6s %5s  %4s %4s %8s %8s %7s %7s\n", width, "peer",
		"rate/s", "x base", "±%", "cpu ns", "x base", "±%", "util", "gen", "p50 us", "p99 us", "sw/msg", "RSS MB")
	for _, r := range o.Rows {
		fmt.Fprintf(&b, "%-*s %9.0f %6.3f %5.1f  %7.0f %6.3f %5.1f  %4.2f %4.2f %8.1f %8.1f %7.4f %7.1f%s\n", width, r.Peer,
			r.Rate.Median, r.RateRatio.Median, 100*r.RateRatio.Spread,
			r.CPU.Median, r.CPURatio.Median, 100*r.CPURatio.Spread,
			r.Util, r.GeneratorUtil, r.P50, r.P99, r.Switches, r.RSS/(1<<20), r.disturbance())
	}
	for _, r := range o.Rows {
		if len(r.Notes) > 0 {
			fmt.Fprintf(&b, "%-*s %s\n", width, r.Peer, pairs(r.Notes, slices.Sorted(maps.Keys(r.Notes)), "%.0f"))
		}
	}
	for _, r := range o.Rows {
		if len(r.Calls) > 0 {
			fmt.Fprintf(&b, "%-*s system calls a message%s: %s\n", width, r.Peer, o.traced(), pairs(r.Calls, mostFirst(r.Calls), "%.3f"))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// traced says where the trace was not of the scenario itself.
func (o *Outcome) traced() string {
	if o.Scenario.Rate > tracedRate {
		return fmt.Sprintf(" at %.0f/s", tracedRate)
	}
	return ""
}

// disturbance is what to say of a row that was not measured in peace.
func (r *Row) disturbance() string {
	s := ""
	if r.Disturbed > 0 {
		s = fmt.Sprintf("  %d of %d disturbed", r.Disturbed, len(r.Samples))
	}
	var lost int64
	for _, sample := range r.Samples {
		lost += sample.Unanswered
	}
	if lost > 0 {
		s += fmt.Sprintf("  %d never answered", lost)
	}
	return s
}

func mostFirst(m map[string]float64) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b))
	})
}

func pairs(m map[string]float64, keys []string, format string) string {
	var s []string
	for _, k := range keys {
		s = append(s, fmt.Sprintf("%s "+format, k, m[k]))
	}
	return strings.Join(s, ", ")
}
