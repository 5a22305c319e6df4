package report

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"

	"example.com/iomux/bench/result"
)

// Every line means what it should to the reader that benchstat has.
func TestGoBenchIsRead(t *testing.T) {
	r := rich(t)
	samples := 0
	for _, o := range r.Scenarios {
		for _, row := range o.Rows {
			samples += len(row.Samples)
		}
	}
	reader := benchfmt.NewReader(bytes.NewReader(benchText(t, r)), "report")
	results, peers := 0, map[string]bool{}
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.Result:
			results++
			base, parts := record.Name.Parts()
			if len(parts) != 2 || len(base) == 0 || !bytes.HasPrefix(parts[0], []byte("/scenario=")) || !bytes.HasPrefix(parts[1], []byte("/peer=")) {
				t.Errorf("%s: parts %q and %q", record.Name, base, parts)
			} else {
				peers[string(parts[1])] = true
			}
			if cpu, ok := record.Value("cpu-sec/op"); !ok || cpu <= 0 {
				t.Errorf("%s: no CPU time in %v", record.Name, record.Values)
			}
			if record.GetConfig("kernel") != "6.18.44" {
				t.Errorf("%s: kernel %q", record.Name, record.GetConfig("kernel"))
			}
		case *benchfmt.SyntaxError:
			t.Error(record)
		}
	}
	if err := reader.Err(); err != nil {
		t.Fatal(err)
	}
	if results != samples {
		t.Errorf("%d results of %d samples", results, samples)
	}
	if len(peers) != 6 {
		t.Errorf("peers %v", peers)
	}
	for _, unit := range []string{"ns/op", "cpu-ns/op", "p50-ns", "p99-ns", "B-rss", "B/conn"} {
		if reader.Units().GetBetter(unit) != -1 {
			t.Errorf("%s: less is not known to be better", unit)
		}
	}
}

func TestBenchstat(t *testing.T) {
	program, err := exec.LookPath("benchstat")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("no benchstat")
	}
	file := filepath.Join(t.TempDir(), "report.txt")
	if err := os.WriteFile(file, benchText(t, reference(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "-col", "/peer@(gnet iomux)", "-row", "/scenario", "-filter", ".unit:cpu-sec/op", file).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "100x64") || !strings.Contains(string(out), "p=0.000") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestWord(t *testing.T) {
	for label, want := range map[string]string{
		"iomux":               "iomux",
		"iomux -backend poll": "iomux_-backend_poll",
		"gnet #2":             "gnet_#2",
		"gnet-8":              "gnet_8",
		"a/b\tc\n":            "a_b_c_",
		"":                    "",
	} {
		if got := word(label); got != want {
			t.Errorf("word(%q) = %q, want %q", label, got, want)
		}
	}
}

func TestGoBenchOfNothing(t *testing.T) {
	r := &result.Report{Scenarios: []*result.Outcome{{Rows: []*result.Row{{Samples: []*result.Sample{{}, {Rate: -1, CPU: 1e308, Messages: -7}}}}}}}
	text := benchText(t, r)
	if got := bytes.Count(text, []byte("\nBenchmark")); got != 1 || !bytes.Contains(text, []byte("\t1\t1.00000e+308 cpu-ns/op")) {
		t.Errorf("%s", text)
	}
}
