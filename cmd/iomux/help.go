//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// addHelp gives root a help command that, unlike cobra's, fails when there is no
// such command.
func addHelp(root *cobra.Command) {
	help := &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		Long:  "Explain a command, as its --help does.",
		Example: `  iomux help echo
  iomux help completion bash`,
		RunE: func(_ *cobra.Command, args []string) error {
			// Find stops at the first word that is no command.
			cmd, rest, err := root.Find(args)
			if err != nil {
				return usageError{err}
			}
			if len(rest) > 0 && cmd.HasAvailableSubCommands() {
				return knownSubcommand(cmd, rest)
			}
			if len(rest) > 0 {
				return usagef("surplus argument %q: %q has no subcommands", rest[0], cmd.CommandPath())
			}
			cmd.InitDefaultHelpFlag()
			cmd.InitDefaultVersionFlag()
			return cmd.Help()
		},
	}
	help.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) (words []cobra.Completion, _ cobra.ShellCompDirective) {
		if cmd, rest, err := root.Find(args); err == nil && len(rest) == 0 {
			for _, c := range cmd.Commands() {
				if c.IsAvailableCommand() {
					words = append(words, cobra.CompletionWithDesc(c.Name(), c.Short))
				}
			}
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
	root.SetHelpCommand(help)
}

// addCompletion gives root cobra's completion command, with examples, and
// makes it fail for an unknown shell.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	if err != nil {
		panic(err) // cobra has just added it
	}
	completion.Short = "Print a completion script for a shell"
	completion.Long = completion.Short + ".\n\nThe help of each shell's subcommand says where its script belongs."
	completion.Example = "  iomux completion bash"
	completion.Args = knownSubcommand
	completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, shell := range completion.Commands() {
		shell.Short = "Print a completion script for " + shell.Name()
		shell.Example = fmt.Sprintf("  iomux completion %[1]s\n  iomux completion %[1]s --no-descriptions", shell.Name())
		shell.Args = noArguments
	}
}
