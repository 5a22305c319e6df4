//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package studycost

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"example.com/iomux"
)

// Table writes the samples as a table, with the published figures beside them, and what
// they say in words. There must be one at least.
func Table(w io.Writer, list []Sample) error {
	const ours = "CPU seconds for 100,000 waits"
	backends := backendsOf(list)
	width := max(9*len(backends), len(ours)) // of our columns, or of what stands above them
	gap := fmt.Sprintf("%*s", width-9*len(backends), "")
	var b strings.Builder
	fmt.Fprintf(&b, "%-16s  %-*s  |  %s\n", "descriptors", width, ours, "the same in TLPI, 2010")
	fmt.Fprintf(&b, "%7s %8s  ", "watched", "active")
	for _, name := range backends {
		fmt.Fprintf(&b, "%9s", name)
	}
	b.WriteString(gap + "  |")
	for _, name := range publishedBackends {
		fmt.Fprintf(&b, "%9s", name)
	}
	b.WriteString("\n")
	for _, p := range rows(list) {
		fmt.Fprintf(&b, "%7d %8d  ", p.Watched, p.Active)
		for _, name := range backends {
			s, ok := find(list, Point{name, p.Watched, p.Active})
			fmt.Fprintf(&b, "%9s", figure(s.Seconds, ok))
		}
		b.WriteString(gap + "  |")
		for _, name := range publishedBackends {
			v, ok := published[name][p.Watched]
			fmt.Fprintf(&b, "%9s", figure(v, ok && p.Active == 1))
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String()+"\n"+words(list, backends))
	return err
}

// figure has three digits that say something.
func figure(v float64, there bool) string {
	switch {
	case !there:
		return "-"
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// backendsOf are those that were measured, in their order.
func backendsOf(list []Sample) (backends []iomux.Backend) {
	for _, s := range list {
		if !slices.Contains(backends, s.Backend) {
			backends = append(backends, s.Backend)
		}
	}
	return backends
}

// rows are the points, whatever the backend.
func rows(list []Sample) (points []Point) {
	for _, s := range list {
		if p := (Point{"", s.Watched, s.Active}); !slices.Contains(points, p) {
			points = append(points, p)
		}
	}
	return points
}

// find is the sample of a point that could be measured.
func find(list []Sample, p Point) (Sample, bool) {
	i := slices.IndexFunc(list, func(s Sample) bool { return s.Point == p && s.Waits > 0 })
	if i < 0 {
		return Sample{}, false
	}
	return list[i], true
}

// words says what the figures do: how each backend grows, and how they compare.
func words(list []Sample, backends []iomux.Backend) string {
	var b strings.Builder
	few, many := list[0].Watched, list[0].Watched
	for _, s := range list {
		// TLPI's highest count, if it was reached.
		if s.Watched <= 10000 {
			many = max(many, s.Watched)
		}
	}
	for _, name := range backends {
		low, ok := find(list, Point{name, few, 1})
		high, ok2 := find(list, Point{name, many, 1})
		if ok && ok2 && few < many && low.Seconds > 0 {
			fmt.Fprintf(&b, "From %d to %d descriptors a wait of %s becomes %s times as long.\n", few, many, name, times(high.Seconds/low.Seconds))
		}
	}
	best, ok := find(list, Point{backends[0], many, 1})
	ok = ok && best.Seconds > 0
	for _, name := range backends[1:] {
		if s, ok2 := find(list, Point{name, many, 1}); ok && ok2 {
			fmt.Fprintf(&b, "At %d descriptors, one of them active, %s takes %s times as long as %s.\n", many, name, times(s.Seconds/best.Seconds), backends[0])
		}
	}
	fmt.Fprintf(&b, "TLPI is %s:\nanother machine and an older kernel, so compare how the figures grow.\n", Source)
	for _, s := range list {
		if s.Why != nil {
			fmt.Fprintf(&b, "Not measured: %s, %d watched, %d active: %v.\n", s.Backend, s.Watched, s.Active, s.Why)
		}
	}
	return b.String()
}

func times(ratio float64) string {
	if ratio < 10 {
		return strconv.FormatFloat(ratio, 'f', 1, 64)
	}
	return strconv.FormatFloat(ratio, 'f', 0, 64)
}

// CSV writes the samples and the published figures, a line each.
func CSV(w io.Writer, list []Sample) error {
	c := csv.NewWriter(w)
	lines := [][]string{{"source", "backend", "watched", "active", "waits", "seconds_per_100000"}}
	for _, s := range list {
		if s.Waits > 0 {
			lines = append(lines, []string{"here", string(s.Backend), strconv.Itoa(s.Watched), strconv.Itoa(s.Active),
				strconv.Itoa(s.Waits), strconv.FormatFloat(s.Seconds, 'g', 6, 64)})
		}
	}
	for _, b := range publishedBackends {
		for _, n := range publishedCounts {
			lines = append(lines, []string{"TLPI 63-9", string(b), strconv.Itoa(n), "1", strconv.Itoa(Waits),
				strconv.FormatFloat(published[b][n], 'g', 6, 64)})
		}
	}
	return c.WriteAll(lines)
}
