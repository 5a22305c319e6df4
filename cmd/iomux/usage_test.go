//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"example.com/iomux"
)

// isOneLine reports whether s is one line and nothing else.
func isOneLine(s string) bool {
	return strings.Count(s, "\n") == 1 && strings.HasSuffix(s, "\n") && len(s) > 1
}

// A call that cannot be right exits with 2, what fails exits with 1, and both
// say on one line what is wrong with which value and what would be right.
func TestBadCalls(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() }) // after the subtests, which run side by side
	inUse := "tcp://" + taken.Addr().String()

	echo := func(args ...string) []string { return append([]string{"echo"}, args...) }
	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   []string
	}{
		{"unknown command", []string{"eco"}, 2, []string{`"eco"`, "did you mean echo?"}},
		{"command like nothing", []string{"frobnicate"}, 2, []string{`"frobnicate"`, "backends, completion, connect or echo"}},
		{"unknown flag of the program", []string{"--frob"}, 2, []string{"--frob", "--help", "--version"}},
		{"unknown flag", echo("--lops", "2"), 2, []string{"--lops", "--loops"}},
		{"unknown short flag", echo("-x"), 2, []string{"-x", "--listen"}},
		{"flag without value", echo("--listen"), 2, []string{"--listen URL"}},
		{"bad flag syntax", echo("--=x"), 2, []string{"--=x"}},
		{"surplus argument", echo("tcp://127.0.0.1:0"), 2, []string{`"tcp://127.0.0.1:0"`, "echo --help"}},
		{"unknown backend", echo("--backend", "iocp"), 2, []string{`"iocp"`, "epoll, kqueue, poll or select"}},
		{"empty backend", echo("--backend="), 2, []string{`""`, "epoll, kqueue, poll or select"}},
		{"no loops", echo("--loops", "0"), 2, []string{`"0"`, "1 to 1024"}},
		{"negative loops", echo("--loops", "-1"), 2, []string{`"-1"`, "1 to 1024"}},
		{"too many loops", echo("--loops", "100000"), 2, []string{`"100000"`, "1 to 1024"}},
		{"loops that are no number", echo("--loops", "many"), 2, []string{`"many"`, "1 to 1024"}},
		{"log format", echo("--log-format", "xml"), 2, []string{`"xml"`, "text or json"}},
		{"log level", echo("--log-level", "loud"), 2, []string{`"loud"`, "debug, info, warn or error"}},
		{"other scheme", echo("--listen", "http://127.0.0.1:7000"), 2, []string{"http://127.0.0.1:7000", "tcp://HOST:PORT"}},
		{"udp", echo("--listen", "udp://127.0.0.1:7000"), 2, []string{"udp://127.0.0.1:7000", "not supported yet", "tcp://HOST:PORT"}},
		{"unix", echo("--listen", "unix:///tmp/x.sock"), 2, []string{"unix:///tmp/x.sock", "not supported yet", "tcp://HOST:PORT"}},
		{"no scheme", echo("--listen", "127.0.0.1:7000"), 2, []string{`"127.0.0.1:7000"`, "tcp://HOST:PORT"}},
		{"empty address", echo("--listen", ""), 2, []string{`""`, "tcp://HOST:PORT"}},
		{"no port", echo("--listen", "tcp://127.0.0.1"), 2, []string{`"tcp://127.0.0.1"`, "0 lets the kernel choose"}},
		{"no host", echo("--listen", "tcp://:7000"), 2, []string{`"tcp://:7000"`, "127.0.0.1"}},
		{"port too large", echo("--listen", "tcp://127.0.0.1:99999"), 2, []string{"99999", "65535"}},
		{"port that is a word", echo("--listen", "tcp://127.0.0.1:echo"), 2, []string{"echo", "tcp://HOST:PORT"}},
		{"path", echo("--listen", "tcp://127.0.0.1:7000/x"), 2, []string{"tcp://127.0.0.1:7000/x", "HOST:PORT"}},
		{"newline", echo("--listen", "tcp://127.0.0.1:7000\nx"), 2, []string{"tcp://HOST:PORT"}},
		{"name that does not resolve", echo("--listen", "tcp://host.invalid:7000"), 2, []string{"host.invalid", "does not resolve"}},
		{"address of another machine", echo("--listen", "tcp://192.0.2.1:7000"), 1, []string{"tcp://192.0.2.1:7000", "no network interface here has it"}},
		{"port in use", echo("--listen", inUse), 1, []string{inUse, "choose another port, or 0"}},
		{"second port in use", echo("--listen", "tcp://127.0.0.1:0", "--listen", inUse), 1, []string{inUse, "choose another port, or 0"}},

		{"nothing to connect to", []string{"connect"}, 2, []string{"no URL", "tcp://127.0.0.1:7000"}},
		{"two to connect to", []string{"connect", inUse, "tcp://127.0.0.1:2"}, 2, []string{"tcp://127.0.0.1:2"}},
		{"connect by another scheme", []string{"connect", "http://127.0.0.1"}, 2, []string{"http://127.0.0.1", "tcp://HOST:PORT"}},
		{"connect by udp", []string{"connect", "udp://127.0.0.1:7000"}, 2, []string{"udp://127.0.0.1:7000", "not supported yet"}},
		{"connect to port 0", []string{"connect", "tcp://127.0.0.1:0"}, 2, []string{"tcp://127.0.0.1:0", "between 1 and 65535"}},
		{"connect to no host", []string{"connect", "tcp://:7000"}, 2, []string{"tcp://:7000", "no host"}},
		{"connect to no port", []string{"connect", "tcp://127.0.0.1"}, 2, []string{"tcp://127.0.0.1", "no port"}},
		{"connect to what is no URL", []string{"connect", "127.0.0.1:7000"}, 2, []string{"127.0.0.1:7000", "tcp://HOST:PORT"}},
		{"connect to a name that does not resolve", []string{"connect", "tcp://host.invalid:7000"}, 1, []string{"tcp://host.invalid:7000"}},
		{"escape sequence in a name", []string{"connect", "\x1b[31mtcp:"}, 2, []string{`\x1b[31m`}},

		{"backends with an argument", []string{"backends", "epoll"}, 2, []string{`"epoll"`, "backends --help"}},
		{"unknown shell", []string{"completion", "tcsh"}, 2, []string{`"tcsh"`, "zsh"}},
		{"shell with an argument", []string{"completion", "bash", "x"}, 2, []string{`"x"`}},
		{"help for nothing", []string{"help", "nothing"}, 2, []string{`"nothing"`, "echo"}},
		{"help for an argument", []string{"help", "echo", "x"}, 2, []string{`"x"`, "iomux echo"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			check(t, call(t, "", c.args...), c.status, c.says)
		})
	}
	t.Run("backend that this system has not", func(t *testing.T) {
		b := missingBackend(t)
		check(t, call(t, "", "echo", "--backend", b, "--listen", "tcp://127.0.0.1:0"), 1,
			[]string{fmt.Sprintf("%q", b), "does not work here", string(iomux.Backends()[0])})
	})
	t.Run("nothing listens", func(t *testing.T) {
		// A port that was free a moment ago and is not listened on.
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer syscall.Close(fd)
		if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Fatal(err)
		}
		name, err := syscall.Getsockname(fd)
		if err != nil {
			t.Fatal(err)
		}
		url := fmt.Sprintf("tcp://127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
		check(t, call(t, "", "connect", url), 1, []string{url, "nothing listens there"})
	})
}

