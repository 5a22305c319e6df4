//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

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
				if utf8.RuneCountInString(line) > 101 /* with the newline */ {
					t.Errorf("too long for a terminal: %s", line)
				}
			}
			cmd.Flags().VisitAll(func(f *pflag.Flag) {
				if !strings.Contains(long.stdout, "--"+f.Name+" ") {
					t.Errorf("--%s is not explained", f.Name)
				}
			})
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
	scratch := shortDir(t)
	server := startEcho(t, 1, "--listen", "udp://127.0.0.1:0", "--listen", "unix://"+scratch+"/server.sock")
	secure := startEcho(t, 1, "--tls-self-signed")
	people := startChat(t)
	const tcp, udp, file, lines = "tcp://127.0.0.1:7000", "udp://127.0.0.1:7000", "unix:///tmp/echo.sock", "chat://127.0.0.1:7000"
	servers := strings.NewReplacer(lines, "chat://"+people.address(), "500ms", "3s", "tls://127.0.0.1:7001", secure.urls[0], udp, server.urls[0], file, server.urls[1], tcp, server.urls[2])
	elsewhere := strings.NewReplacer(":7000", ":0", ":7001", ":0", "/tmp/", scratch+"/")
	walk(newRoot(), func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "iomux serve ") || strings.Contains(line, "iomux chat") {
				continue // TestServeExamples and TestChatExamples
			}
			t.Run(line, func(t *testing.T) {
				script := exec.CommandContext(t.Context(), shell)
				script.Env = environment("PATH=" + bin + ":" + os.Getenv("PATH"))
				if !strings.HasPrefix(line, "iomux echo") {
					script.Args = []string{shell, "-c", servers.Replace(line)}
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
					line += " --listen " + tcp
				}
				line = elsewhere.Replace(line)
				script.Args = []string{shell, "-c", "exec " + line}
				p := start(t, script, strings.Count(line, "--listen"))
				p.signal(syscall.SIGTERM)
				if status, rest := p.wait(); status != 0 || rest != "" && !strings.HasPrefix(rest, "stats ") {
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
		{[]string{"echo", "--balance", ""}, []string{"reuseport", "round-robin", "least-connections"}},
		{[]string{"echo", "--wait", ""}, []string{"fair", "polite"}},
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
