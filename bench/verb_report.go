//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"example.com/iomux/bench/report"
	"example.com/iomux/bench/result"
)

func reportVerb(_ context.Context, args []string, stdout, _ io.Writer) error {
	f := flag.NewFlagSet("report", flag.ContinueOnError)
	format := f.String("format", "table", "table, html, or go, which is text for benchstat")
	files, err := parse(f, args, stdout, "RESULTS")
	if err != nil {
		return err
	}
	show, ok := map[string]func(io.Writer, *result.Report) error{"table": tables, "html": report.HTML, "go": report.GoBench}[*format]
	if !ok {
		return usagef("--format %s: want table, html or go", *format)
	}
	r, err := read(files[0])
	if err != nil {
		return err
	}
	return show(stdout, r)
}

func tables(w io.Writer, r *result.Report) error {
	for _, o := range r.Scenarios {
		if err := report.Table(w, o); err != nil {
			return err
		}
	}
	return nil
}

func read(file string) (*result.Report, error) {
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return nil, err
	}
	r, err := result.Read(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

func readTwo(files []string) (old, new *result.Report, err error) {
	if old, err = read(files[0]); err != nil {
		return nil, nil, err
	}
	new, err = read(files[1])
	return old, new, err
}

func compareVerb(_ context.Context, args []string, stdout, _ io.Writer) error {
	files, err := parse(flag.NewFlagSet("compare", flag.ContinueOnError), args, stdout, "OLD", "NEW")
	if err != nil {
		return err
	}
	old, new, err := readTwo(files)
	if err != nil {
		return err
	}
	changes := result.Compare(old, new, "")
	if len(changes) == 0 {
		return fmt.Errorf("%s and %s have no scenario with a peer in common, other than what ratios are to", files[0], files[1])
	}
	unlike(stdout, old, new)
	return report.Changes(stdout, changes)
}

// unlike warns of a comparison of what was not measured alike.
func unlike(w io.Writer, old, new *result.Report) {
	for _, line := range result.Unlike(old, new) {
		fmt.Fprintln(w, "note: "+report.Plain(line))
	}
}

func gateVerb(_ context.Context, args []string, stdout, _ io.Writer) error {
	f := flag.NewFlagSet("gate", flag.ContinueOnError)
	most := f.String("max-regress", "5%", "how much worse is still good")
	peer := f.String("peer", "iomux", "the peer that must not become worse")
	files, err := parse(f, args, stdout, "OLD", "NEW")
	if err != nil {
		return err
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(*most, "%"), 64)
	if err != nil || !(percent >= 0 && percent <= 1000) {
		return usagef("--max-regress %s: want a percentage, such as 5%%", *most)
	}
	old, new, err := readTwo(files)
	if err != nil {
		return err
	}
	if lacking := result.Lacking(old, new, *peer); len(lacking) > 0 {
		return fmt.Errorf("%s has no %s in %s: it failed there, or was left out", files[1], *peer, strings.Join(lacking, ", "))
	}
	judged := result.Compare(old, new, *peer)
	if len(judged) == 0 {
		return fmt.Errorf("nothing to judge: %s and %s have no scenario with %s in common", files[0], files[1], *peer)
	}
	unlike(stdout, old, new)
	if err := report.Changes(stdout, judged); err != nil {
		return err
	}
	var worse []string
	few := 0
	for _, c := range judged {
		if c.Verdict == result.TooFew {
			few++
		}
		if c.Worse() && 100*c.Regress() > percent {
			worse = append(worse, fmt.Sprintf("%s in %s by %.1f%%", c.Peer, c.Scenario, 100*c.Regress()))
		}
	}
	if few == len(judged) {
		return errors.New("nothing could be judged: too few rounds; nine in both would do")
	}
	undecided := 0
	for _, c := range judged {
		if c.Verdict == result.Noisy || c.Verdict == result.TooFew {
			undecided++
		}
	}
	if len(worse) > 0 {
		return fmt.Errorf("worse by more than %g%%: %s", percent, strings.Join(worse, "; "))
	}
	_, err = fmt.Fprintf(stdout, "\npassed: %d not worse by more than %g%%, %d could not be judged\n", len(judged)-undecided, percent, undecided)
	return err
}

func schemaVerb(_ context.Context, args []string, stdout, _ io.Writer) error {
	if _, err := parse(flag.NewFlagSet("schema", flag.ContinueOnError), args, stdout); err != nil {
		return err
	}
	_, err := stdout.Write(result.Schema)
	return err
}
