//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagGroup makes an empty set of flags that stand together in the help, under a
// heading, in the order in which they are added.
func flagGroup(heading string) *pflag.FlagSet {
	set := pflag.NewFlagSet(heading, pflag.ContinueOnError)
	set.SortFlags = false
	return set
}

// addGroups gives cmd flags, which its help lists group by group.
func addGroups(cmd *cobra.Command, groups ...*pflag.FlagSet) {
	for _, g := range groups {
		cmd.Flags().AddFlagSet(g)
	}
	cmd.SetUsageFunc(func(cmd *cobra.Command) error {
		others := flagGroup("Other flags")
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			for _, g := range groups {
				if g.Lookup(f.Name) != nil {
					return
				}
			}
			others.AddFlag(f)
		})
		w := cmd.OutOrStderr()
		_, err := fmt.Fprintf(w, "Usage:\n  %s\n\nExamples:\n%s\n", cmd.UseLine(), cmd.Example)
		for _, g := range append(groups[:len(groups):len(groups)], others) {
			if err == nil && g.HasAvailableFlags() {
				_, err = fmt.Fprintf(w, "\n%s:\n%s", g.Name(), g.FlagUsages())
			}
		}
		return err
	})
}