// check holds a failed call against what it should have done.
func check(t *testing.T, r result, status int, says []string) {
	t.Helper()
	if r.status != status {
		t.Errorf("exit status %d, want %d", r.status, status)
	}
	if r.stdout != "" {
		t.Errorf("standard output: %q", r.stdout)
	}
	if !isOneLine(r.stderr) || !strings.HasPrefix(r.stderr, "iomux") || strings.Contains(r.stderr, "\x1b") {
		t.Errorf("standard error is not one plain line:\n%s", r.stderr)
	}
	for _, s := range says {
		if !strings.Contains(r.stderr, s) {
			t.Errorf("it does not say %q: %s", s, r.stderr)
		}
	}
}

func missingBackend(t *testing.T) string {
	t.Helper()
	for _, b := range knownBackends {
		if opens(b) != nil {
			return string(b)
		}
	}
	t.Skip("every backend works here")
	return ""
}

// The privileged ports need another user, which only root can become.
func TestPrivilegedPort(t *testing.T) {
	if os.Getuid() != 0 {
		l, err := net.Listen("tcp", "127.0.0.1:1")
		if err == nil {
			l.Close()
			t.Skip("this user may listen on port 1")
		}
	}
	// The binary must be where the other user can get at it.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "iomux")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "iomux")
	if err := os.WriteFile(copied, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), copied, "echo", "--listen", "tcp://127.0.0.1:1")
	cmd.Dir, cmd.Env = dir, []string{beMain + "=1"}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	free, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err == nil && strings.TrimSpace(string(free)) == "0" {
		t.Skip("every port is for everyone here (ip_unprivileged_port_start is 0)")
	}
	check(t, finish(t, cmd, ""), 1, []string{"tcp://127.0.0.1:1", "permission denied", "below 1024"})
}

