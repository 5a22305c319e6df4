//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

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

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}

	echo := func(args ...string) []string { return append([]string{"echo"}, args...) }
	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   []string
	}{
		{"unknown command", []string{"eco"}, 2, []string{`"eco"`, "did you mean echo?"}},
		{"command like nothing", []string{"frobnicate"}, 2, []string{`"frobnicate"`, "backends, chat, completion, connect, echo, net, serve or study"}},
		{"unknown flag of the program", []string{"--frob"}, 2, []string{"--frob", "--help", "--version"}},
		{"unknown flag", echo("--lops", "2"), 2, []string{"--lops", "did you mean --loops?"}},
		{"flag like two", echo("--log-leve", "warn"), 2, []string{"did you mean --log-level?"}},
		{"flag like nothing", echo("--frobnicate"), 2, []string{"--frobnicate", "iomux echo --help"}},
		{"unknown short flag", echo("-x"), 2, []string{"-x", "iomux echo --help"}},
		{"unknown flag of a small command", []string{"backends", "--frobnicate"}, 2, []string{"want --help"}},
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
		{"no connections", echo("--max-conns", "0"), 2, []string{"--max-conns", `"0"`, "1 to 2147483647"}},
		{"limit with a unit", echo("--max-conns-per-addr", "1k"), 2, []string{"--max-conns-per-addr", `"1k"`}},
		{"backlog", echo("--backlog", "1e3"), 2, []string{"--backlog", `"1e3"`, "1 to 1048576"}},
		{"size in decimal units", echo("--high-water", "256KB"), 2, []string{"--high-water", `"256KB"`, "65536, 256KiB"}},
		{"no size", echo("--low-water", "0"), 2, []string{"--low-water", `"0"`, "256KiB"}},
		{"size beyond all", echo("--memory-limit", "99999999999GiB"), 2, []string{"--memory-limit", "1GiB"}},
		{"marks the wrong way round", echo("--high-water", "1KiB"), 2, []string{"--low-water 64KiB, --high-water 1KiB, --write-limit 1MiB", "none larger than the next"}},
		{"limit below the mark", echo("--write-limit", "128KiB"), 2, []string{"--high-water 256KiB, --write-limit 128KiB"}},
		{"time without unit", echo("--idle-timeout", "30"), 2, []string{"--idle-timeout", `"30"`, "500ms, 30s or 5m, or off"}},
		{"negative time", echo("--write-timeout", "-1s"), 2, []string{"--write-timeout", "at least 1ms, or off"}},
		{"keep-alive of less than a second", echo("--keepalive", "10ms"), 2, []string{"--keepalive", "at least 1s, or off"}},
		{"draining for ever", echo("--drain-timeout", "off"), 2, []string{"--drain-timeout", `"off"`, "500ms, 30s or 5m"}},
		{"too many statistics", echo("--stats", "1ms"), 2, []string{"--stats", "at least 100ms, or off"}},
		{"balance", echo("--balance", "fair"), 2, []string{`"fair"`, "reuseport, round-robin or least-connections"}},
		{"balance that the address has not", echo("--balance", "reuseport", "--listen", "unix:"+file+".sock"), 2, []string{"unix", "round-robin"}},
		{"mode in letters", echo("--mode", "rw"), 2, []string{"--mode", `"rw"`, "0600"}},
		{"mode of nobody", echo("--mode", "0"), 2, []string{"--mode", "0600"}},
		{"mode with more than permissions", echo("--mode", "1777"), 2, []string{"--mode", "0600"}},
		{"wait", echo("--wait", "rude"), 2, []string{`"rude"`, "fair or polite"}},
		{"fair and pinned", echo("--pin", "--wait", "fair"), 2, []string{"Pin", "polite"}},
		{"take over at no path", echo("--takeover", ""), 2, []string{"--takeover", "path of a socket file"}},
		{"take over at an abstract name", echo("--takeover", "@x"), 2, []string{"--takeover", `"@x"`, "path of a socket file"}},
		{"take over at a file", echo("--takeover", file, "--listen", "tcp://127.0.0.1:0"), 1, []string{file}},
		{"take over in no directory", echo("--takeover", "/nowhere/x.sock", "--listen", "tcp://127.0.0.1:0"), 1, []string{"/nowhere/x.sock", "no such file"}},
		{"other scheme", echo("--listen", "http://127.0.0.1:7000"), 2, []string{"http://127.0.0.1:7000", `"http" is not supported`, "tcp, tcp4, tcp6, udp, udp4, udp6, unix, unixpacket, unixgram"}},
		{"udp without port", echo("--listen", "udp://127.0.0.1"), 2, []string{`"udp://127.0.0.1"`, "0 lets the kernel choose"}},
		{"unix without path", echo("--listen", "unix://"), 2, []string{`"unix://"`, "unix:///PATH"}},
		{"unix with two slashes", echo("--listen", "unix://x.sock"), 2, []string{"unix:///x.sock or unix:x.sock"}},
		{"unix path too long", echo("--listen", "unix:///"+strings.Repeat("x", 200)), 2, []string{"its path has 201 bytes"}},
		{"unix path of a file", echo("--listen", "unix://"+file), 1, []string{file, "not a socket"}},
		{"unixgram path of a file", echo("--listen", "unixgram://"+file), 1, []string{file, "not a socket"}},
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
		{"connect by another scheme", []string{"connect", "http://127.0.0.1"}, 2, []string{"http://127.0.0.1", `"http" is not supported`, "tcp, tcp4"}},
		{"connect to port 0", []string{"connect", "tcp://127.0.0.1:0"}, 2, []string{"tcp://127.0.0.1:0", "between 1 and 65535"}},
		{"connect by udp to port 0", []string{"connect", "udp6://[::1]:0"}, 2, []string{"udp6://[::1]:0", "between 1 and 65535"}},
		{"connect to no host", []string{"connect", "tcp://:7000"}, 2, []string{"tcp://:7000", "no host"}},
		{"connect to no port", []string{"connect", "tcp://127.0.0.1"}, 2, []string{"tcp://127.0.0.1", "no port"}},
		{"connect to what is no URL", []string{"connect", "127.0.0.1:7000"}, 2, []string{"127.0.0.1:7000", "tcp://HOST:PORT"}},
		{"connect to no file", []string{"connect", "unix:///nowhere/x.sock"}, 1, []string{"unix:///nowhere/x.sock", "no such file"}},
		{"connect by datagrams to no file", []string{"connect", "unixgram:///nowhere/x.sock"}, 1, []string{"unixgram:///nowhere/x.sock", "no such file"}},
		{"wait that is no time", []string{"connect", "--wait", "soon", "udp://127.0.0.1:7000"}, 2, []string{`"soon"`, "500ms, 30s or 5m"}},
		{"wait that is negative", []string{"connect", "--wait=-1s", "udp://127.0.0.1:7000"}, 2, []string{`"-1s"`, "at least 0s"}},
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
