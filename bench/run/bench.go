//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/bench/load"
	"example.com/iomux/bench/result"
	"example.com/iomux/bench/scenario"
)

// Options is a whole measurement.
type Options struct {
	Scenarios []scenario.Scenario
	Peers     []Spec
	Rounds    int
	Duration  time.Duration // of a run, after Warm; both are longer where connections are many
	Warm      time.Duration
	Loops     int  // of a server, for those that have any
	Procs     int  // GOMAXPROCS of a server; 0 means Loops
	Pin       bool // the generator and the server on CPUs of their own
	Nice      int  // priority of both, where that is permitted
	Calls     bool // count system calls too, in runs of their own

	// Pair names two of the peers that are to be told apart, or is nil. Where
	// Rounds do not suffice for that, there are more, up to MaxRounds.
	Pair      *result.Pair
	MaxRounds int
}

// Observer is told how a measurement goes, on the goroutine that called Run.
type Observer interface {
	// Note tells what the machine does not permit.
	Note(text string)
	// Skipped tells of a peer that does not run, or not to the end.
	Skipped(s result.Skipped)
	// Progress tells how many of the runs are over, and what happens now.
	Progress(done, total int, what string)
	// Outcome hands over a scenario that is done, and all that was before it.
	Outcome(o *result.Outcome, so *result.Report)
}

// bench is a measurement under way.
type bench struct {
	Options
	Observer
	shop        *workshop
	places      places
	report      *result.Report
	done, total int // runs
}

// Run measures. What cannot run is skipped and named in the report, with the
// reason. An error means that ctx is over, and then the report has the scenarios
// that were done before, or that there is nothing to report at all.
func Run(ctx context.Context, o Options, watch Observer) (r *result.Report, err error) {
	b, err := newBench(o, watch)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.shop.close()) }()
	o = b.Options
	b.report = &result.Report{Format: result.Format, Time: time.Now().UTC().Truncate(time.Second), Machine: describe(ctx),
		Setting: result.Setting{Rounds: o.Rounds, Seconds: o.Duration.Seconds(), Warm: o.Warm.Seconds(), Loops: o.Loops, Procs: o.Procs,
			Pinned: b.places.generator != nil, Nice: o.Nice},
		Scenarios: []*result.Outcome{}, Pair: o.Pair, Notes: b.notes()}
	for _, n := range b.report.Notes {
		b.Note(n)
	}
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	for _, s := range o.Scenarios {
		if err := b.config(s).Check(); err != nil {
			return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
		}
		b.total += b.Rounds * len(b.able(s))
	}
	for _, s := range o.Scenarios {
		if err := b.scenario(ctx, s); err != nil {
			return b.report, err
		}
	}
	b.Progress(b.total, b.total, "")
	if len(b.report.Scenarios) == 0 {
		return nil, errors.New("nothing could be measured")
	}
	return b.report, nil
}

// newBench makes ready to measure; whoever calls it closes the shop.
func newBench(o Options, watch Observer) (*bench, error) {
	if o.Procs == 0 {
		o.Procs = o.Loops
	}
	shop, err := newWorkshop()
	if err != nil {
		return nil, err
	}
	b := &bench{Options: o, Observer: watch, shop: shop}
	if err := b.prepare(); err != nil {
		return nil, errors.Join(err, shop.close())
	}
	return b, nil
}

// prepare puts this process where the generator belongs. What the machine does
// not permit is done without; see notes.
func (b *bench) prepare() error {
	// With a processor to spare, the runtime's monitor leaves the generator's
	// in peace while it waits.
	runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0)))
	if err := raiseOpenFiles(); err != nil {
		return err
	}
	if !b.Pin {
		return nil
	}
	var err error
	if b.places, err = choosePlaces(b.Loops); err != nil {
		return nil
	}
	return b.places.settle()
}

// notes sets the priority and says what the machine does not permit.
func (b *bench) notes() []string {
	var notes []string
	if b.Nice != 0 {
		if err := renice(b.Nice); err != nil {
			notes = append(notes, fmt.Sprintf("priority unchanged: %v", err))
		}
	}
	if b.Pin && b.places.generator == nil {
		if _, err := choosePlaces(b.Loops); err != nil {
			notes = append(notes, err.Error())
		}
	}
	return notes
}

// raiseOpenFiles gives this process, and the servers it starts, as many
// descriptors as are allowed. Go does so by itself, but not for children.
func raiseOpenFiles() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit: %w", err)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("setrlimit: %w", err)
	}
	return nil
}

// build makes all programs and forgets the peers that have none; one of a pair is
// nothing without the other.
func (b *bench) build(ctx context.Context) error {
	var able []Spec
	for _, p := range b.Peers {
		b.Progress(0, 1, "building "+p.Peer.Name)
		m := b.shop.make(ctx, p.Peer)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if m.err != nil && b.Pair.Has(p.Label()) {
			return fmt.Errorf("%s: %w", p.Label(), m.err)
		}
		if m.err != nil {
			b.skip(result.Skipped{Peer: p.Label(), Reason: m.err.Error()})
			continue
		}
		able = append(able, p)
		b.report.Peers = append(b.report.Peers, result.Peer{Label: p.Label(), Command: p.Command(), About: p.about(), Version: m.version})
	}
	b.Peers = able
	if len(able) == 0 {
		return errors.New("no peer is left to measure")
	}
	if b.Pair != nil && b.alike(ctx) {
		b.report.Peers[len(able)-1].About += "; the same program, byte for byte"
		b.Note(fmt.Sprintf("%s and %s are the same program, byte for byte", b.Pair.Old, b.Pair.New))
	}
	return nil
}

