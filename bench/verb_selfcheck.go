//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"example.com/iomux/bench/report"
	"example.com/iomux/bench/result"
	"example.com/iomux/bench/run"
	"example.com/iomux/bench/scenario"
)

// slowdown is by how many percent a server is slowed on purpose, to see whether
// that is found.
const slowdown = 5

// selfcheckVerb measures the suite itself: the same server beside itself must show
// no difference, and one that was slowed must be found slower. What the generator
// costs beside one in C is told.
func selfcheckVerb(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := selfcheckFlags(args, stdout)
	if err != nil {
		return err
	}
	if err := generatorCost(ctx, o, stdout, stderr); err != nil {
		return err
	}
	return discern(ctx, o, stdout, stderr)
}

// selfcheckFlags turns the command line into options with one scenario.
func selfcheckFlags(args []string, stdout io.Writer) (run.Options, error) {
	f := flag.NewFlagSet("selfcheck", flag.ContinueOnError)
	name := f.String("scenario", "100x64", "the scenario to do it with")
	o := run.Options{Loops: 1, Pin: true}
	f.IntVar(&o.Rounds, "rounds", 30, "runs of each side, to begin with")
	f.IntVar(&o.MaxRounds, "max-rounds", 240, "as many at most, where it is too noisy to say after fewer")
	f.DurationVar(&o.Duration, "dur", 300*time.Millisecond, "length of a run")
	f.DurationVar(&o.Warm, "warm", 100*time.Millisecond, "what runs before it, unmeasured")
	f.IntVar(&o.Nice, "nice", -15, "priority, where that is permitted; 0 leaves it")
	if _, err := parse(f, args, stdout); err != nil {
		return o, err
	}
	s, err := scenario.Parse(*name)
	switch {
	case err != nil:
		return o, usagef("%w", err)
	case s.Kind != scenario.Echo || s.Rate > 0 || s.Frame || s.Mixed || s.Slow > 0:
		return o, usagef("--scenario %s: want a plain closed loop, such as 100x64p16", *name)
	}
	o.Scenarios = []scenario.Scenario{s}
	if o.MaxRounds > maxRounds {
		return o, usagef("--max-rounds %d: want %d at most", o.MaxRounds, maxRounds)
	}
	return o, check(o)
}

func generatorCost(ctx context.Context, o run.Options, stdout, stderr io.Writer) error {
	watch := newWatch(stdout, stderr)
	cost, err := run.GeneratorCost(ctx, o, watch)
	watch.close()
	if err != nil {
		return err
	}
	own, floor := cost.Rows[1].Measure(result.CPU), cost.Rows[0].Measure(result.CPU)
	_, err = fmt.Fprintf(stdout, "generator: %.0f ns of CPU time a message, a client in C %.0f ns; ratio %.3f (95 %%: %.3f to %.3f)\n",
		own.Median, floor.Median, own.Ratio.Median, own.Ratio.Low, own.Ratio.High)
	return err
}

// discern runs a server beside itself, and beside itself slowed down.
func discern(ctx context.Context, o run.Options, stdout, stderr io.Writer) error {
	slower := fmt.Sprintf("iomux -slow %d", slowdown)
	var found []result.Change
	for _, peer := range []string{"iomux", slower} {
		sides, err := run.ParseSpecs("iomux," + peer)
		if err != nil {
			return err
		}
		watch := newWatch(io.Discard, stderr)
		r, err := run.Run(ctx, o.Versus(sides[0], sides[1]), watch)
		watch.close()
		if err != nil {
			return err
		}
		if len(r.Skipped) > 0 {
			return fmt.Errorf("skipped: %v", r.Skipped[0])
		}
		found = append(found, r.Versus()...)
	}
	fmt.Fprintf(stdout, "\niomux beside itself, and beside itself slowed by %d %%:\n", slowdown)
	if err := report.Changes(stdout, found); err != nil {
		return err
	}
	switch same, slowed := found[0], found[1]; {
	case same.Verdict == result.More || same.Verdict == result.Less:
		return errors.New("a server beside itself is said to differ, which chance does once in a hundred times; try again")
	case same.Verdict != result.Same:
		return fmt.Errorf("in %s this machine cannot tell a server from itself: try more --max-rounds, or a quieter time", rounds(same))
	case !slowed.Worse():
		return fmt.Errorf("in %s this machine cannot tell %d %%: try more --max-rounds, or a quieter time", rounds(slowed), slowdown)
	}
	_, err := fmt.Fprintln(stdout, "\nThe suite finds the one and does not see the other.")
	return err
}

func rounds(c result.Change) string { return fmt.Sprintf("%d rounds", c.Rounds) }