func TestVersion(t *testing.T) {
	for _, flag := range []string{"--version", "-v"} {
		r := call(t, "", flag)
		if r.status != 0 || r.stderr != "" || !regexp.MustCompile(`^iomux \S+, go\S+, \w+/\w+\n$`).MatchString(r.stdout) {
			t.Errorf("%s: %+v", flag, r)
		}
	}
}

// walk calls f for every command, but not those of cobra's own that are hidden.
func walk(cmd *cobra.Command, f func(*cobra.Command)) {
	f(cmd)
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			walk(c, f)
		}
	}
}

// Every command has help with examples, the same by all three ways.
func TestHelp(t *testing.T) {
	walk(newRoot(), func(cmd *cobra.Command) {
		path := strings.Fields(cmd.CommandPath())[1:]
		t.Run(cmd.CommandPath(), func(t *testing.T) {
			t.Parallel()
			long := call(t, "", append(path, "--help")...)
			if long.status != 0 || long.stderr != "" || !strings.Contains(long.stdout, "Examples:\n  iomux") {
				t.Errorf("--help: %+v", long)
			}
			if short := call(t, "", append(path, "-h")...); short != long {
				t.Errorf("-h: %+v", short)
			}
			if word := call(t, "", append([]string{"help"}, path...)...); word != long {
				t.Errorf("help: %+v", word)
			}
			for line := range strings.Lines(long.stdout) {
				if len(line) > 101 /* with the newline */ {
					t.Errorf("too long for a terminal: %s", line)
				}
			}
		})
	})
	if bare, help := call(t, ""), call(t, "", "--help"); bare != help {
		t.Errorf("without arguments: %+v", bare)
	}
}

