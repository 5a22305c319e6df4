//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
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
	lines := strings.Split(harmless.String(err.Error()), "\n")
	for i, s := range lines {
		for _, finder := range []string{"reactor: ", "handover: ", "certfile: ", "ipaddr: ", "names: ", "classic: ", "socketserver: "} {
			s = strings.TrimPrefix(s, finder)
		}
		lines[i] = s
	}
	return strings.Join(lines, "; ")
}

// flagError explains what is wrong with a flag.
func flagError(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
	)
	switch {
	case errors.As(err, &unknown):
		return usagef("%w, %s", err, otherFlags(cmd, unknown.GetSpecifiedName()))
	case errors.As(err, &missing):
		f := missing.GetFlag()
		value, _ := pflag.UnquoteUsage(f)
		return usagef("%w, want --%s %s", err, f.Name, value)
	}
	return usageError{err}
}

// manyFlags are more than one wants to read in an error.
const manyFlags = 8

// otherFlags says which flags there are, when there is none of a name: those that
// it may be a misspelling of, or all, or where they are explained.
func otherFlags(cmd *cobra.Command, name string) string {
	var all, like []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		all = append(all, "--"+f.Name)
		if len(name) > 1 && distance(name, f.Name) <= 2 {
			like = append(like, "--"+f.Name)
		}
	})
	switch {
	case len(like) > 0:
		return "did you mean " + orList(like) + "?"
	case len(all) > manyFlags:
		return fmt.Sprintf("see %q", cmd.CommandPath()+" --help")
	}
	return "want " + orList(all)
}

// distance is how many bytes must be put in, taken out or exchanged to make b of a
// (Levenshtein's).
func distance(a, b string) int {
	row := make([]int, len(b)+1) // of a's bytes so far to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0] // the row above, one to the left
		row[0] = i + 1
		for j := range len(b) {
			exchanged := before
			if a[i] != b[j] {
				exchanged++
			}
			before = row[j+1]
			row[j+1] = min(exchanged, before+1, row[j]+1)
		}
	}
	return row[len(b)]
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
