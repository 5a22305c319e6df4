//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/iomux/cmd/internal/harmless"
	"example.com/iomux/reactor"
)

// Exit statuses.
const (
	exitFailure = 1
	exitUsage   = 2
)

// usageError is a mistake in how the program was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// exitStatus is what an error makes of the process.
func exitStatus(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage), errors.Is(err, reactor.ErrAddress), errors.Is(err, reactor.ErrOption):
		return exitUsage
	}
	return exitFailure
}

// oneLine is an error as a user reads it: on one line, whatever it quotes, and
// without the package that found it in front.
func oneLine(err error) string {
	s := strings.TrimPrefix(err.Error(), "reactor: ")
	return strings.ReplaceAll(harmless.String(s), "\n", "; ")
}

// flagError explains what is wrong with a flag.
func flagError(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
	)
	switch {
	case errors.As(err, &unknown):
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		return usagef("%w, want %s", err, orList(names))
	case errors.As(err, &missing):
		f := missing.GetFlag()
		value, _ := pflag.UnquoteUsage(f)
		return usagef("%w, want --%s %s", err, f.Name, value)
	}
	return usageError{err}
}

// noArguments refuses surplus arguments.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("surplus argument %q: it takes flags only, see %q", args[0], cmd.CommandPath()+" --help")
	}
	return nil
}

// knownSubcommand refuses the arguments of a command that only has subcommands.
func knownSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
		return usagef("unknown command %q, did you mean %s?", args[0], orList(names))
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usagef("unknown command %q, want %s", args[0], orList(names))
}

// orList joins words as in "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// choice is a flag that takes one of a few words.
type choice struct {
	name  string // of what it is, in the help
	value string
	of    []string
}

func (c *choice) String() string { return c.value }

func (c *choice) Type() string { return c.name }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.of, s) {
		return fmt.Errorf("want %s", orList(c.of))
	}
	c.value = s
	return nil
}

// addChoice gives cmd a flag that takes one of a few words and completes them.
func addChoice(cmd *cobra.Command, c *choice, name, usage string) {
	cmd.Flags().Var(c, name, usage+": "+orList(c.of))
	complete := cobra.FixedCompletions(c.of, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
		panic(err) // there is no such flag, or it is completed already
	}
}
