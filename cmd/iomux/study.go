//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import "github.com/spf13/cobra"

func newStudy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "study",
		Short: "Show how an event loop works: its system calls, and why it makes them",
		Long: `Show how an event loop works: its system calls, and why it makes them.

Nothing here needs another program, nor privileges. iomux makes all its system calls
in one place, and trace and compare look over its shoulder; the experiments of run
make their own. The course to it is in docs/study.`,
		Example: `  iomux study
  iomux study trace
  iomux study compare --scenario two-clients
  iomux study run
  iomux study run coroutine`,
		Args: knownSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return studyOverview(cmd) },
	}
	cmd.AddCommand(newStudyTrace(), newStudyCompare())
	cmd.AddCommand(newStudyCost(), newStudyRun())
	return cmd
}
