//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"example.com/iomux/bench/report"
	"example.com/iomux/bench/result"
	"example.com/iomux/bench/run"
	"example.com/iomux/bench/scenario"
)

const (
	// versusScenarios is a scenario for each kind of work that takes CPU time.
	versusScenarios = "100x64,framed16,churn64,chat100w32"
	// growth is how many times the rounds become at most, unless told otherwise.
	growth = 4
)

func versusVerb(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("versus", flag.ContinueOnError)
	v := newVersus(f)
	names, err := parse(f, args, stdout, "DIR_OR_REVISION")
	if err != nil {
		return err
	}
	if err := v.read(f); err != nil {
		return err
	}
	r, err := v.measure(ctx, names[0], stdout, stderr)
	if err != nil {
		return err
	}
	return differences(stdout, r)
}

// versus is what is asked of a measurement of two states of a peer.
type versus struct {
	run.Options
	side    run.Spec
	prefix  string
	peer    *string
	listed  *string
	outfile func() (string, error)
}

// newVersus defines the flags.
func newVersus(f *flag.FlagSet) *versus {
	v := new(versus)
	v.peer = f.String("peer", "iomux", "the `peer` that it is about, perhaps with flags of its own")
	v.listed = f.String("scenarios", versusScenarios, "`scenarios` with commas between; quick and all stand for those of these that the peer does")
	f.IntVar(&v.Rounds, "rounds", 20, "runs of each side in each scenario, to begin with")
	f.IntVar(&v.MaxRounds, "max-rounds", 0, fmt.Sprintf("as many at most, where it is too noisy to say after fewer; 0 means %d times --rounds", growth))
	settingFlags(f, &v.Options)
	v.outfile = outFlag(f)
	return v
}

// read makes what the flags say into options, once they are parsed.
func (v *versus) read(f *flag.FlagSet) (err error) {
	specs, err := run.ParseSpecs(*v.peer)
	if err != nil {
		return usagef("%w", err)
	}
	if len(specs) != 1 {
		return usagef("--peer %s: want one", *v.peer)
	}
	v.side = specs[0]
	if err := check(v.Options); err != nil {
		return err
	}
	if v.Scenarios, err = scenario.ParseList(*v.listed); err != nil {
		return usagef("%w", err)
	}
	if able := v.Versus(v.side, v.side).Scenarios; len(able) == 0 || len(able) < len(v.Scenarios) && v.chosen(f) {
		return usagef("--scenarios %s: %s does not do all of them", *v.listed, *v.peer)
	}
	if v.MaxRounds == 0 {
		v.MaxRounds = min(growth*v.Rounds, maxRounds)
	}
	if v.MaxRounds < v.Rounds || v.MaxRounds > maxRounds {
		return usagef("--max-rounds %d: want --rounds to %d", v.MaxRounds, maxRounds)
	}
	v.prefix, err = v.outfile()
	return err
}

// chosen reports whether somebody named the scenarios, rather than a list of many.
func (v *versus) chosen(f *flag.FlagSet) bool {
	set := false
	f.Visit(func(g *flag.Flag) { set = set || g.Name == "scenarios" })
	return set && *v.listed != "quick" && *v.listed != "all"
}

// measure builds the peer from what is there and from here, and runs both.
func (v *versus) measure(ctx context.Context, there string, stdout, stderr io.Writer) (r *result.Report, err error) {
	c, err := run.OpenCheckout(ctx, there)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return measure(ctx, v.Versus(c.Spec(v.side), v.side), v.prefix, stdout, stderr)
}

// differences shows what became of a pair; none is an error.
func differences(w io.Writer, r *result.Report) error {
	changes := r.Versus()
	if len(changes) == 0 {
		return errors.New("nothing to compare; see the lines above that begin with skipped")
	}
	fmt.Fprintln(w)
	return report.Changes(w, changes)
}
