//go:build linux

package run

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// repository is one of git's, with a peer as it is here at the tag with, another
// program at the tag other, and none at its main branch.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"} {
		t.Setenv(name, os.DevNull)
	}
	gitOf(t, dir, "init", "--quiet", "--initial-branch", "main")
	sources := filepath.Join(shop.src, "gonet")
	if err := os.CopyFS(filepath.Join(dir, "bench", "peers", "gonet"), os.DirFS(sources)); err != nil {
		t.Fatal(err)
	}
	commit(t, dir)
	gitOf(t, dir, "tag", "with")
	program := filepath.Join(dir, "bench", "peers", "gonet", "main.go")
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, bytes.ReplaceAll(text, []byte("gonet: "), []byte("other: ")), 0o600); err != nil {
		t.Fatal(err)
	}
	commit(t, dir)
	gitOf(t, dir, "tag", "other")
	if err := os.RemoveAll(filepath.Join(dir, "bench")); err != nil {
		t.Fatal(err)
	}
	commit(t, dir)
	return dir
}

func commit(t *testing.T, dir string) {
	t.Helper()
	gitOf(t, dir, "add", "--all")
	gitOf(t, dir, "-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "--allow-empty", "--message", "m")
}

func gitOf(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := git(dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// worktrees counts those of a repository, itself included.
func worktrees(t *testing.T, dir string) int {
	t.Helper()
	return strings.Count(gitOf(t, dir, "worktree", "list", "--porcelain")+"\n", "worktree ")
}

func TestCheckoutOfRevision(t *testing.T) {
	dir := repository(t)
	// A hook that fails would make git's command fail, if it ran.
	hook := filepath.Join(dir, ".git", "hooks", "post-checkout")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_DIR", "/nowhere") // as git sets it for hooks
	c, err := openCheckout(t.Context(), dir, "with")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(peersIn(c.dir), "gonet", "main.go")); err != nil || worktrees(t, dir) != 2 || !strings.HasSuffix(c.about, " (with)") {
		t.Errorf("%+v: %v, %d worktrees", c, err, worktrees(t, dir))
	}
	if old, new := beside(t, c); !strings.HasSuffix(old, "; built from "+c.about) || !strings.Contains(new, "; built from this checkout; the same program") {
		t.Errorf("%q and %q", old, new)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.dir); err == nil || worktrees(t, dir) != 1 {
		t.Errorf("%s is still there, or %d worktrees", c.dir, worktrees(t, dir))
	}
}

// beside runs a checkout's peer beside the one that is here, and returns what is
// said of both.
func beside(t *testing.T, c *Checkout) (before, after string) {
	t.Helper()
	gonet := Spec{Peer: peer(t, "gonet")}
	o := Options{Scenarios: scenarios(t, "2x8"), Rounds: 1, Duration: 5e7, Loops: 1}.Versus(c.Spec(gonet), gonet)
	o.Peers = o.Peers[1:] // a base takes a compiler
	r, err := Run(t.Context(), o, new(notebook))
	if err != nil {
		t.Fatal(err)
	}
	return r.Peers[0].About, r.Peers[1].About
}

// What is built is what was checked out.
func TestCheckoutOfAnotherProgram(t *testing.T) {
	c, err := openCheckout(t.Context(), repository(t), "other")
	if err != nil {
		t.Fatal(err)
	}
	if _, about := beside(t, c); strings.Contains(about, "the same program") {
		t.Errorf("%q", about)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestCheckoutOfDirectory(t *testing.T) {
	c, err := openCheckout(t.Context(), "/nowhere", "../..")
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := filepath.Abs("../.."); c.dir != want || c.tree != "" {
		t.Errorf("%+v, want %s", c, want)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(c.dir); err != nil {
		t.Error(err)
	}
}

// What cannot be checked out, or is no use, leaves nothing behind.
func TestNoCheckout(t *testing.T) {
	dir := repository(t)
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		want string
	}{
		"nothing":  {t.Context(), "neither a directory with this project in it nor a revision of it"},
		"--help":   {t.Context(), "neither a directory"},
		"main":     {t.Context(), "has no bench/peers"},
		"other":    {interrupted, "canceled"},
		"main~100": {t.Context(), "neither a directory"},
	} {
		t.Setenv("TMPDIR", t.TempDir())
		if got, err := openCheckout(c.ctx, dir, name); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v; want %q", name, got, err, c.want)
		}
		if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 || worktrees(t, dir) != 1 {
			t.Errorf("%s: %v is left, and %d worktrees", name, left, worktrees(t, dir))
		}
	}
}

// Should somebody have taken the directory away, git is to forget it all the same.
func TestCheckoutThatIsGone(t *testing.T) {
	dir := repository(t)
	c, err := openCheckout(t.Context(), dir, "with")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(c.dir); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil || worktrees(t, dir) != 1 {
		t.Errorf("%v, %d worktrees", err, worktrees(t, dir))
	}
}

// A Ctrl-C is sent to all of the terminal's processes; git is not to die of it in
// the middle.
func TestGitIsApart(t *testing.T) {
	group := gitOf(t, t.TempDir(), "-c", "alias.group=!ps -o pgid= -p $$", "group")
	if group = strings.TrimSpace(group); group == "" || group == strconv.Itoa(unix.Getpgrp()) {
		t.Errorf("group %q, as this process", group)
	}
}
