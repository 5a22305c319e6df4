//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.com/iomux/bench/load"
	"example.com/iomux/bench/report"
	"example.com/iomux/bench/result"
	"example.com/iomux/bench/run"
	"example.com/iomux/bench/scenario"
)

// resultsDir is where results go unless told otherwise.
const resultsDir = "bench-results"

// maxRounds is what a measurement may be asked for.
const maxRounds = 1000

// stamp names results by the second in which they began.
const stamp = "20060102T150405Z"

func runVerb(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, prefix, err := runFlags(args, stdout)
	if err != nil {
		return err
	}
	_, err = measure(ctx, o, prefix, stdout, stderr)
	return err
}

// measure runs what is asked for, shows it, and keeps it in files of that name.
func measure(ctx context.Context, o run.Options, prefix string, stdout, stderr io.Writer) (*result.Report, error) {
	if err := claim(prefix); err != nil {
		return nil, err
	}
	watch := newWatch(stdout, stderr)
	watch.save = func(r *result.Report) error { return keep(r, prefix) }
	r, err := run.Run(ctx, o, watch)
	watch.close()
	if r == nil || len(r.Scenarios) == 0 {
		if errors.Is(err, context.Canceled) {
			err = errors.New("interrupted: nothing was measured")
		}
		return nil, errors.Join(err, disclaim(prefix))
	}
	// What was measured before an interruption is kept all the same.
	if kept := keep(r, prefix); kept != nil {
		err = errors.Join(err, kept)
	} else if prefix != "" {
		fmt.Fprintf(stdout, "\nresults: %s.json\nreport:  %s.html\n", prefix, prefix)
	}
	if err == nil && r.Failed() {
		err = errors.New("a peer failed; see the lines above that begin with skipped")
	}
	return r, err
}

// runFlags turns the command line into options and what the files are to be
// called, without their endings; "" means that none are wanted.
func runFlags(args []string, stdout io.Writer) (o run.Options, prefix string, err error) {
	f := flag.NewFlagSet("run", flag.ContinueOnError)
	scenarios := f.String("scenarios", "quick", "`scenarios` with commas between; quick and all stand for many; bench list tells what there is")
	peers := f.String("peers", "quick", "`peers` with commas between, each with flags of its own and a name if need be: \"c_epoll,iomux,b=iomux -backend poll\"; quick and all stand for many; ratios are to the first that can do a scenario")
	f.IntVar(&o.Rounds, "rounds", 9, "runs of each peer in each scenario; an interval takes 6")
	settingFlags(f, &o)
	f.BoolVar(&o.Calls, "calls", false, "count system calls with strace too, in runs of their own")
	out := outFlag(f)
	if _, err := parse(f, args, stdout); err != nil {
		return o, "", err
	}
	if o.Scenarios, err = scenario.ParseList(*scenarios); err != nil {
		return o, "", usagef("%w", err)
	}
	if o.Peers, err = run.ParseSpecs(*peers); err != nil {
		return o, "", usagef("%w", err)
	}
	if prefix, err = out(); err != nil {
		return o, "", err
	}
	return o, prefix, check(o)
}

// settingFlags are those that say how a run is made.
func settingFlags(f *flag.FlagSet, o *run.Options) {
	f.DurationVar(&o.Duration, "dur", 400*time.Millisecond, "length of a run; many connections make it longer")
	f.DurationVar(&o.Warm, "warm", 100*time.Millisecond, "what runs before it, unmeasured")
	f.IntVar(&o.Loops, "loops", 1, "event loops of a server")
	f.IntVar(&o.Procs, "procs", 0, "GOMAXPROCS of a server; 0 means as many as loops")
	f.BoolVar(&o.Pin, "pin", true, "keep the generator and the server on CPUs of their own")
	f.IntVar(&o.Nice, "nice", -15, "priority of both, where that is permitted; 0 leaves it")
}

// outFlag is the flag for what the files are to be called; what it returns tells
// that once flags are read.
func outFlag(f *flag.FlagSet) func() (string, error) {
	out := f.String("out", filepath.Join(resultsDir, time.Now().UTC().Format(stamp)), "what to call the files, without .json and .html; empty writes none")
	return func() (string, error) {
		prefix := strings.TrimSuffix(*out, ".json")
		if strings.HasSuffix(prefix, "/") {
			return "", usagef("--out %s: want the beginning of files' names, not a directory", prefix)
		}
		return prefix, nil
	}
}

// check refuses what could not be measured, or not in bounded time.
func check(o run.Options) error {
	for _, bound := range []struct {
		name         string
		n, low, high int
	}{
		{"rounds", o.Rounds, 1, maxRounds},
		{"loops", o.Loops, 1, 1024},
		{"procs", o.Procs, 0, 1024},
		{"nice", o.Nice, -20, 19},
	} {
		if bound.n < bound.low || bound.n > bound.high {
			return usagef("--%s %d: want %d to %d", bound.name, bound.n, bound.low, bound.high)
		}
	}
	if o.Duration < time.Millisecond || o.Duration > load.MaxTime {
		return usagef("--dur %v: want 1ms to %v", o.Duration, load.MaxTime)
	}
	if o.Warm < 0 || o.Warm > load.MaxTime {
		return usagef("--warm %v: want 0 to %v", o.Warm, load.MaxTime)
	}
	return nil
}

// claim makes the file of results, empty: better to fail now than after minutes.
func claim(prefix string) error {
	if prefix == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(prefix), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(prefix+".json", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// disclaim takes the empty file away again.
func disclaim(prefix string) error {
	if prefix == "" {
		return nil
	}
	return os.Remove(prefix + ".json")
}

// keep writes the results and their page. Should one fail, the other is still
// worth having.
func keep(r *result.Report, prefix string) error {
	if prefix == "" {
		return nil
	}
	return errors.Join(
		write(prefix+".json", r.WriteJSON),
		write(prefix+".html", func(w io.Writer) error { return report.HTML(w, r) }))
}

// write makes a file of what to write, all of it or none.
func write(name string, to func(io.Writer) error) error {
	var b bytes.Buffer
	if err := to(&b); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}
