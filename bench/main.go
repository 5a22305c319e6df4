//go:build linux

// Command bench measures echo servers against each other: this project's, the
// standard library's, gnet's, and the least that C can do. All load goes over
// the loopback interface.
//
//	go run ./bench [flags]
//	go run ./bench list
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/iomux/bench/load"
	"example.com/iomux/bench/run"
)

const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(command(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// command is main without the process around it; it returns the exit status.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "list" {
		if len(args) > 1 {
			return complain(stderr, exitUsage, fmt.Errorf("list takes no arguments, got %q", args[1]))
		}
		list(stdout)
		return 0
	}
	o, file, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return complain(stderr, exitUsage, err)
	}
	r, err := measure(ctx, o, file, stdout)
	switch {
	case errors.Is(err, context.Canceled):
		return complain(stderr, exitFailure, errors.New("interrupted"))
	case err != nil:
		return complain(stderr, exitFailure, err)
	case r.Failed():
		return complain(stderr, exitFailure, errors.New("a peer failed; see the lines above that begin with skipped"))
	}
	return 0
}

func complain(w io.Writer, status int, err error) int {
	fmt.Fprintf(w, "bench: %v\n", err)
	return status
}

// parse turns the command line into options and the name of the JSON file.
func parse(args []string, stderr io.Writer) (o run.Options, file string, err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard) // one clear line is complain's to write
	scenarios := f.String("scenario", run.Standard, "scenarios, with commas between; \"bench list\" explains them")
	peers := f.String("peers", run.AllPeers(","), "peers, with commas between, each with flags of its own if need be: \"c_epoll,iomux,iomux -backend poll\"; the first is what the others are compared with")
	f.IntVar(&o.Rounds, "rounds", 5, "runs of each peer in each scenario")
	f.DurationVar(&o.Duration, "dur", 500*time.Millisecond, "length of a run")
	f.DurationVar(&o.Warm, "warm", 100*time.Millisecond, "what runs before it, unmeasured")
	f.IntVar(&o.Loops, "loops", 1, "event loops of a server")
	f.IntVar(&o.Procs, "procs", 0, "GOMAXPROCS of a server; 0 means as many as loops")
	f.BoolVar(&o.Pin, "pin", true, "keep the generator and the server on CPUs of their own")
	f.IntVar(&o.Nice, "nice", -15, "priority of both, where that is permitted; 0 leaves it")
	f.BoolVar(&o.Calls, "calls", false, "count system calls with strace too, in runs of their own")
	f.StringVar(&file, "json", "", "write all figures to this file")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(stderr, "usage: bench [flags] | bench list")
			f.SetOutput(stderr)
			f.PrintDefaults()
		}
		return o, file, err
	}
	if f.NArg() > 0 {
		return o, file, fmt.Errorf("unknown argument %q; try -help", f.Arg(0))
	}
	if o.Scenarios, err = run.ParseScenarios(*scenarios); err != nil {
		return o, file, err
	}
	if o.Peers, err = run.ParseSpecs(*peers); err != nil {
		return o, file, err
	}
	return o, file, check(o)
}

// check refuses what could not be measured, or not in bounded time.
func check(o run.Options) error {
	for _, bound := range []struct {
		name         string
		n, low, high int
	}{
		{"rounds", o.Rounds, 1, 1000},
		{"loops", o.Loops, 1, 1024},
		{"procs", o.Procs, 0, 1024},
		{"nice", o.Nice, -20, 19},
	} {
		if bound.n < bound.low || bound.n > bound.high {
			return fmt.Errorf("-%s %d: want %d to %d", bound.name, bound.n, bound.low, bound.high)
		}
	}
	if o.Duration < time.Millisecond || o.Duration > load.MaxTime {
		return fmt.Errorf("-dur %v: want 1ms to %v", o.Duration, load.MaxTime)
	}
	if o.Warm < 0 || o.Warm > load.MaxTime {
		return fmt.Errorf("-warm %v: want 0 to %v", o.Warm, load.MaxTime)
	}
	return nil
}

func list(w io.Writer) {
	fmt.Fprintln(w, "scenarios (any numbers will do):")
	standard, err := run.ParseScenarios(run.Standard)
	if err != nil {
		panic(err) // a constant, and tested
	}
	for _, s := range standard {
		fmt.Fprintf(w, "  %-10s %v\n", s.Name, s)
	}
	fmt.Fprintln(w, "peers:")
	for _, p := range run.Peers {
		fmt.Fprintf(w, "  %-10s %s\n", p.Name, p.About)
	}
}

// measure runs the benchmark and writes its report to the named file, if there
// is one. The file is opened first: better to fail now than after minutes.
func measure(ctx context.Context, o run.Options, file string, stdout io.Writer) (r *run.Report, err error) {
	if file == "" {
		return run.Run(ctx, o, stdout)
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	// The error of closing counts: only then is all of it in the file.
	defer func() { err = errors.Join(err, f.Close()) }()
	if r, err = run.Run(ctx, o, stdout); err != nil {
		return nil, err
	}
	return r, r.WriteJSON(f)
}
