//go:build linux

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/iomux/bench/result"
	"example.com/iomux/bench/run"
)

// bench runs a command line, whose words are those between spaces.
func bench(t *testing.T, line string, more ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = command(context.Background(), append(strings.Fields(line), more...), &out, &err)
	return status, out.String(), err.String()
}

func TestBadInput(t *testing.T) {
	for _, line := range []string{
		"--nonsense",
		"what",
		"list more",
		"schema more",
		"run more",
		"--rounds 0",
		"run --rounds many",
		"run --loops -1",
		"run --procs -1",
		"run --nice 20",
		"run --dur 0s",
		"run --dur 1h",
		"run --dur fast",
		"run --warm -1s",
		"run --scenarios 0x64",
		"run --scenarios 100x64,",
		"run --scenarios 9999999x64",
		"run --peers nobody",
		"run --peers c_epoll,",
		"report",
		"report a b",
		"report --format pdf a",
		"compare",
		"compare a",
		"compare a b c",
		"compare a,a b",
		"compare a b,./b",
		"compare --drift much a b",
		"compare --drift -1% a b",
		"versus",
		"versus a b",
		"versus --rounds 0 a",
		"versus a --rounds 0",
		"versus --rounds 9 --max-rounds 8 a",
		"versus --max-rounds 1001 a",
		"versus --peer nobody a",
		"versus --peer iomux,gnet a",
		"versus --peer netpoll --scenarios 100x64,chat2w1 a",
		"versus --peer c_udp a",
		"versus --scenarios 0x64 a",
		"versus --out x/ a",
		"gate a",
		"gate a b --rounds 9",
		"gate --drift 5% --against a",
		"gate --against a b",
		"gate --rounds 0 --against a",
		"gate --max-regress lots a b",
		"gate --max-regress -1% a b",
		"gate --max-regress NaN a b",
		"selfcheck --scenario rate10k",
		"selfcheck --scenario x",
		"selfcheck --rounds 0",
		"selfcheck --max-rounds 1001",
	} {
		t.Run(line, func(t *testing.T) {
			status, stdout, stderr := bench(t, line)
			if status != exitUsage {
				t.Errorf("status %d, want %d", status, exitUsage)
			}
			if !strings.HasPrefix(stderr, "bench") || strings.Count(stderr, "\n") != 1 || stdout != "" {
				t.Errorf("said %q and %q, want one line", stderr, stdout)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, line := range []string{"help", "-h", "--help"} {
		status, stdout, _ := bench(t, line)
		if status != 0 {
			t.Errorf("%s: status %d", line, status)
		}
		for _, v := range verbs() {
			if !strings.Contains(stdout, "  "+v.name) {
				t.Errorf("%s does not name %s", line, v.name)
			}
		}
	}
	for _, v := range verbs() {
		status, stdout, stderr := bench(t, v.name+" --help")
		if status != 0 || !strings.HasPrefix(stdout, "usage: go run ./bench "+v.name) || stderr != "" {
			t.Errorf("%s --help: status %d, said %q and %q", v.name, status, stdout, stderr)
		}
	}
}

func TestList(t *testing.T) {
	status, stdout, _ := bench(t, "list")
	if status != 0 || !strings.Contains(stdout, "* 100x64 ") {
		t.Errorf("status %d: %s", status, stdout)
	}
	for _, p := range run.Peers {
		if !strings.Contains(stdout, " "+p.Name+" ") {
			t.Errorf("list does not name %s", p.Name)
		}
	}
}

// TestWholeWay: measure, show, compare and gate, with all kinds of load on a peer
// that needs nothing but Go.
func TestWholeWay(t *testing.T) {
	prefix := filepath.Join(t.TempDir(), "new", "results")
	const short = "--rounds 7 --dur 50ms --warm 1ms --nice 0 --pin=false"
	status, stdout, stderr := bench(t, "run "+short+" --scenarios 2x8,framed2,rate1k,churn2,idle10,udp2x8p2,chat3w2,slow1,3xmix100p2 --out "+prefix, "--peers", "gonet,twin=gonet")
	if status != 0 {
		t.Fatalf("status %d: %s%s", status, stdout, stderr)
	}
	if n := strings.Count(stdout, "twin"); n < 9 {
		t.Errorf("%d rows, want 9:\n%s", n, stdout)
	}
	r, err := read(prefix + ".json")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range r.Scenarios {
		if len(o.Rows) != 2 || len(o.Rows[0].Samples) != 7 || !(o.Rows[1].Measure(result.Rate).Median > 0) {
			t.Fatalf("%s: %+v, skipped %v", o.Scenario.Name, o, r.Skipped)
		}
	}
	page, err := os.ReadFile(prefix + ".html")
	if err != nil || !bytes.Contains(page, []byte("<svg")) || bytes.Contains(page, []byte("<script")) {
		t.Errorf("report: %v, %d bytes", err, len(page))
	}
	for _, format := range []string{"table", "html", "go"} {
		if status, stdout, stderr := bench(t, "report --format "+format+" "+prefix+".json"); status != 0 || !strings.Contains(stdout, "twin") {
			t.Errorf("report as %s: status %d, said %q", format, status, stderr)
		}
	}
	same := prefix + ".json " + prefix + ".json"
	if status, stdout, stderr := bench(t, "compare "+same); status != 0 || !strings.Contains(stdout, "twin") {
		t.Errorf("compare: status %d, said %q and %q", status, stdout, stderr)
	}
	// So short runs differ by a lot.
	const lax = "--drift 500% --max-regress 500% --peer twin "
	if status, _, stderr := bench(t, "gate "+lax+same); status != 0 {
		t.Errorf("gate: status %d, said %q", status, stderr)
	}
	if status, _, _ := bench(t, "gate "+same); status != exitFailure {
		t.Errorf("gate without the peer: status %d", status)
	}
	spoil(t, prefix+".json", prefix+".worse")
	if status, _, stderr := bench(t, "gate --peer twin "+prefix+".json "+prefix+".worse"); status != exitFailure || strings.Count(stderr, "twin in ") < 3 { // on a busy machine some are too noisy to say
		t.Errorf("gate: status %d, said %q", status, stderr)
	}
	lose(t, prefix+".json", prefix+".lacking")
	if status, _, stderr := bench(t, "gate --peer twin "+prefix+".json "+prefix+".lacking"); status != exitFailure || !strings.Contains(stderr, "has no twin in 2x8") {
		t.Errorf("gate: status %d, said %q", status, stderr)
	}
	if status, _, stderr := bench(t, "gate "+lax+prefix+".json "+prefix+".worse"); status != 0 {
		t.Errorf("gate: status %d, said %q", status, stderr)
	}
}

// TestVersus: a peer beside itself, shown again, and as a gate.
func TestVersus(t *testing.T) {
	prefix := filepath.Join(t.TempDir(), "results")
	short := []string{"--peer", "gonet", "--dur", "50ms", "--warm", "1ms", "--nice", "0", "--pin=false", "--scenarios", "2x8,churn2"}
	status, stdout, stderr := bench(t, "versus ..", append(short, "--rounds", "9", "--max-rounds", "18", "--out", prefix)...)
	if status != 0 || !strings.Contains(stdout, "the same program") || !strings.Contains(stdout, "new/old [99 %]") {
		t.Fatalf("status %d: %s%s", status, stdout, stderr)
	}
	told := stdout[strings.LastIndex(stdout, "scenario "):]
	if strings.Contains(told, string(result.TooFew)) || strings.Count(told, " rounds ") != 2 {
		t.Errorf("%s", told)
	}
	if status, stdout, stderr := bench(t, "report "+prefix+".json"); status != 0 || !strings.HasSuffix(stdout, told) {
		t.Errorf("report: status %d, said %q and %q, want %q", status, stdout, stderr, told)
	}
	if page, err := os.ReadFile(prefix + ".html"); err != nil || !bytes.Contains(page, []byte("New against old, 2 comparisons")) {
		t.Errorf("page: %v", err)
	}
	// A gate that can be missed by no chance, and one for which there is too little.
	lax := append(short, "--max-regress", "1000%", "--rounds", "11", "--max-rounds", "11", "--out", "")
	if status, stdout, stderr := bench(t, "gate --against ..", lax...); status != 0 && !strings.Contains(stderr, "nothing could be judged") {
		t.Errorf("gate: status %d: %s%s", status, stdout, stderr)
	}
	lax = append(short, "--rounds", "2", "--max-rounds", "2", "--out", "")
	if status, _, stderr := bench(t, "gate --against ..", lax...); status != exitFailure || !strings.Contains(stderr, "nothing could be judged") {
		t.Errorf("gate: status %d: %s", status, stderr)
	}
	if status, _, stderr := bench(t, "versus no-such-revision", append(short, "--out", prefix+"x")...); status != exitFailure || !strings.Contains(stderr, "neither a directory") {
		t.Errorf("status %d, said %q", status, stderr)
	}
	if left, _ := filepath.Glob(prefix + "x*"); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}

// spoil writes results in which one peer takes four times as long.
func spoil(t *testing.T, from, to string) {
	t.Helper()
	r, err := read(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range r.Scenarios {
		for _, s := range o.Row("twin").Samples {
			s.CPU *= 4
		}
	}
	if err := write(to, r.WriteJSON); err != nil {
		t.Fatal(err)
	}
}

// lose writes results that lack a peer in the first scenario.
func lose(t *testing.T, from, to string) {
	t.Helper()
	r, err := read(from)
	if err != nil {
		t.Fatal(err)
	}
	o := r.Scenarios[0]
	o.Rows = slices.DeleteFunc(o.Rows, func(row *result.Row) bool { return row.Peer == "twin" })
	if err := write(to, r.WriteJSON); err != nil {
		t.Fatal(err)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout, stderr bytes.Buffer
	prefix := filepath.Join(t.TempDir(), "results")
	status := command(ctx, []string{"run", "--peers", "gonet", "--pin=false", "--nice", "0", "--out", prefix}, &stdout, &stderr)
	if status != exitFailure || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("status %d, said %q", status, &stderr)
	}
	if _, err := os.Stat(prefix + ".json"); err == nil {
		t.Error("results of nothing")
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	none, text := filepath.Join(dir, "none"), filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"report " + none, "report " + text, "compare " + text + " " + text, "gate " + none + " " + none, "run --out " + text + "/x"} {
		if status, stdout, stderr := bench(t, line); status != exitFailure || stdout != "" || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: status %d, said %q and %q", line, status, stdout, stderr)
		}
	}
}
