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
	"strings"
)

// workshop is where programs are built, and found again, until it is closed.
type workshop struct {
	src, out string
	built    map[string]error // by peer
}

func newWorkshop() (*workshop, error) {
	// Asked of the go tool, so that it works wherever in the project one stands.
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "example.com/iomux/bench").Output()
	if err != nil {
		return nil, fmt.Errorf("the peers' sources are not here: run this inside the project (%s)", reason(err))
	}
	out, err := os.MkdirTemp("", "iomux-bench-")
	if err != nil {
		return nil, err
	}
	src := filepath.Join(strings.TrimSpace(string(dir)), "peers")
	return &workshop{src, out, map[string]error{}}, nil
}

func (w *workshop) close() error { return os.RemoveAll(w.out) }

// program builds the peer, the first time it is asked for, and says where its
// program is.
func (w *workshop) program(ctx context.Context, p Peer) (string, error) {
	path := filepath.Join(w.out, p.Name)
	err, done := w.built[p.Name]
	if !done {
		err = w.build(ctx, p, path)
		w.built[p.Name] = err
	}
	return path, err
}

func (w *workshop) build(ctx context.Context, p Peer, path string) error {
	dir := filepath.Join(w.src, p.Name)
	var cmd *exec.Cmd
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		cmd = exec.CommandContext(ctx, "go", "build", "-o", path, ".")
		cmd.Env = append(os.Environ(), "GOWORK=off")
	} else {
		cc := strings.Fields(cmp.Or(os.Getenv("CC"), "cc"))
		cmd = exec.CommandContext(ctx, cc[0], append(cc[1:], "-O2", "-pthread", "-o", path, "echo.c")...)
	}
	cmd.Dir = dir
	if _, err := cmd.Output(); err != nil {
		return fmt.Errorf("cannot be built: %s", reason(err))
	}
	return nil
}

// reason is why a command failed, in one line: the first of its own that speaks
// of an error, or else its last.
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
		if strings.Contains(line, "error") {
			return strings.TrimSpace(line)
		}
	}
	return strings.TrimSpace(lines[len(lines)-1])
}
