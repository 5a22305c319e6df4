//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"example.com/iomux/cmd/internal/experiment"
)

func newStudyRun() *cobra.Command {
	return &cobra.Command{
		Use:   "run [NAME]",
		Short: "Make an experiment with the kernel, and see what it answers",
		Long: `Make an experiment with the kernel, and see what it answers. Without a name, list
the experiments there are.

An experiment prints the system calls that it makes, as C has them, with names in
place of the descriptors' numbers, and what came back; at the end stands what was
observed. Were that not what the course expects, the exit status is 1. The course is
in docs/study, a page for each experiment or two.`,
		Example: `  iomux study run
  iomux study run coroutine`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("surplus argument %q: one experiment at a time", args[1])
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) (words []cobra.Completion, _ cobra.ShellCompDirective) {
			for _, e := range experiment.All() {
				if len(args) == 0 {
					words = append(words, cobra.CompletionWithDesc(e.Name, e.Shows))
				}
			}
			return words, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listExperiments(cmd.OutOrStdout(), "")
			}
			return runExperiment(cmd.OutOrStdout(), args[0])
		},
	}
}

// studyOverview is what study prints alone: its help, and the experiments.
func studyOverview(study *cobra.Command) error {
	if err := study.Help(); err != nil {
		return err
	}
	w := study.OutOrStdout()
	if _, err := fmt.Fprintf(w, "\nExperiments, for \"iomux study run NAME\":\n"); err != nil {
		return fmt.Errorf("cannot print the list: %w", err)
	}
	return listExperiments(w, "  ")
}

// listExperiments prints a line for each, indented.
func listExperiments(w io.Writer, indent string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, e := range experiment.All() {
		fmt.Fprintf(table, "%s%s\t%s\n", indent, e.Name, e.Shows)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("cannot print the list: %w", err)
	}
	return nil
}

// runExperiment prints what there is of a transcript also when the experiment fails.
func runExperiment(w io.Writer, name string) error {
	e, ok := experiment.Find(name)
	if !ok {
		return usagef("no experiment %q here, see %q", name, "iomux study run")
	}
	result, err := e.Run()
	if perr := result.Print(w); perr != nil {
		return fmt.Errorf("cannot print the transcript: %w", perr)
	}
	return err
}
