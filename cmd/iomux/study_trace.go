//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"example.com/iomux/cmd/internal/study/page"
	"example.com/iomux/cmd/internal/study/scenario"
	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/cmd/internal/study/tracetext"
)

// studyTrace is what the flags of study trace say.
type studyTrace struct {
	backend  choice
	scenario choice
	html     fileName
	stable   bool
}

func newStudyTrace() *cobra.Command {
	s := studyTrace{
		backend:  choice{name: "NAME", of: scenario.Names()},
		scenario: choice{name: "NAME", of: scenarioNames(), value: "ping-pong"},
	}
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "Run a server and a client, and explain each system call of the server's loop",
		Long: `Run a server and a client, and explain each system call of the server's loop.

Each line is a call: when it began, how long it took, the phase of the loop's turn,
the call as strace shows it, with the descriptors named, what it returned, and why
the loop made it and what the answer means. Lines that begin with » are what the
client does; its own calls are not shown. Scenarios:

` + scenarioList() + `
With --stable the output is the same in every run: it has no times and no numbers
that the kernel chooses. With --html a page is written as well, to step through.`,
		Example: `  iomux study trace
  iomux study trace --backend poll --scenario two-clients
  iomux study trace --scenario slow-reader --html /tmp/slow-reader.html
  iomux study trace --stable`,
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(studyContext(cmd), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.Var(&s.scenario, "scenario", "what the client does: one of those above")
	f.Var(&s.backend, "backend", "what waits (default the best): "+orList(s.backend.of))
	f.Var(&s.html, "html", "write a page to this file, too")
	f.BoolVar(&s.stable, "stable", false, "leave out what is another in each run")
	s.backend.complete(cmd, "backend")
	s.scenario.complete(cmd, "scenario")
	return cmd
}

func scenarioNames() (names []string) {
	for _, s := range scenario.Scenarios() {
		names = append(names, s.Name)
	}
	return names
}

// scenarioList is the list for the help.
func scenarioList() string {
	var b strings.Builder
	for _, s := range scenario.Scenarios() {
		fmt.Fprintf(&b, "  %-12s  %s\n", s.Name, s.Shows)
	}
	return b.String()
}

func (s *studyTrace) run(ctx context.Context, stdout io.Writer) error {
	backend := scenario.Backend(s.backend.value)
	if backend == "" {
		backend = scenario.Default()
	}
	sc, _ := scenario.Find(s.scenario.value) // the flag takes no other
	file, err := createPage(string(s.html))  // first, so that a name that cannot be written costs no run
	if err != nil {
		return err
	}
	if file != nil {
		defer file.discard()
	}
	title := fmt.Sprintf("%s on %s: %s", sc.Name, backend, sc.Shows)
	p := tracetext.New(stdout)
	p.Stable = s.stable
	p.Text(title)
	if about := backend.About(); about != "" {
		p.Text(about)
	}
	p.Text("")
	p.Head()
	var list []*trace.Record
	err = scenario.Run(ctx, sc, backend, func(r *trace.Record) {
		p.Record(r)
		list = append(list, r)
	})
	if errors.Is(err, errors.ErrUnsupported) {
		return usagef("backend %q does not work here: %w", backend, err) // and nothing was to be shown
	}
	if err = errors.Join(err, p.Flush()); err != nil || file == nil {
		return err
	}
	return file.keep(func(w io.Writer) error {
		return page.Write(w, page.Trace{Title: title, About: backend.About(), Records: list})
	})
}

// createPage creates the file of a page; nil for no name.
func createPage(name string) (*wholeFile, error) {
	if name == "" {
		return nil, nil
	}
	f, err := openWhole(name)
	if err != nil {
		return nil, usagef("cannot write --html: %w", err)
	}
	return f, nil
}