// Every example of the help works as it stands, but for its port.
func TestExamples(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("sh is missing")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "iomux")); err != nil {
		t.Fatal(err)
	}
	server := startEcho(t, 1)
	walk(newRoot(), func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimSpace(line)
			t.Run(line, func(t *testing.T) {
				script := exec.CommandContext(t.Context(), shell)
				script.Env = environment("PATH=" + bin + ":" + os.Getenv("PATH"))
				if !strings.HasPrefix(line, "iomux echo") {
					script.Args = []string{shell, "-c", strings.ReplaceAll(line, "tcp://127.0.0.1:7000", server.urls[0])}
					r := finish(t, script, "")
					if r.status != 0 || r.stderr != "" || r.stdout == "" && !strings.HasPrefix(line, "iomux connect") {
						t.Errorf("%+v", r)
					}
					if strings.HasPrefix(line, "printf 'hello") && r.stdout != "hello\n" {
						t.Errorf("it printed %q", r.stdout)
					}
					return
				}
				if strings.Contains(line, "[::1]") && !hasIPv6() {
					t.Skip("there is no IPv6 here")
				}
				if !strings.Contains(line, "--listen") {
					line += " --listen tcp://127.0.0.1:7000"
				}
				line = strings.ReplaceAll(line, ":7000", ":0")
				script.Args = []string{shell, "-c", "exec " + line}
				p := start(t, script, strings.Count(line, "--listen"))
				p.signal(syscall.SIGTERM)
				if status, rest := p.wait(); status != 0 || rest != "" {
					t.Errorf("exit status %d, %q; log:\n%s", status, rest, p.log.String())
				}
			})
		}
	})
}

func hasIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// A completion script is one that its shell can read, and what it asks of the
// program is answered.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		r := call(t, "", "completion", shell)
		if r.status != 0 || r.stderr != "" || !strings.Contains(r.stdout, "iomux") {
			t.Errorf("%s: exit status %d, %s", shell, r.status, r.stderr)
		}
		path, err := exec.LookPath(shell)
		if err != nil || shell == "powershell" {
			continue // its script could only be looked at
		}
		cmd := exec.CommandContext(t.Context(), path, "-n")
		if check := finish(t, cmd, r.stdout); check.status != 0 {
			t.Errorf("%s -n: %+v", shell, check)
		}
	}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{""}, []string{"echo", "connect", "backends", "completion"}},
		{[]string{"echo", "--b"}, []string{"--backend"}},
		{[]string{"echo", "--backend", ""}, []string{"epoll", "kqueue", "poll", "select"}},
		{[]string{"echo", "--log-level", "w"}, []string{"warn"}},
		{[]string{"echo", "--log-format", ""}, []string{"text", "json"}},
		{[]string{"help", ""}, []string{"echo", "connect"}},
		{[]string{"completion", ""}, []string{"bash", "zsh", "fish", "powershell"}},
	} {
		r := call(t, "", append([]string{"__complete"}, c.args...)...)
		got := "\n" + strings.ReplaceAll(r.stdout, "\t", "\n")
		for _, want := range c.want {
			if !strings.Contains(got, "\n"+want+"\n") {
				t.Errorf("completing %q: no %q in %q", c.args, want, r.stdout)
			}
		}
	}
}

func TestBackendsTable(t *testing.T) {
	r := call(t, "", "backends")
	if r.status != 0 || r.stderr != "" {
		t.Fatalf("%+v", r)
	}
	usable := iomux.Backends()
	rows := map[string][]string{}
	for line := range strings.Lines(r.stdout) {
		if fields := strings.Fields(line); len(fields) > 4 {
			rows[fields[0]] = fields[1:]
		}
	}
	for _, b := range knownBackends {
		row := rows[string(b)]
		if row == nil {
			t.Errorf("%s is missing:\n%s", b, r.stdout)
			continue
		}
		works, wait, chosen, why := row[0], row[1], row[2], strings.Join(row[3:], " ")
		switch err := opens(b); {
		case err != nil && (works != "no" || wait != "-" || chosen != "-" || !strings.Contains(why, oneLine(err))):
			t.Errorf("%s does not work (%v): %q", b, err, row)
		case err == nil && works != "yes":
			t.Errorf("%s works: %q", b, row)
		case err == nil && (b == iomux.Epoll || b == iomux.Kqueue) != (wait == "fair"):
			t.Errorf("%s: wait mode is %s", b, wait)
		}
		if (chosen == "yes") != (b == usable[0]) {
			t.Errorf("%s: chosen is %q, the best is %s", b, chosen, usable[0])
		}
	}
}
