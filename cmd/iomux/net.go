//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"example.com/iomux/cmd/internal/names"
)

// netTool is iomux net: what its sections have in common.
type netTool struct {
	book   *names.Book
	asJSON bool
}

func newNet(book *names.Book) *cobra.Command {
	n := &netTool{book: book}
	cmd := &cobra.Command{
		Use:   "net",
		Short: "Look up and compute addresses, networks, names and services",
		Long: `Look up and compute addresses, networks, names and services.

What is computed follows Python's ipaddress module, version 3.11, and what is looked
up the functions of its socket module. Services, protocols and localhost are known
without a look at this machine, so that the answers are the same everywhere.

A section that answers with one word prints it behind what was asked, one line each;
others print blocks of lines that begin with a key. With --json each line or
block is an object on a line of its own; numbers that may be beyond 2^53 are strings
there. An argument that cannot be right ends with status 2 and no answer, a failed
look-up with status 1, after the answers that there are.`,
		Example: `  iomux net
  iomux net ip 10.9.0.6
  iomux net network 10.9.0.0/24
  iomux net service http
  iomux net host localhost --json`,
		Args: knownSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().BoolVar(&n.asJSON, "json", false, "print objects, one a line")
	cmd.AddCommand(
		n.newIP(), n.newNetwork(), n.newHosts(), n.newInterface(),
		n.newHost(), n.newAddr(), n.newFQDN(), n.newHostname(), n.newAddrInfo(),
		n.newService(), n.newPort(), n.newProto(),
		n.newAton(), n.newNtoa(), n.newPton(), n.newNtop(),
	)
	return cmd
}

// section makes a section of what cmd says of itself. It takes at least one
// argument, which is a what.
func (n *netTool) section(cmd *cobra.Command, what string, answer func(p *printer, args []string) error) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("no %s, see %q", what, cmd.CommandPath()+" --help")
		}
		return nil
	}
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p := newPrinter(cmd.OutOrStdout(), n.asJSON)
		err := answer(p, args)
		return errors.Join(err, p.flush())
	}
	return cmd
}

// parseAll makes something of every argument before anything is printed. What
// cannot be parsed is a wrong call.
func parseAll[T any](args []string, parse func(string) (T, error)) ([]T, error) {
	list := make([]T, len(args))
	for i, s := range args {
		v, err := parse(s)
		if err != nil {
			return nil, usageError{err}
		}
		list[i] = v
	}
	return list, nil
}

// each calls f for every value, and goes on where it fails: the errors come
// together at the end.
func each[T any](list []T, f func(T) error) error {
	var failures []error
	for _, v := range list {
		if err := f(v); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}
