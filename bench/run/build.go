//go:build linux

package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// workshop is where programs are built, and found again, until it is closed.
type workshop struct {
	src, out string
	built    map[product]made
}

// product is a peer, and where its sources are.
type product struct{ peers, name string }

// made is what became of a peer: the words that run it and its version, or why
// there is none.
type made struct {
	command []string
	version string
	err     error
}

func newWorkshop() (*workshop, error) {
	dir, err := sources()
	if err != nil {
		return nil, err
	}
	out, err := os.MkdirTemp("", "iomux-bench-")
	if err != nil {
		return nil, err
	}
	w := &workshop{filepath.Join(dir, "peers"), out, map[product]made{}}
	for _, peers := range []string{"", w.src} {
		if err := os.Mkdir(w.programs(peers), 0o755); err != nil {
			return nil, errors.Join(err, w.close())
		}
	}
	return w, nil
}

// sources is this module's directory. The go tool is asked for it, so that it
// works wherever in the project one stands.
func sources() (string, error) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "example.com/iomux/bench").Output()
	if err != nil {
		return "", fmt.Errorf("the peers' sources are not here: run this inside the project (%s)", reason(err))
	}
	return strings.TrimSpace(string(dir)), nil
}

// programs is where those go whose sources are there. Both names are of the same
// length: a program's name lies on its stack, and what lies where has its price.
func (w *workshop) programs(peers string) string {
	if peers == "" {
		return filepath.Join(w.out, "here")
	}
	return filepath.Join(w.out, "else")
}

func (w *workshop) close() error { return os.RemoveAll(w.out) }

// make builds the peer, the first time it is asked for.
func (w *workshop) make(ctx context.Context, p Peer) made {
	key := product{p.recipe.peers, p.Name}
	m, done := w.built[key]
	if !done {
		m = w.build(ctx, p)
		m.command = append(m.command, p.recipe.flags...)
		w.built[key] = m
	}
	return m
}

func (w *workshop) build(ctx context.Context, p Peer) made {
	dir := filepath.Join(cmp.Or(p.recipe.peers, w.src), p.recipe.dir)
	program := filepath.Join(w.programs(p.recipe.peers), p.Name)
	switch filepath.Ext(p.recipe.source) {
	case ".c":
		return w.compile(ctx, p.recipe, dir, program)
	case ".py":
		return interpreted(ctx, p.recipe, dir)
	}
	// The same sources are to make the same program, wherever they lie.
	args := []string{"build", "-trimpath", "-buildvcs=false", "-o", program}
	if p.recipe.tags != "" {
		args = append(args, "-tags", p.recipe.tags)
	}
	if _, err := output(ctx, dir, "go", append(args, ".")...); err != nil {
		return made{err: fmt.Errorf("cannot be built: %s", reason(err))}
	}
	return made{command: []string{program}, version: moduleVersion(ctx, p.recipe, dir)}
}

// moduleVersion is the version of the library that the peer is about.
func moduleVersion(ctx context.Context, r recipe, dir string) string {
	switch r.module {
	case "":
		return ""
	case "std":
		return runtime.Version()
	}
	v, err := output(ctx, dir, "go", "list", "-m", "-f", "{{.Version}}", r.module)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(v)
}

func (w *workshop) compile(ctx context.Context, r recipe, dir, program string) made {
	cc := compiler()
	args := append(cc[1:], "-O2", "-pthread", "-o", program, r.source)
	if _, err := output(ctx, dir, cc[0], append(args, r.libs...)...); err != nil {
		return made{err: fmt.Errorf("cannot be built: %s", reason(err))}
	}
	version := compilerVersion(ctx)
	if len(r.libs) > 0 {
		name := "lib" + strings.TrimPrefix(r.libs[0], "-l")
		if v, err := output(ctx, dir, "pkg-config", "--modversion", name); err == nil {
			version = name + " " + strings.TrimSpace(v)
		}
	}
	return made{command: []string{program}, version: version}
}

// compiler is the words that call the C compiler.
func compiler() []string { return strings.Fields(cmp.Or(os.Getenv("CC"), "cc")) }

func compilerVersion(ctx context.Context) string {
	v, err := output(ctx, "", compiler()[0], "--version")
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(v, "\n")
	return line
}

// interpreters are the Pythons to try: the system's often has modules that
// another, which comes first in PATH, has not.
var interpreters = []string{"python3", "/usr/bin/python3"}

// interpreted finds a Python that has the module which the program needs.
func interpreted(ctx context.Context, r recipe, dir string) made {
	var errs []error
	for _, python := range interpreters {
		v, err := output(ctx, dir, python, "-c", "import sys, "+r.module+"; print(sys.executable, sys.version.split()[0], getattr("+r.module+", '__version__', ''), sep='\\n')")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		// What was called may be a script that looks for the real one.
		lines := strings.Split(v, "\n")
		version := "Python " + lines[1]
		if lines[2] != "" {
			version = r.module + " " + lines[2] + ", " + version
		}
		return made{command: []string{lines[0], filepath.Join(dir, r.source)}, version: version}
	}
	return made{err: fmt.Errorf("needs Python 3 with its module %s: %s", r.module, reason(errs[0]))}
}

// output runs a command outside the workspace, which the peers are not part of.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0") // Go peers need no C compiler
	out, err := cmd.Output()
	return string(out), err
}

// reason is why a command failed, in one line: the first of its own that speaks
// of an error, or of a place in a program, or else its last.
func reason(err error) string {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err.Error()
	}
	said := strings.TrimSpace(string(exit.Stderr))
	if said == "" {
		return err.Error()
	}
	lines := strings.Split(said, "\n")
	for _, line := range lines {
		if strings.Contains(line, "error") || strings.Contains(line, ".go:") {
			return strings.TrimSpace(line)
		}
	}
	return strings.TrimSpace(lines[len(lines)-1])
}
