//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"example.com/iomux/bench/report"
	"example.com/iomux/bench/result"
)

func compareVerb(_ context.Context, args []string, stdout, _ io.Writer) error {
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	drift := driftFlag(f)
	files, err := parse(f, args, stdout, "OLD[,OLD...]", "NEW[,NEW...]")
	if err != nil {
		return err
	}
	share, err := percentage("drift", *drift)
	if err != nil {
		return err
	}
	old, new, err := readSides(files)
	if err != nil {
		return err
	}
	changes := result.Compare(old, new, "", share)
	if len(changes) == 0 {
		return fmt.Errorf("%s and %s have no scenario with a peer in common, other than what ratios are to", files[0], files[1])
	}
	unlike(stdout, old, new)
	return report.Changes(stdout, changes)
}

// driftFlag is by how much files differ although nothing has changed.
func driftFlag(f *flag.FlagSet) *string {
	return f.String("drift", fmt.Sprintf("%g%%", 100*result.Drift),
		"by how much the results of one binary differ between two files at most: what is less is no difference. The default is the most seen in eight pairs on the machine of docs/bench.md. Three files of each side or more show it themselves")
}

// percentage is the share that a flag's percentage is.
func percentage(flag, text string) (float64, error) {
	x, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !(x >= 0 && x <= 1000) {
		return 0, usagef("--%s %s: want a percentage, such as 5%%", flag, text)
	}
	return x / 100, nil
}

// readSides reads the files of both sides, each a list with commas between.
func readSides(lists []string) (old, new []*result.Report, err error) {
	for _, list := range lists {
		names := strings.Split(list, ",")
		for i, name := range names {
			// The same twice would look as if nothing ever differed.
			if names[i] = filepath.Clean(name); slices.Contains(names[:i], names[i]) {
				return nil, nil, usagef("%s is named twice in %s", name, list)
			}
		}
	}
	if old, err = readSide(lists[0]); err != nil {
		return nil, nil, err
	}
	new, err = readSide(lists[1])
	return old, new, err
}

func readSide(list string) ([]*result.Report, error) {
	var reports []*result.Report
	for name := range strings.SplitSeq(list, ",") {
		r, err := read(name)
		if err != nil {
			return nil, err
		}
		reports = append(reports, r)
	}
	return reports, nil
}

// unlike warns of a comparison of what was not measured alike.
func unlike(w io.Writer, old, new []*result.Report) {
	for _, line := range result.Unlike(slices.Concat(old, new)...) {
		fmt.Fprintln(w, "note: "+report.Plain(line))
	}
}
