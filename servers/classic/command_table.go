//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/iomux/internal/sys/launch"
)

// commandFunc is a command that is part of the server: it returns the output for its
// arguments, and false if it takes no such ones. None reads a file, or the environment.
type commandFunc func(args []string) (output string, ok bool)

// builtIn are the commands that are always there.
func (c *commandServer) builtIn() map[string]commandFunc {
	plain := func(f func() string) commandFunc {
		return func(args []string) (string, bool) { return f() + "\n", len(args) == 0 }
	}
	return map[string]commandFunc{
		"date": plain(func() string { return time.Now().Format(time.UnixDate) }),
		"echo": func(args []string) (string, bool) { return strings.Join(args, " ") + "\n", true },
		"hostname": func(args []string) (string, bool) {
			name, err := os.Hostname()
			return name + "\n", err == nil && len(args) == 0
		},
		"uptime": plain(func() string { return "up " + time.Since(c.began).Truncate(time.Second).String() }),
		"help":   plain(c.help),
	}
}

// help lists all commands.
func (c *commandServer) help() string {
	lines := []string{
		"date: the time of day",
		"echo WORD…: the words",
		"hostname: the name of this machine",
		"uptime: how long the server has been running",
		"help: this list",
		"exit: the end",
	}
	for _, name := range slices.Sorted(maps.Keys(c.programs)) {
		line := name + ": a program"
		if n := c.programs[name].maxArgs; n > 0 {
			line = fmt.Sprintf("%s WORD…: a program, with at most %d words", name, n)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// commandProgram is a program that was allowed.
type commandProgram struct {
	path    string // absolute, without symbolic links
	name    string // what it is told to be called: some files are several programs
	maxArgs int
}

// commandName is how programs may be called.
var commandName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// commandShells would be what the original is; the last two are shells and all else. It
// is no list of all that run what they are told to.
var commandShells = []string{"sh", "ash", "bash", "csh", "dash", "fish", "ksh", "mksh", "rbash", "tcsh", "zsh", "busybox", "toybox"}

// allow takes in the programs, and who they run as.
func (c *commandServer) allow(f *commandFlags) error {
	c.programs = map[string]commandProgram{}
	for _, s := range f.allow {
		name, p, err := parseAllowed(s)
		if err != nil {
			return refuseCommand("allow %q: %w", s, err)
		}
		_, twice := c.programs[name]
		if _, taken := c.table[name]; taken || twice || name == commandExit {
			return refuseCommand("allow %q: there is a command %q already", s, name)
		}
		c.programs[name] = p
	}
	if len(c.programs) == 0 {
		for _, set := range []struct {
			flag string
			is   bool
		}{{"user", f.user != ""}, {"as-root", f.asRoot}} {
			if set.is {
				return refuseCommand("%s is about programs, and none is allowed", set.flag)
			}
		}
		return nil
	}
	if !launch.Ready() {
		return refuseCommand("programs cannot be allowed, since main does not begin with LaunchCommand")
	}
	if info, err := os.Stat(f.dir); err != nil || !info.IsDir() || !filepath.IsAbs(f.dir) {
		return refuseCommand("dir %q is not the absolute path of a directory", f.dir)
	}
	who, err := commandUser(f.user, f.asRoot)
	if err != nil {
		return err
	}
	c.launch = launch.Program{
		Env:  []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8"},
		Dir:  f.dir,
		User: who,
		Limits: launch.Limits{
			// By the clock it has less; this is for what is left if the server is gone.
			CPU:       int64(f.timeLimit/time.Second) + 2,
			Memory:    f.memory,
			Processes: f.processes,
		},
	}
	return nil
}

// parseAllowed reads NAME=/PATH[:ARGUMENTS], and looks at the file.
func parseAllowed(s string) (name string, p commandProgram, err error) {
	name, p.path, _ = strings.Cut(s, "=")
	if !commandName.MatchString(name) {
		return "", p, errors.New("want NAME=/PATH[:ARGUMENTS], where NAME has letters, digits, dots, _ and -")
	}
	if i := strings.LastIndexByte(p.path, ':'); i >= 0 {
		if p.maxArgs, err = strconv.Atoi(p.path[i+1:]); err != nil || p.maxArgs < 0 || p.maxArgs > commandMax {
			return "", p, fmt.Errorf("%q is no number of arguments, want 0 to %d", p.path[i+1:], commandMax)
		}
		p.path = p.path[:i]
	}
	if !filepath.IsAbs(p.path) || filepath.Clean(p.path) != p.path {
		return "", p, errors.New("want the program's absolute path, without . and .. in it")
	}
	p.name = filepath.Base(p.path)
	if p.path, err = filepath.EvalSymlinks(p.path); err != nil {
		return "", p, err
	}
	// ls may be a link to busybox, and sh one to dash.
	real := filepath.Base(p.path)
	// The name is what the program is called by, and what busybox goes by.
	if slices.Contains(commandShells, name) || slices.Contains(commandShells, p.name) || slices.Contains(commandShells, real) && real != "busybox" && real != "toybox" {
		return "", p, errors.New("it is a shell, which runs anything")
	}
	return name, p, checkProgram(p.path)
}

// checkProgram refuses a file that is not to be run, or that others could replace.
func checkProgram(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return fmt.Errorf("%s is no program", path)
	case info.Mode()&0o022 != 0:
		return fmt.Errorf("%s can be written by others than its owner (%v)", path, info.Mode())
	case !trusted(info):
		return fmt.Errorf("%s belongs to neither root nor this user", path)
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		switch {
		case err != nil:
			return err
		case info.Mode()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0:
			return fmt.Errorf("others can replace what is in %s (%v)", dir, info.Mode())
		case !trusted(info):
			return fmt.Errorf("%s belongs to neither root nor this user", dir)
		case dir == filepath.Dir(dir):
			return nil
		}
	}
}

// trusted reports whether a file is root's or this user's, who may run what they like
// anyway.
func trusted(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid())
}

// commandUser is who programs run as; nil is who the server is.
func commandUser(name string, asRoot bool) (*launch.User, error) {
	root := os.Geteuid() == 0
	switch {
	case name == "" && root && !asRoot:
		return nil, refuseCommand("programs would run as root, which needs user, or as-root")
	case name == "":
		return nil, nil
	case !root:
		return nil, refuseCommand("only a server of root's can run programs as user %q", name)
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, refuseCommand("user: %w", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	switch {
	case err1 != nil || err2 != nil:
		return nil, refuseCommand("user %q has number %q, group %q", name, u.Uid, u.Gid)
	case (uid == 0 || gid == 0) && !asRoot:
		return nil, refuseCommand("user %q is root, or of its group, which needs as-root", name)
	}
	return &launch.User{UID: uint32(uid), GID: uint32(gid)}, nil
}
