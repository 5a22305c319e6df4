//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/iomux/reactor"
	"example.com/iomux/servers/classic"
	"example.com/iomux/servers/socketserver"
)

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve NAME",
		Short: "Serve one of the classic servers of tutorials on sockets",
		Long: `Serve one of the classic servers that tutorials on sockets and socketserver are
made of. They listen where the tutorials' do, but let in this machine alone, and
say the same on the wire; what an original leaves to luck has a limit here.
Without a name it lists them.

With --transcript a server prints the lines that its original prints.`,
		Example: `  iomux serve
  iomux serve chat --help`,
		Args: knownServer,
		RunE: func(cmd *cobra.Command, _ []string) error { return listServers(cmd.OutOrStdout()) },
	}
	for _, e := range classic.Servers() {
		cmd.AddCommand(newClassic(e))
	}
	return cmd
}

// knownServer refuses a name that no server has.
func knownServer(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, e := range classic.Servers() {
		names = append(names, e.Name)
	}
	return usagef("unknown server %q, want %s", args[0], orList(names))
}

// listServers prints what iomux serve can serve.
func listServers(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tADDRESS\tOVER\tWHAT IT DOES")
	for _, e := range classic.Servers() {
		address, over := where(e.Listen)
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", e.Name, orDash(address), orDash(over), e.About)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("cannot print the list: %w", err)
	}
	return nil
}

// where says in few words where URLs are: one address, then more ports of the same
// host, and what is spoken there.
func where(urls []string) (address, over string) {
	var places, schemes []string
	for _, url := range urls {
		scheme, _, _ := strings.Cut(url, ":")
		_, at, err := reactor.SplitURL(url)
		if err != nil {
			panic(err) // it is in the table of servers
		}
		if len(places) > 0 {
			host := at[:strings.LastIndexByte(at, ':')]
			if strings.HasPrefix(places[0], host+":") && at != places[0] {
				at = at[len(host):]
			}
		}
		if !slices.Contains(places, at) {
			places = append(places, at)
		}
		if !slices.Contains(schemes, scheme) {
			schemes = append(schemes, scheme)
		}
	}
	return strings.Join(places, " "), strings.Join(schemes, " ")
}

// newClassic is the subcommand of a server.
func newClassic(e classic.Entry) *cobra.Command {
	s := &classicServer{entry: e}
	cmd := &cobra.Command{
		Use:               e.Name,
		Short:             strings.ToUpper(e.About[:1]) + e.About[1:],
		Long:              classicHelp(e),
		Example:           classicExamples(e),
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(cmd.Flags().Changed, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	s.addFlags(cmd)
	return cmd
}

// classicHelp explains what a server has.
func classicHelp(e classic.Entry) string {
	help := strings.ToUpper(e.About[:1]) + e.About[1:] + ".\n"
	if len(e.Listen) == 0 {
		return help + `
It is no server: it plays the scene, prints it, and ends.`
	}
	if e.More != "" {
		help += "\n" + e.More + "\n"
	}
	address, over := where(e.Listen)
	help += fmt.Sprintf(`
It listens at %s (%s), unless --listen says where, and prints a line
such as "listening %s" for each address once clients can connect.
`, address, over, e.Listen[0])
	if len(e.Modes) > 0 {
		help += "\nA request is served as --mode says:\n"
		for _, m := range e.Modes {
			help += fmt.Sprintf("  %-7s %s\n", m, modeHelp[m])
		}
	}
	return help + `
SIGINT, SIGTERM or SIGHUP ends it: nobody is let in any more, what has arrived is
answered for as long as --drain-timeout, and it exits with 0. A second signal ends
it at once, with 1. The log goes to standard error.`
}

// modeHelp explains the modes.
var modeHelp = map[socketserver.Mode]string{
	socketserver.Loop:      "as a coroutine on a loop, beside all others",
	socketserver.Sync:      "while all others wait",
	socketserver.Threading: "by a goroutine of its own",
	socketserver.Forking:   "by a process of its own",
}

// classicExamples are calls that make sense.
func classicExamples(e classic.Entry) string {
	call := "  iomux serve " + e.Name
	lines := []string{call}
	switch {
	case len(e.Listen) == 0:
		lines = append(lines, call+" --backend poll")
	case e.Name == "multicast":
		lines = append(lines, call+" --transcript", call+" --send")
	case len(e.Modes) > 1:
		lines = append(lines, fmt.Sprintf("%s --mode %s --transcript", call, e.Modes[1]))
	default:
		lines = append(lines, call+" --transcript")
	}
	return strings.Join(lines, "\n")
}

// ownGroup is the flags that only this server has, and the one that all have.
func (s *classicServer) ownGroup() *pflag.FlagSet {
	own := flag.NewFlagSet(s.entry.Name, flag.ContinueOnError)
	s.start = s.entry.Setup(own)
	g := flagGroup("This server")
	g.AddGoFlagSet(own)
	if s.listens() {
		g.BoolVar(&s.transcript, "transcript", false, "print what its original prints, on standard output")
	}
	return g
}
