//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"example.com/iomux/cmd/internal/study/compare"
	"example.com/iomux/cmd/internal/study/scenario"
	"example.com/iomux/cmd/internal/study/trace"
)

func newStudyCompare() *cobra.Command {
	which := choice{name: "NAME", of: scenarioNames(), value: "ping-pong"}
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Run the same client against every backend, and show the calls side by side",
		Long: `Run the same client against every backend, and show the calls side by side.

Each column is a backend, each row a call of the server, with what came of it behind
the arrow. A row begins with ≠ where a backend makes a call that another does not, or
gets another answer. What poll and select have in brackets is how many entries they
pass to the kernel. Times are not shown: the output is the same in every run.
Scenarios:

` + scenarioList(),
		Example: `  iomux study compare
  iomux study compare --scenario two-clients`,
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return compareBackends(studyContext(cmd), which.value, cmd.OutOrStdout())
		},
	}
	cmd.Flags().Var(&which, "scenario", "what the client does: one of those above")
	which.complete(cmd, "scenario")
	return cmd
}

// studyContext is the command's, which has none where it is run without.
func studyContext(cmd *cobra.Command) context.Context {
	if ctx := cmd.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}

func compareBackends(ctx context.Context, name string, w io.Writer) error {
	sc, _ := scenario.Find(name) // the flag takes no other
	if _, err := fmt.Fprintf(w, "%s: %s\n", sc.Name, sc.Shows); err != nil {
		return err
	}
	var columns []compare.Column
	for _, name := range scenario.Names() {
		b := scenario.Backend(name)
		note := b.About()
		if err := b.Here(); err != nil {
			note = fmt.Sprintf("%s does not work here and is left out: %s", name, oneLine(err))
		} else {
			c := compare.Column{Backend: name}
			if err := scenario.Run(ctx, sc, b, func(r *trace.Record) { c.Records = append(c.Records, r) }); err != nil {
				return err
			}
			columns = append(columns, c)
		}
		if note != "" {
			if _, err := fmt.Fprintln(w, note); err != nil {
				return err
			}
		}
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return compare.Write(w, columns)
}
