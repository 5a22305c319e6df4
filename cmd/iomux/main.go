//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"example.com/iomux/cmd/internal/names"
	"example.com/iomux/servers/classic"
)

func main() {
	classic.Main() // if this process is to serve a request of iomux serve --mode fork, it ends there
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process around it; it returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteC()
	if err != nil {
		fmt.Fprintf(stderr, "%s: %s\n", cmd.CommandPath(), oneLine(err))
	}
	return exitStatus(err)
}

// newRoot puts the program together.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "iomux",
		Short: "Servers on one event loop a core, and a client for them",
		Long: `Servers on one event loop a core, and a client for them.

Addresses are URLs such as tcp://127.0.0.1:7000, udp://[::1]:7000 or
unix:///run/echo.sock; port 0 lets the kernel choose. Logs go to standard error.
The exit status is 0 for success, 1 for a failure and 2 for a call that cannot be
right.`,
		Example: `  iomux echo
  iomux connect tcp://127.0.0.1:7000
  iomux backends`,
		Version: version(),
		// Errors are one line, and run prints it.
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownSubcommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("iomux {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newEcho(), newConnect(), newBackends(), newNet(names.System()), newServe(), newChat(), newStudy())
	addHelp(root)
	addCompletion(root)
	return root
}

// version says what was built, with what, for what.
func version() string {
	v := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		v = info.Main.Version
	}
	return fmt.Sprintf("%s, %s, %s/%s", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
