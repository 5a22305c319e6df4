//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/iomux"
	"example.com/iomux/cmd/internal/experiment"
)

func TestStudyCost(t *testing.T) {
	dir := t.TempDir()
	table, picture := filepath.Join(dir, "cost.csv"), filepath.Join(dir, "cost.svg")
	r := call(t, "", "study", "cost", "--time", "100ms", "--max", "20", "--csv", table, "--svg", picture)
	if r.status != 0 || r.stderr != "" || !strings.HasPrefix(r.stdout, "descriptors ") || strings.Contains(r.stdout, "Not measured") {
		t.Errorf("%+v", r)
	}
	for _, b := range iomux.Backends() {
		if !strings.Contains(r.stdout, "a wait of "+string(b)+" becomes ") {
			t.Errorf("nothing is said of %s: %s", b, r.stdout)
		}
	}
	for name, want := range map[string]string{table: "source,backend,", picture: "<svg "} {
		if text, err := os.ReadFile(name); err != nil || !strings.HasPrefix(string(text), want) {
			t.Errorf("%s: %.50q, %v", name, text, err)
		}
	}
}

func TestStudyCostRefuses(t *testing.T) {
	for _, c := range []struct {
		args   string
		status int
		says   string
	}{
		{"--quick --time 3s", 2, "--quick is --time 5s: want one of them"},
		{"--time 1ms", 2, "want a time of at least 100ms"},
		{"--max 0", 2, "want a number from 1 to 1048576"},
		{"surplus", 2, `surplus argument "surplus"`},
		{"--time 100ms --max 10 --svg /nowhere/cost.svg", 1, "/nowhere/cost.svg: no such file"},
	} {
		r := call(t, "", append([]string{"study", "cost"}, strings.Fields(c.args)...)...)
		if r.status != c.status || !strings.Contains(r.stderr, c.says) || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%s: %+v", c.args, r)
		}
	}
}

// Alone, study run has a line for each experiment.
func TestStudyRunLists(t *testing.T) {
	r := call(t, "", "study", "run")
	if r.status != 0 || r.stderr != "" || strings.Count(r.stdout, "\n") != len(experiment.All()) {
		t.Errorf("%+v", r)
	}
	for _, e := range experiment.All() {
		if !strings.Contains("\n"+r.stdout, "\n"+e.Name+" ") || !strings.Contains(r.stdout, "  "+e.Shows+"\n") {
			t.Errorf("%s is not in the list", e.Name)
		}
	}
}

// Alone, study has a line for each of its commands and experiments.
func TestStudyListsEverything(t *testing.T) {
	r := call(t, "", "study")
	if r.status != 0 || r.stderr != "" {
		t.Fatalf("%+v", r)
	}
	for _, c := range newStudy().Commands() {
		if !strings.Contains(r.stdout, "\n  "+c.Name()+" ") || !strings.Contains(r.stdout, " "+c.Short+"\n") {
			t.Errorf("there is no line for %s:\n%s", c.Name(), r.stdout)
		}
	}
	for _, e := range experiment.All() {
		if !strings.Contains(r.stdout, "\n  "+e.Name+" ") || !strings.Contains(r.stdout, "  "+e.Shows+"\n") {
			t.Errorf("there is no line for %s:\n%s", e.Name, r.stdout)
		}
	}
}

func TestStudyRunRefuses(t *testing.T) {
	for args, says := range map[string]string{
		"smoke":            `no experiment "smoke" here, see "iomux study run"`,
		"coroutine kqueue": `surplus argument "kqueue": one experiment at a time`,
	} {
		r := call(t, "", append([]string{"study", "run"}, strings.Fields(args)...)...)
		if r.status != 2 || r.stdout != "" || !strings.Contains(r.stderr, says) || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%s: %+v", args, r)
		}
	}
}
