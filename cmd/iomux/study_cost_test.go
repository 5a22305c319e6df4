//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/iomux"
	"example.com/iomux/cmd/internal/experiment"
	"example.com/iomux/cmd/internal/studycost"
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
	dir := t.TempDir()
	csv, link := filepath.Join(dir, "cost.csv"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(csv, []byte("old"), 0o644), os.Symlink("cost.csv", link)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   string
		status int
		says   string
	}{
		{"--quick --time 3s", 2, "--quick is --time 5s: want one of them"},
		{"--time 1ms", 2, "want a time of at least 100ms"},
		{"--max 0", 2, "want a number from 1 to 1048576"},
		{"surplus", 2, `surplus argument "surplus"`},
		// Nothing of these is measured.
		{"--time 1h --svg /nowhere/cost.svg", 2, "cannot write --svg: open /nowhere/cost.svg"},
		{"--time 1h --csv " + csv + " --svg /nowhere/cost.svg", 2, "cannot write --svg: open /nowhere/cost.svg"},
		{"--time 1h --csv " + csv + " --svg " + dir + "/../" + filepath.Base(dir) + "/cost.csv", 2, "--csv and --svg are both " + csv},
		{"--time 1h --csv " + csv + " --svg " + link, 2, "--csv and --svg are both " + csv},
	} {
		r := call(t, "", append([]string{"study", "cost"}, strings.Fields(c.args)...)...)
		if r.status != c.status || r.stdout != "" || !strings.Contains(r.stderr, c.says) || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%s: %+v", c.args, r)
		}
	}
	if text, err := os.ReadFile(csv); err != nil || string(text) != "old" {
		t.Errorf("%q, %v", text, err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 2 {
		t.Errorf("something is left behind: %v, %v", list, err)
	}
}

// A file that is there is replaced when there is something to replace it with, and one
// that is none, such as a device, is written to.
func TestStudyCostFiles(t *testing.T) {
	dir := t.TempDir()
	csv := filepath.Join(dir, "cost.csv")
	if err := os.WriteFile(csv, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	files, err := (&studyCost{csv: fileName(csv), svg: os.DevNull}).files()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(csv); err != nil || string(text) != "old" {
		t.Errorf("before anything is measured: %q, %v", text, err)
	}
	list := []studycost.Sample{{Point: studycost.Point{Backend: iomux.Poll, Watched: 10, Active: 1}, Waits: 5, Seconds: 0.5}}
	if err := files.write(list); err != nil {
		t.Fatal(err)
	}
	files.discard()
	text, err := os.ReadFile(csv)
	if err != nil || !strings.HasPrefix(string(text), "source,backend,") {
		t.Errorf("%.50q, %v", text, err)
	}
	info, err := os.Stat(os.DevNull)
	if err != nil || info.Mode().IsRegular() {
		t.Errorf("%v, %v", info, err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("something is left behind: %v, %v", list, err)
	}
}

func TestStudyCostQuick(t *testing.T) {
	for args, want := range map[string]time.Duration{"": 30 * time.Second, "--quick": quickTime, "--time 2s": 2 * time.Second} {
		s := studyCost{time: span{value: 30 * time.Second}}
		cmd := s.command()
		if err := cmd.ParseFlags(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		if o, err := s.options(cmd); err != nil || o.Time != want {
			t.Errorf("%q: %v, %v", args, o.Time, err)
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
