//go:build linux

// Command bench measures echo and chat servers against each other: this
// project's, the standard library's, other event loops', and the least that C can
// do. All load goes over the loopback interface.
//
//	go run ./bench                  a quick suite of some three minutes
//	go run ./bench help             all that it can do
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"example.com/iomux/bench/report"
)

const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second one ends the program at once.
	context.AfterFunc(ctx, stop)
	// Who reads the output may go away; the results are in files.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	os.Exit(command(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// verb is a subcommand.
type verb struct {
	name, usage, about string

	// do returns an error of usage as errUsage.
	do func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

// verbs are all of them; the first is what is meant when none is named.
func verbs() []verb {
	return []verb{
		{"run", "[flags]", "measure; print tables; write the results and a report as a page", runVerb},
		{"list", "", "what scenarios and peers there are", listVerb},
		{"report", "[flags] RESULTS", "show results again, as tables, a page, or text for benchstat", reportVerb},
		{"versus", "[flags] DIR_OR_REVISION", "measure a peer beside its state there, and say what differs", versusVerb},
		{"compare", "[flags] OLD NEW", "say what differs between results, of one file or several each", compareVerb},
		{"gate", "[flags] [OLD NEW]", "fail if a peer is worse: than in results, or with --against than in a revision", gateVerb},
		{"selfcheck", "[flags]", "show what the suite can tell, and what its generator costs", selfcheckVerb},
		{"schema", "", "the JSON schema of results", schemaVerb},
	}
}

// errUsage wraps what is wrong with a command line.
var errUsage = errors.New("usage")

func usagef(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errUsage}, args...)...)
}

// command is main without the process around it; it returns the exit status.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	v := verbs()[0]
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		if args[0] == "help" && len(args) == 1 {
			return help(stdout)
		}
		if args[0] == "help" {
			args = []string{args[1], "--help"}
		}
		found := false
		for _, other := range verbs() {
			if other.name == args[0] {
				v, found = other, true
			}
		}
		if !found {
			fmt.Fprintf(stderr, "bench: there is no %q; bench help tells what there is\n", args[0])
			return exitUsage
		}
		args = args[1:]
	} else if len(args) > 0 && isHelp(args[0]) {
		return help(stdout)
	}
	err := v.do(ctx, args, stdout, stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "bench %s: %s\n", v.name, report.Plain(strings.TrimPrefix(err.Error(), errUsage.Error()+": ")))
		return exitUsage
	}
	text := err.Error()
	if errors.Is(err, context.Canceled) {
		text = strings.Replace(text, context.Canceled.Error(), "interrupted", 1)
	}
	fmt.Fprintf(stderr, "bench %s: %s\n", v.name, report.Plain(text))
	return exitFailure
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

func help(w io.Writer) int {
	fmt.Fprintln(w, "bench measures echo and chat servers against each other, on this machine's loopback interface.")
	fmt.Fprintln(w, "\nusage: go run ./bench [VERB] [flags]")
	fmt.Fprintln(w, "\nverbs:")
	for _, v := range verbs() {
		fmt.Fprintf(w, "  %-31s %s\n", v.name+" "+v.usage, v.about)
	}
	fmt.Fprintln(w, "\nWithout a verb it is run: a quick suite of some three minutes. bench VERB --help tells a verb's flags.")
	return 0
}

// parse reads the flags of a verb, which may stand before and behind its arguments,
// and returns these, of which there must be as many as named.
func parse(f *flag.FlagSet, args []string, stdout io.Writer, named ...string) ([]string, error) {
	found, err := parseSome(f, args, stdout, named...)
	if err != nil {
		return nil, err
	}
	return found, exactly(found, named)
}

// parseSome is parse for a verb that needs its arguments only with some flags.
func parseSome(f *flag.FlagSet, args []string, stdout io.Writer, named ...string) (found []string, err error) {
	f.SetOutput(io.Discard) // one clear line is command's to write
	for {
		err := f.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			fmt.Fprintf(stdout, "usage: go run ./bench %s\n", strings.Join(append([]string{f.Name(), "[flags]"}, named...), " "))
			f.SetOutput(stdout)
			f.PrintDefaults()
			return nil, err
		case err != nil:
			return nil, usagef("%w; try --help", err)
		case f.NArg() == 0:
			return found, nil
		}
		found, args = append(found, f.Arg(0)), f.Args()[1:]
	}
}

// exactly refuses arguments that are not as many as named.
func exactly(found, named []string) error {
	switch {
	case len(found) > len(named):
		return usagef("unknown argument %q", found[len(named)])
	case len(found) < len(named):
		return usagef("missing %s; try --help", named[len(found)])
	}
	return nil
}
