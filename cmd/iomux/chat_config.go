//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/spf13/cobra"

	"example.com/iomux/reactor"
	"example.com/iomux/servers/chat"
)

func newChatConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show or check the settings of a chat",
		Long: `Show or check the settings of iomux chat. A setting is called the same everywhere:
the flag --max-text, the variable IOMUX_CHAT_MAX_TEXT and the line "max-text = 2000"
of a file of TOML, which --config or IOMUX_CHAT_CONFIG names. A flag comes before
a variable, a variable before the file, the file before the default. A list is
["a", "b"] in the file, and "a,b" in a variable. A variable that is empty says
nothing; a line of the file must be a setting.

The token that all share may be in IOMUX_CHAT_TOKEN. Secrets have no flags.`,
		Example: `  iomux chat config print
  iomux chat config check chat.toml`,
		Args: knownSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newChatConfigPrint(), newChatConfigCheck())
	return cmd
}

func newChatConfigPrint() *cobra.Command {
	var s chatServer
	cmd := &cobra.Command{
		Use:   "print",
		Short: "Show every setting, its value, and where it comes from",
		Long: `Show every setting, its value, and where it comes from, as a file that --config
takes. Whoever starts iomux chat with the same flags and variables gets these.`,
		Example: `  iomux chat config print
  iomux chat config print --name "the cellar" --max-text 500`,
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := s.fill(cmd)
			if err != nil {
				return err
			}
			if err := settings.Print(cmd.OutOrStdout(), s.groups); err != nil {
				return err
			}
			if tokenGiven() {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "# %s is set, and not shown\n", tokenVariable)
			}
			return err
		},
	}
	s.addFlags(cmd)
	return cmd
}

func newChatConfigCheck() *cobra.Command {
	var s chatServer
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check the settings, and the files that they name",
		Long: `Check the settings, with FILE as --config has it, and the files that they name:
certificates, users, tokens. The exit status is 0 if iomux chat would start with them,
as far as can be told before it does, and 2 if not, with a line for each fault.`,
		Example: `  iomux chat config check
  iomux chat config check chat.toml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("surplus argument %q: it takes one file", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if err := s.config.Set(args[0]); err != nil {
					return usageError{err}
				}
			}
			faults := s.faults(cmd)
			if len(faults) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "the settings are good")
				return err
			}
			last := len(faults) - 1
			for _, err := range faults[:last] {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", cmd.CommandPath(), oneLine(err))
			}
			return usageError{faults[last]}
		},
	}
	s.addFlags(cmd)
	return cmd
}

// faults are all that is wrong with the settings.
func (s *chatServer) faults(cmd *cobra.Command) []error {
	if _, err := s.fill(cmd); err != nil {
		return split(err)
	}
	faults := split(s.check())
	log := slog.New(slog.DiscardHandler)
	o, err := s.options()
	faults = append(faults, split(err)...)
	o.Auth, err = s.people.load()
	faults = append(faults, split(err)...)
	if s.tls.check() == nil { // else it is among the faults already
		_, err = s.tls.load(log)
		faults = append(faults, split(err)...)
	}
	if len(faults) > 0 {
		return faults
	}
	return split(possible(o, log))
}

// possible tries whether there can be a chat with these options.
func possible(o chat.Options, log *slog.Logger) error {
	g, err := reactor.Open(reactor.Options{Loops: 1, Logger: log})
	if err != nil {
		return err
	}
	o.Logger = log
	_, err = chat.New(g, o)
	return errors.Join(chatError(err), g.Shutdown(context.Background()))
}

// split takes apart what errors.Join has put together.
func split(err error) []error {
	var usage usageError
	if errors.As(err, &usage) && usage.Unwrap() != nil {
		if _, joined := usage.error.(interface{ Unwrap() []error }); joined {
			err = usage.error
		}
	}
	if list, joined := err.(interface{ Unwrap() []error }); joined {
		return slices.Clone(list.Unwrap())
	}
	if err == nil {
		return nil
	}
	return []error{err}
}
