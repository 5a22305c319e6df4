//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Checkout is another state of this project's sources, which peers can be built
// from.
type Checkout struct {
	dir   string // its top
	about string // what state it is
	tree  string // whose worktree dir is; "" if dir was there before
}

// OpenCheckout finds the sources in the directory of that name, or else checks out
// the revision of that name, into a directory of its own that is there until Close.
func OpenCheckout(ctx context.Context, name string) (*Checkout, error) {
	bench, err := sources()
	if err != nil {
		return nil, err
	}
	return openCheckout(ctx, filepath.Dir(bench), name)
}

func openCheckout(ctx context.Context, tree, name string) (*Checkout, error) {
	if info, err := os.Stat(peersIn(name)); err == nil && info.IsDir() {
		dir, err := filepath.Abs(name)
		return &Checkout{dir: dir, about: strings.TrimSpace(name + " " + revision(ctx, dir))}, err
	}
	commit, err := git(tree, "rev-parse", "--verify", "--quiet", "--short=12", name+"^{commit}")
	if err != nil {
		return nil, fmt.Errorf("%s is neither a directory with this project in it nor a revision of it", name)
	}
	dir, err := os.MkdirTemp("", "iomux-bench-")
	if err != nil {
		return nil, err
	}
	// Not to be broken off: half of it would be harder to remove than all.
	if _, err := git(tree, "worktree", "add", "--detach", "--quiet", dir, commit); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	c := &Checkout{dir, commit, tree}
	if name != commit {
		c.about = fmt.Sprintf("%s (%s)", commit, name)
	}
	err = ctx.Err()
	if _, none := os.Stat(peersIn(dir)); err == nil && none != nil {
		err = fmt.Errorf("%s has no %s", name, peersIn(""))
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// peersIn is where the peers are in a checkout.
func peersIn(dir string) string { return filepath.Join(dir, "bench", "peers") }

// Close removes what was checked out.
func (c *Checkout) Close() error {
	if c.tree == "" {
		return nil
	}
	_, err := git(c.tree, "worktree", "remove", "--force", c.dir)
	return errors.Join(err, os.RemoveAll(c.dir))
}

// Spec is the peer, built from the checkout.
func (c *Checkout) Spec(s Spec) Spec {
	s.Peer.recipe.peers, s.from = peersIn(c.dir), c.about
	return s
}

// git runs a command of git's. It is not this terminal's Ctrl-C that ends it, and
// it runs no hooks: what they would do is none of ours.
func git(tree string, args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-C", tree, "-c", "core.hooksPath=/dev/null"}, args...)...)
	// In a hook these would name what is being committed.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return name == "GIT_DIR" || name == "GIT_WORK_TREE" || name == "GIT_INDEX_FILE"
	})
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %s", args[0], reason(err))
	}
	return strings.TrimSpace(string(out)), nil
}
