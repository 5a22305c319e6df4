//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"example.com/iomux/bench/report"
	"example.com/iomux/bench/result"
)

func gateVerb(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("gate", flag.ContinueOnError)
	g := gate{versus: newVersus(f)}
	most := f.String("max-regress", "5%", "how much worse is still good")
	drift := driftFlag(f)
	f.StringVar(&g.against, "against", "", "measure beside the state of the peer in this `directory or revision`, rather than compare files")
	files, err := parseSome(f, args, stdout, "OLD[,OLD...]", "NEW[,NEW...]")
	if err != nil {
		return err
	}
	if g.most, err = percentage("max-regress", *most); err != nil {
		return err
	}
	if g.drift, err = percentage("drift", *drift); err != nil {
		return err
	}
	if err := g.belong(f, files); err != nil {
		return err
	}
	var judged []result.Change
	if g.against != "" {
		judged, err = g.measured(ctx, stdout, stderr)
	} else {
		judged, err = g.compared(files, stdout)
	}
	if err != nil {
		return err
	}
	if err := report.Changes(stdout, judged); err != nil {
		return err
	}
	return g.pass(stdout, judged)
}

// gate is what must not be worse than what, and by how much.
type gate struct {
	*versus
	against     string // "" means files
	most, drift float64
	missing     int // scenarios of which nothing is known
}

// belong refuses flags and arguments that would have no effect.
func (g *gate) belong(f *flag.FlagSet, files []string) error {
	var lost error
	f.Visit(func(set *flag.Flag) {
		switch set.Name {
		case "max-regress", "peer", "against":
		case "drift":
			if g.against != "" {
				lost = usagef("--drift is for files, and has no effect with --against")
			}
		default:
			if g.against == "" {
				lost = usagef("--%s has no effect without --against", set.Name)
			}
		}
	})
	switch {
	case lost != nil:
		return lost
	case g.against == "":
		return exactly(files, []string{"OLD", "NEW"})
	}
	if err := exactly(files, nil); err != nil {
		return err
	}
	return g.read(f)
}

// measured is the peer's two states, which have been measured together.
func (g *gate) measured(ctx context.Context, stdout, stderr io.Writer) ([]result.Change, error) {
	r, err := g.measure(ctx, g.against, stdout, stderr)
	if err != nil {
		return nil, err
	}
	for _, s := range r.Skipped {
		// The old state may not have been able to; the new one has to be.
		if s.Peer == r.Pair.New {
			return nil, errors.New(s.String())
		}
	}
	changes := r.Versus()
	if len(changes) == 0 {
		return nil, errors.New("nothing to judge; see the lines above that begin with skipped")
	}
	g.missing = len(r.Scenarios) - len(changes)
	fmt.Fprintln(stdout)
	return changes, nil
}

// compared is what files say of the peer.
func (g *gate) compared(files []string, stdout io.Writer) ([]result.Change, error) {
	old, new, err := readSides(files)
	if err != nil {
		return nil, err
	}
	if lacking := result.Lacking(old, new, *g.peer); len(lacking) > 0 {
		return nil, fmt.Errorf("%s has no %s in %s: it failed there, or was left out", files[1], *g.peer, strings.Join(lacking, ", "))
	}
	changes := result.Compare(old, new, *g.peer, g.drift)
	if len(changes) == 0 {
		return nil, fmt.Errorf("nothing to judge: %s and %s have no scenario with %s in common", files[0], files[1], *g.peer)
	}
	unlike(stdout, old, new)
	return changes, nil
}

// pass is an error unless the changes are good enough.
func (g *gate) pass(stdout io.Writer, judged []result.Change) error {
	var worse []string
	undecided := 0
	for _, c := range judged {
		switch {
		case c.Worse() && c.Regress() > g.most:
			worse = append(worse, fmt.Sprintf("%s in %s by %.1f%%", c.Peer, c.Scenario, 100*c.Regress()))
		case c.Verdict == result.Noisy, c.Verdict == result.TooFew, c.Verdict == result.Within && c.Drift > g.most:
			undecided++
		}
	}
	switch {
	case len(worse) > 0:
		return fmt.Errorf("worse by more than %.4g%%: %s", 100*g.most, strings.Join(worse, "; "))
	case undecided == len(judged):
		return errors.New("nothing could be judged: see the verdicts; more rounds, or --against, tell more")
	}
	_, err := fmt.Fprintf(stdout, "\npassed: %d not worse by more than %.4g%%, %d could not be judged\n", len(judged)-undecided, 100*g.most, undecided+g.missing)
	return err
}
