//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/iomux/bench/run"
)

func TestBadInput(t *testing.T) {
	for _, args := range []string{
		"-nonsense",
		"what",
		"list more",
		"-rounds 0",
		"-rounds many",
		"-loops -1",
		"-procs -1",
		"-nice 20",
		"-dur 0s",
		"-dur 1h",
		"-dur fast",
		"-warm -1s",
		"-scenario 0x64",
		"-scenario 100x64,",
		"-scenario 100x",
		"-scenario 9999999x64",
		"-scenario 1x1048577",
		"-scenario framed1",
		"-scenario framed0",
		"-scenario rate0",
		"-scenario rate10m",
		"-peers nobody",
		"-peers c_epoll,",
	} {
		t.Run(args, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := command(context.Background(), strings.Fields(args), &stdout, &stderr)
			if status != exitUsage {
				t.Errorf("status %d, want %d", status, exitUsage)
			}
			if said := stderr.String(); !strings.HasPrefix(said, "bench: ") || strings.Count(said, "\n") != 1 || stdout.Len() > 0 {
				t.Errorf("said %q and %q, want one line", said, &stdout)
			}
		})
	}
}

func TestHelpAndList(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := command(context.Background(), []string{"-help"}, &stdout, &stderr); status != 0 || !strings.Contains(stderr.String(), "-scenario") {
		t.Errorf("help: status %d, said %q", status, &stderr)
	}
	if status := command(context.Background(), []string{"list"}, &stdout, &stderr); status != 0 {
		t.Errorf("list: status %d", status)
	}
	for _, p := range run.Peers {
		if !strings.Contains(stdout.String(), p.Name) {
			t.Errorf("list does not name %s", p.Name)
		}
	}
}

func TestWholeRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.json")
	args := []string{"-peers", "gonet,gonet", "-scenario", "2x8,framed2,rate1k", "-rounds", "2", "-dur", "20ms", "-warm", "1ms", "-nice", "0", "-pin=false", "-json", file}
	var stdout, stderr bytes.Buffer
	if status := command(context.Background(), args, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d: %s%s", status, &stdout, &stderr)
	}
	if n := strings.Count(stdout.String(), "\n## "); n != 3 {
		t.Errorf("%d tables, want 3:\n%s", n, &stdout)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r run.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	for _, o := range r.Scenarios {
		if len(o.Rows) != 2 || len(o.Rows[0].Samples) != 2 || o.Rows[1].Rate.Median <= 0 || o.Rows[1].CPU.Median <= 0 {
			t.Errorf("%s: %s", o.Scenario.Name, text)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout, stderr bytes.Buffer
	status := command(ctx, []string{"-peers", "gonet", "-pin=false", "-nice", "0"}, &stdout, &stderr)
	if status != exitFailure || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("status %d, said %q", status, &stderr)
	}
}

func TestReportFileRefusedAtOnce(t *testing.T) {
	var stdout, stderr bytes.Buffer
	status := command(context.Background(), []string{"-json", t.TempDir()}, &stdout, &stderr)
	if status != exitFailure || stdout.Len() > 0 || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("status %d, said %q and %q", status, &stdout, &stderr)
	}
}
