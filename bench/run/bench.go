//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"
)

// Options is a whole measurement.
type Options struct {
	Scenarios []Scenario
	Peers     []Spec
	Rounds    int
	Duration  time.Duration // of a run, after Warm
	Warm      time.Duration
	Loops     int  // of a server, for those that have any
	Procs     int  // GOMAXPROCS of a server; 0 means Loops
	Pin       bool // the generator and the server on CPUs of their own
	Nice      int  // priority of both, where that is permitted
	Calls     bool // count system calls too, in runs of their own
}

// bench is a measurement under way.
type bench struct {
	Options
	out    io.Writer
	shop   *workshop
	places places
	report *Report
}

// Run measures and prints a table per scenario to out as soon as it is done.
// What cannot run is skipped and named in the report, with the reason; an error
// means that there is nothing to report at all, or that ctx is over.
func Run(ctx context.Context, o Options, out io.Writer) (r *Report, err error) {
	if o.Procs == 0 {
		o.Procs = o.Loops
	}
	shop, err := newWorkshop()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, shop.close()) }()
	b := &bench{Options: o, out: out, shop: shop, report: newReport(o)}
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	if err := b.prepare(); err != nil {
		return nil, err
	}
	for _, s := range o.Scenarios {
		if err := b.scenario(ctx, s); err != nil {
			return nil, err
		}
	}
	return b.report, nil
}

// build makes all programs and forgets the peers that have none.
func (b *bench) build(ctx context.Context) error {
	var able []Spec
	for _, p := range b.Peers {
		if _, err := b.shop.program(ctx, p.Peer); err != nil {
			b.skip(Skipped{Peer: p.Label(), Reason: err.Error()})
		} else {
			able = append(able, p)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.Peers = able
	if len(able) == 0 {
		return fmt.Errorf("no peer is left to measure")
	}
	return nil
}

// prepare puts this process where the generator belongs. What the machine does
// not permit is said and done without.
func (b *bench) prepare() error {
	// With a processor to spare, the runtime's monitor leaves the generator's
	// in peace while it waits.
	runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0)))
	if b.Nice != 0 {
		if err := renice(b.Nice); err != nil {
			b.note("priority unchanged: %v", err)
		}
	}
	if !b.Pin {
		return nil
	}
	var err error
	if b.places, err = choosePlaces(b.Loops); err != nil {
		b.note("%v", err)
		return nil
	}
	b.report.Pinned = true
	return b.places.settle()
}

func (b *bench) note(format string, args ...any) {
	n := fmt.Sprintf(format, args...)
	b.report.Notes = append(b.report.Notes, n)
	fmt.Fprintf(b.out, "note: %s\n", n)
}

func (b *bench) skip(s Skipped) {
	b.report.Skipped = append(b.report.Skipped, s)
	fmt.Fprintf(b.out, "skipped: %s\n", s)
}

// entry is a peer within a scenario.
type entry struct {
	spec    Spec
	samples []*Sample
	calls   map[string]float64
	failed  bool
}

func (b *bench) scenario(ctx context.Context, s Scenario) error {
	entries := make([]*entry, len(b.Peers))
	for i, p := range b.Peers {
		entries[i] = &entry{spec: p}
	}
	for round := range b.Rounds {
		for i := range entries {
			// Whoever runs first in one round runs last in the next, so that a
			// machine that gets slower or faster meanwhile favours nobody.
			if round%2 == 1 {
				i = len(entries) - 1 - i
			}
			if err := b.one(ctx, s, entries[i], round); err != nil {
				return err
			}
		}
	}
	if b.Calls {
		b.countCalls(ctx, s, entries)
	}
	result := summarize(s, entries)
	b.report.Scenarios = append(b.report.Scenarios, result)
	return result.print(b.out)
}

// one runs a peer once, and once more if others disturbed it: the quieter run
// counts. A peer that fails is out of the scenario.
func (b *bench) one(ctx context.Context, s Scenario, e *entry, round int) error {
	var best *Sample
	for range 2 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		again := b.measure(ctx, s, e)
		if again == nil {
			return ctx.Err()
		}
		again.Round, again.Repeated = round, best != nil
		if best == nil || again.Foreign < best.Foreign {
			best = again
		}
		best.Repeated = again.Repeated
		if !best.disturbed() {
			break
		}
	}
	e.samples = append(e.samples, best)
	return nil
}

// measure runs a peer, unless it has failed before; nil when it fails now.
func (b *bench) measure(ctx context.Context, s Scenario, e *entry) (sample *Sample) {
	if e.failed {
		return nil
	}
	c := s.load()
	c.Warm, c.Duration = b.Warm, b.Duration
	l, err := b.launch(ctx, s, e.spec)
	if err == nil {
		sample, err = l.measure(ctx, c)
	}
	if err != nil && ctx.Err() == nil {
		e.failed = true
		b.skip(Skipped{Peer: e.spec.Label(), Scenario: s.Name, Reason: err.Error(), Failed: true})
	}
	return sample
}

func (b *bench) countCalls(ctx context.Context, s Scenario, entries []*entry) {
	for _, e := range entries {
		if e.failed || ctx.Err() != nil {
			continue
		}
		var err error
		if e.calls, err = b.calls(ctx, s, e.spec); err != nil {
			b.note("system calls of %s in %s not counted: %v", e.spec.Label(), s.Name, err)
		}
	}
}

func (b *bench) launch(ctx context.Context, s Scenario, p Spec) (launch, error) {
	program, err := b.shop.program(ctx, p.Peer)
	return launch{program, p.Flags, b.Loops, b.Procs, s.frame(), b.places}, err
}
