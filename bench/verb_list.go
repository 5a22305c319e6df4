//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"example.com/iomux/bench/run"
	"example.com/iomux/bench/scenario"
)

func listVerb(_ context.Context, args []string, stdout, _ io.Writer) error {
	if _, err := parse(flag.NewFlagSet("list", flag.ContinueOnError), args, stdout); err != nil {
		return err
	}
	all, err := scenario.ParseList("all")
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "scenarios (* in the quick suite):")
	for _, s := range all {
		fmt.Fprintf(stdout, "%s %-13s %v\n", mark(scenario.Quick, s.Name), s.Name, s)
	}
	fmt.Fprintln(stdout, "\nand any that is written like one of these, with k for thousand:")
	for _, line := range scenario.Usage() {
		fmt.Fprintf(stdout, "  %s\n", line)
	}
	fmt.Fprintln(stdout, "\npeers (* in the quick suite):")
	for _, p := range run.Peers {
		var kinds []string
		for _, k := range p.Kinds {
			kinds = append(kinds, string(k))
		}
		fmt.Fprintf(stdout, "%s %-14s %s [%s]\n", mark(run.QuickPeers, p.Name), p.Name, p.About, strings.Join(kinds, " "))
	}
	return nil
}

// mark tells what is in the quick suite.
func mark(list, name string) string {
	for item := range strings.SplitSeq(list, ",") {
		if item == name {
			return "*"
		}
	}
	return " "
}
