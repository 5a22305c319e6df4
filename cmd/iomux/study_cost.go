//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"example.com/iomux"
	"example.com/iomux/cmd/internal/studycost"
)

// quickTime is what --quick takes, about.
const quickTime = 5 * time.Second

// studyCost is what the flags of study cost say.
type studyCost struct {
	time     span
	quick    bool
	max      count
	csv, svg fileName
}

func newStudyCost() *cobra.Command {
	s := studyCost{time: span{value: 30 * time.Second, min: 100 * time.Millisecond}, max: count{value: 20000, max: 1 << 20}}
	return s.command()
}

func (s *studyCost) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cost",
		Short: "Measure what a wait costs, on each backend, with 10 to 20,000 descriptors",
		Long: `Measure what a wait costs, on each backend, with 10 to 20,000 descriptors.

Some descriptors are watched, and one of them, or more, are ready: another choice in
each round. Measured is what the waits cost that find them; nothing sleeps. The
figures are CPU seconds for 100,000 waits, the median of the rounds. Beside them stand
those of The Linux Programming Interface, table 63-9, which asked the same of another
machine.

It ends by itself after about the time of --time, and at once with an interrupt, with
what has been measured by then. It raises its limit of descriptors as far as it may,
and says what it could not do.`,
		Example: `  iomux study cost --quick
  iomux study cost --time 2s --max 1000 --csv /tmp/cost.csv --svg /tmp/cost.svg`,
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := s.options(cmd)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(studyContext(cmd), os.Interrupt)
			defer stop()
			return s.run(ctx, o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&s.quick, "quick", false, "measure for 5 seconds only, which is less exact")
	f.Var(&s.time, "time", "how long to measure, about, all in all")
	f.Var(&s.max, "max", "how many descriptors to watch at most")
	f.Var(&s.csv, "csv", "write the figures to this file, too")
	f.Var(&s.svg, "svg", "draw them in this one, too")
	return cmd
}

// options are what the flags ask for.
func (s *studyCost) options(cmd *cobra.Command) (studycost.Options, error) {
	o := studycost.Options{Backends: iomux.Backends(), Max: s.max.value, Time: s.time.value}
	if s.quick {
		if cmd.Flags().Changed("time") {
			return o, usagef("--quick is --time %v: want one of them", quickTime)
		}
		o.Time = quickTime
	}
	return o, nil
}

func (s *studyCost) run(ctx context.Context, o studycost.Options, stdout, stderr io.Writer) error {
	if len(o.Backends) == 0 {
		return errors.New("no backend works here")
	}
	files, err := s.files() // first, so that a name that cannot be written costs no measurement
	if err != nil {
		return err
	}
	defer files.discard()
	note, err := studycost.Limit(&o)
	if err != nil {
		return err
	}
	progress, done := costProgress(stderr)
	list, err := studycost.Measure(ctx, o, progress)
	done()
	switch {
	case err != nil:
		return err
	case len(list) == 0:
		return errors.New("interrupted before anything was measured")
	case ctx.Err() != nil:
		note = "Interrupted: what is missing was not measured. " + note
	}
	if note != "" {
		note = "\n" + note + "\n"
	}
	if err := studycost.Table(stdout, list); err != nil {
		return fmt.Errorf("cannot print the table: %w", err)
	}
	if _, err := io.WriteString(stdout, note); err != nil {
		return fmt.Errorf("cannot print the table: %w", err)
	}
	return files.write(list)
}

// costProgress shows on a terminal how far the measurement is, and nothing elsewhere.
func costProgress(stderr io.Writer) (progress func(int, int, studycost.Point), done func()) {
	f, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func(int, int, studycost.Point) {}, func() {}
	}
	const clearLine = "\r\x1b[K"
	return func(done, all int, p studycost.Point) {
		fmt.Fprintf(f, "%s%d of %d: %s, %d watched, %d active", clearLine, done+1, all, p.Backend, p.Watched, p.Active)
	}, func() { fmt.Fprint(f, clearLine) }
}
