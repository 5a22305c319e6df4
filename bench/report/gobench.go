package report

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"example.com/iomux/bench/result"
	"example.com/iomux/bench/scenario"
)

// GoBench writes every sample in the format of Go's benchmarks, for benchstat:
//
//	benchstat -col /peer -row /scenario results.txt
func GoBench(w io.Writer, r *result.Report) error {
	var b strings.Builder
	configure(&b, r)
	for _, o := range r.Scenarios {
		for _, row := range o.Rows {
			name := fmt.Sprintf("Benchmark%s/scenario=%s/peer=%s", kindName(o.Scenario.Kind), word(o.Scenario.Name), word(row.Peer))
			for _, s := range row.Samples {
				benchmark(&b, name, s)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func configure(b *strings.Builder, r *result.Report) {
	m, s := r.Machine, r.Setting
	for _, c := range []struct{ key, value string }{
		{"goos", m.GOOS},
		{"goarch", m.GOARCH},
		{"pkg", "example.com/iomux/bench"},
		{"cpu", m.CPU},
		{"cpus", fmt.Sprint(m.CPUs)},
		{"os", m.OS},
		{"kernel", m.Kernel},
		{"toolchain", m.Go},
		{"revision", m.Revision},
		{"time", r.Time.UTC().Format(time.RFC3339)},
		{"loops", fmt.Sprint(s.Loops)},
		{"gomaxprocs", fmt.Sprint(s.Procs)},
		{"pinned", fmt.Sprint(s.Pinned)},
	} {
		if c.value != "" {
			fmt.Fprintf(b, "%s: %s\n", c.key, Plain(c.value))
		}
	}
	for _, u := range units {
		fmt.Fprintf(b, "Unit %s better=lower\n", u.name)
	}
	b.WriteString("\n")
}

// units are what a line tells of a sample. What was not measured is 0 and left
// out.
var units = []struct {
	name string
	of   func(*result.Sample) float64
}{
	{"ns/op", func(s *result.Sample) float64 {
		if s.Rate <= 0 {
			return 0
		}
		return 1e9 / s.Rate
	}},
	{"cpu-ns/op", result.CPU.Of},
	{"p50-ns", func(s *result.Sample) float64 { return 1e3 * s.P50 }},
	{"p99-ns", func(s *result.Sample) float64 { return 1e3 * s.P99 }},
	{"B-rss", result.RSS.Of},
	{"B/conn", result.PerConn.Of},
}

func benchmark(b *strings.Builder, name string, s *result.Sample) {
	var values strings.Builder
	for _, u := range units {
		if x := digits(u.of(s), 6); x != "0" && x != unknown {
			fmt.Fprintf(&values, "\t%s %s", x, u.name)
		}
	}
	if values.Len() > 0 {
		fmt.Fprintf(b, "%s \t%d%s\n", name, max(1, s.Messages), &values)
	}
}

func kindName(k scenario.Kind) string {
	switch k {
	case scenario.Echo:
		return "Echo"
	case scenario.UDP:
		return "UDP"
	case scenario.Chat:
		return "Chat"
	case scenario.Room:
		return "Room"
	case scenario.Churn:
		return "Churn"
	case scenario.Idle:
		return "Idle"
	}
	return "Other"
}

var (
	notWord = regexp.MustCompile(`[^\pL\pN_.,:+=#-]+`)
	// A number behind a dash at the end of a name would be GOMAXPROCS.
	likeProcs = regexp.MustCompile(`-([0-9]+)$`)
)

// word is s as a part of a benchmark's name, which has neither blanks nor
// slashes.
func word(s string) string {
	return likeProcs.ReplaceAllString(notWord.ReplaceAllString(s, "_"), "_$1")
}
