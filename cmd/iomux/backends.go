//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"example.com/iomux"
	"example.com/iomux/reactor"
)

// knownBackends are all there are, whether they work here or not.
var knownBackends = []iomux.Backend{iomux.Epoll, iomux.Kqueue, iomux.Poll, iomux.Select}

func backendNames() (names []string) {
	for _, b := range knownBackends {
		names = append(names, string(b))
	}
	return names
}

func newBackends() *cobra.Command {
	return &cobra.Command{
		Use:   "backends",
		Short: "Show which backends work here, and which is chosen",
		Long: `Show which backends work here, which one is chosen and why, and how a loop
waits on each. Every backend is opened to find out: a sandbox may forbid what
the kernel has.`,
		Example:           "  iomux backends",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printBackends(cmd.OutOrStdout())
		},
	}
}

// printBackends writes the table. No backend at all is an error.
func printBackends(w io.Writer) error {
	usable := iomux.Backends()
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "BACKEND\tWORKS\tWAIT\tCHOSEN\tWHY")
	for _, b := range knownBackends {
		works, wait, chosen, why := "yes", "-", "", "works here; take it with --backend "+string(b)
		if err := opens(b); err != nil {
			works, why = "no", oneLine(err)
		} else if mode, err := waitMode(b); err != nil {
			why = oneLine(err)
		} else {
			wait = mode
		}
		if len(usable) > 0 && usable[0] == b {
			chosen, why = "yes", "the best that works here: first of "+fmt.Sprint(usable)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", b, works, wait, orDash(chosen), why)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("cannot print the table: %w", err)
	}
	if len(usable) == 0 {
		return errors.New("no backend works here")
	}
	_, err := fmt.Fprintf(w, `
WAIT is how a reactor's loop waits when it has one loop a processor:
%-8s parked in Go's own poller; no thread sits in a system call
%-8s blocked in the backend's system call
`, reactor.Fair, reactor.Polite)
	return err
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// opens reports why a backend does not work.
func opens(b iomux.Backend) error {
	p, err := iomux.Open(b)
	if err != nil {
		return err
	}
	return p.Close()
}

// waitMode finds out what a loop does on a backend: Fair where that works, as a
// reactor with default options takes it then.
func waitMode(b iomux.Backend) (string, error) {
	mode := reactor.Fair
	g, err := reactor.Open(reactor.Options{Backend: b, Wait: mode})
	if errors.Is(err, reactor.ErrOption) {
		mode = reactor.Polite
		g, err = reactor.Open(reactor.Options{Backend: b, Wait: mode})
	}
	if err != nil {
		return "-", err
	}
	return string(mode), g.Shutdown(context.Background())
}