func (b *bench) skip(s result.Skipped) {
	b.report.Skipped = append(b.report.Skipped, s)
	b.Skipped(s)
}

// able is the peers that can do the scenario.
func (b *bench) able(s scenario.Scenario) []Spec {
	var specs []Spec
	for _, p := range b.Peers {
		if p.can(s.Kind) {
			specs = append(specs, p)
		}
	}
	return specs
}

func (b *bench) scenario(ctx context.Context, s scenario.Scenario) error {
	var entries []*entry
	for _, p := range b.able(s) {
		entries = append(entries, newEntry(p))
	}
	if len(entries) == 0 {
		b.skip(result.Skipped{Peer: "all", Scenario: s.Name, Reason: "none of these peers does this"})
		return nil
	}
	err := b.rounds(ctx, s, entries)
	if err != nil {
		b.report.Notes = append(b.report.Notes, "interrupted in "+s.Name+": its rounds are fewer, and what was to follow is lacking")
	} else if b.Calls {
		b.countCalls(ctx, s, entries)
	}
	var all []result.Series
	for _, e := range entries {
		all = append(all, e.series())
	}
	// An interruption keeps the rounds that were over.
	if o := result.Summarize(s, all); err == nil || len(o.Rows) > 0 {
		b.report.Scenarios = append(b.report.Scenarios, o)
		b.Outcome(o, b.report)
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// rounds runs them all, and more where a pair cannot be told apart yet, unless ctx
// ends before.
func (b *bench) rounds(ctx context.Context, s scenario.Scenario, entries []*entry) error {
	round := 0
	for i, until := range b.looks() {
		if i > 0 {
			if !b.open(s, entries) {
				return nil
			}
			b.total += (until - round) * len(entries)
		}
		for ; round < until; round++ {
			for _, e := range b.turn(entries, round) {
				b.Progress(b.done, b.total, fmt.Sprintf("%s, round %d of %d: %s", s.Name, round+1, until, e.spec.Label()))
				if err := b.one(ctx, s, e, round); err != nil {
					return err
				}
				b.done++
			}
		}
	}
	return nil
}

// one runs a peer once, and once more if others disturbed it: the quieter run
// counts. A peer that fails is out of the scenario.
func (b *bench) one(ctx context.Context, s scenario.Scenario, e *entry, round int) error {
	var best *trial
	repeated := false
	for range 2 {
		again := b.measure(ctx, s, e)
		if again == nil {
			return ctx.Err()
		}
		if best == nil || again.sample.Foreign < best.sample.Foreign {
			best = again
		}
		if !best.sample.Disturbed() {
			break
		}
		repeated = true
	}
	best.sample.Round, best.sample.Repeated = round, repeated
	e.add(best)
	return nil
}

// measure runs a peer, unless it has failed before; nil when it fails now, or
// ctx is over.
func (b *bench) measure(ctx context.Context, s scenario.Scenario, e *entry) *trial {
	if e.failed || ctx.Err() != nil {
		return nil
	}
	t, err := b.launch(ctx, s, e.spec).measure(ctx, b.config(s))
	if err != nil && ctx.Err() == nil {
		e.failed = true
		b.skip(result.Skipped{Peer: e.spec.Label(), Scenario: s.Name, Reason: err.Error(), Failed: !errors.Is(err, errNotStarted) && !errors.Is(err, errNothing)})
	}
	return t
}

// config is the scenario for the generator, as long as this run is to be.
func (b *bench) config(s scenario.Scenario) load.Config {
	c := config(s)
	c.Warm, c.Duration = stretched(b.Warm, s), stretched(b.Duration, s)
	return c
}

// stretched is d, longer where connections are many: with 10,000, half a second
// is but five messages each.
func stretched(d time.Duration, s scenario.Scenario) time.Duration {
	return d * time.Duration(1+s.Conns/5000)
}

func (b *bench) countCalls(ctx context.Context, s scenario.Scenario, entries []*entry) {
	for _, e := range entries {
		if e.failed || ctx.Err() != nil {
			continue
		}
		b.Progress(b.done, b.total, fmt.Sprintf("%s, system calls: %s", s.Name, e.spec.Label()))
		var err error
		if e.calls, err = b.calls(ctx, s, e.spec); err != nil && ctx.Err() == nil {
			n := fmt.Sprintf("system calls of %s in %s not counted: %v", e.spec.Label(), s.Name, err)
			b.report.Notes = append(b.report.Notes, n)
			b.Note(n)
		}
	}
}

func (b *bench) launch(ctx context.Context, s scenario.Scenario, p Spec) launch {
	m := b.shop.make(ctx, p.Peer)
	l := launch{append(append([]string{}, m.command...), p.Flags...), b.Loops, b.Procs, s.Kind, 0, b.places}
	if s.Frame {
		l.frame = s.Size
	}
	if s.Kind == scenario.Churn || s.Kind == scenario.Idle {
		l.serve = scenario.Echo
	}
	return l
}
