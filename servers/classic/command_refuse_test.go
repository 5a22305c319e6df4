//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys/launch"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/socketserver"
)

// rawHandler writes log lines as they are, without any quoting.
type rawHandler struct{ w io.Writer }

func (rawHandler) Enabled(_ context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo
}
func (h rawHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h rawHandler) WithGroup(string) slog.Handler      { return h }
func (h rawHandler) Handle(_ context.Context, r slog.Record) error {
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	_, err := fmt.Fprintln(h.w, line)
	return err
}

// refusedCommand wants a server not to start, for a reason.
func refusedCommand(t *testing.T, o Options, why string, args ...string) {
	t.Helper()
	s, err := startCommand(t, o, args...)
	if err == nil {
		endCommands(t, s)
		t.Errorf("%q at %q: it starts, want %q", args, o.Listen, why)
		return
	}
	if !errors.Is(err, reactor.ErrOption) || !regexp.MustCompile(why).MatchString(err.Error()) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q at %q: %v, want %q", args, o.Listen, err, why)
	}
}

// Where strangers can connect it does not listen without a token.
func TestCommandListensHere(t *testing.T) {
	leaktest.Check(t)
	for _, url := range []string{
		"tcp://0.0.0.0:0", "tcp://[::]:0", "tcp4://0.0.0.0:0", "tcp6://[::]:0", "tcp://192.0.2.1:0", "tcp://[2001:db8::1]:0", "tcp://[::ffff:192.0.2.1]:0",
		"tcp://example.com:0", "tcp://127.0.0.1.example.com:0", "tcp://128.0.0.1:0", "tcp://localhost.example.com:0", "tcp://0:0", "tcp://[fe80::1%25lo]:0",
	} {
		refusedCommand(t, Options{Listen: []string{url}}, "others can connect, which needs token-file")
		refusedCommand(t, Options{Listen: []string{"tcp://127.0.0.1:0", url}}, "others can connect, which needs token-file")
	}
	for _, url := range []string{"tcp://127.0.0.1:0", "tcp://127.0.0.9:0", "tcp://localhost:0", "tcp4://LOCALHOST:0", "tcp://[::ffff:127.0.0.1]:0", "unix://" + t.TempDir() + "/s"} {
		runCommand(t, NewCommandClient(dialCommand(t, serveCommands(t, Options{Listen: []string{url}}, "-v2")), true), "echo x", "x\n", CommandOK)
	}
	for _, url := range []string{"udp://127.0.0.1:0", "unixgram:///tmp/x", "unixpacket:///tmp/x"} {
		refusedCommand(t, Options{Listen: []string{url}}, "tcp.*unix")
	}
	refusedCommand(t, Options{Mode: socketserver.Forking}, "mode \"fork\"")
}

// With a token it listens there. Nobody is there to connect but by way of the loopback.
func TestCommandListensThereWithToken(t *testing.T) {
	leaktest.Check(t)
	url := serveCommands(t, Options{Listen: []string{"tcp4://0.0.0.0:0"}}, "-v2", "-token-file", tokenFile(t, secret))
	c := NewCommandClient(dialCommand(t, strings.Replace(url, "0.0.0.0", "127.0.0.1", 1)), true)
	if status, err := c.Token(secret); status != CommandOK || err != nil {
		t.Fatal(status, err)
	}
	runCommand(t, c, "echo x", "x\n", CommandOK)
	c.conn.Close()
}

const secret = "correct horse battery staple"

func tokenFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCommandTokenFiles(t *testing.T) {
	leaktest.Check(t)
	for mode, why := range map[fs.FileMode]string{0o604: "open to everybody", 0o644: "open to everybody", 0o602: "open to everybody", 0o601: "open to everybody", 0o620: "written by its group", 0o660: "written by its group"} {
		path := tokenFile(t, secret)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		refusedCommand(t, Options{}, why, "-token-file", path)
	}
	for text, why := range map[string]string{
		"":                                "a token of 0 bytes",
		"\n":                              "a token of 0 bytes",
		"123456789012345\n":               "a token of 15 bytes",
		secret + "\n" + secret:            "several lines",
		strings.Repeat("x", commandMax+1): "a token of 1025 bytes",
		strings.Repeat("x", 10*commandMax) + "\n": "a token of 2048 bytes",
	} {
		refusedCommand(t, Options{}, why, "-token-file", tokenFile(t, text))
	}
	refusedCommand(t, Options{}, "is no file", "-token-file", os.DevNull)
	refusedCommand(t, Options{}, "is no file", "-token-file", t.TempDir())
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	refusedCommand(t, Options{}, "is no file", "-token-file", pipe)
	if _, err := startCommand(t, Options{}, "-token-file", "/no/such/file"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, mode := range []fs.FileMode{0o600, 0o400, 0o640} {
		path := tokenFile(t, " "+secret+"\r\n\n")
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		token, err := readCommandToken(path)
		if err != nil || !token.is([]byte(secret)) {
			t.Errorf("%v: %v", mode, err)
		}
	}
}

// Only who knows the token gets an answer to anything else.
func TestCommandToken(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		for _, framed := range []bool{false, true} {
			var log commandLog
			var server *commandServer
			o.Reactor.Logger = slog.New(rawHandler{&log})
			url := serveSession(t, o, func(c *commandServer) { server = c; c.token.pause = time.Nanosecond }, fmt.Sprintf("-v2=%v", framed), "-token-file", tokenFile(t, secret))
			client := func() *CommandClient { return NewCommandClient(dialCommand(t, url), framed) }
			try := func(c *CommandClient, token string, want CommandStatus) {
				t.Helper()
				if status, err := c.Token(token); status != want || err != nil {
					t.Fatalf("%q: %v, %v, want %v", token, status, err, want)
				}
			}
			c := client()
			try(c, secret, CommandOK)
			runCommand(t, c, "echo "+secret, secret+"\n", CommandOK)
			c.conn.Close()

			c = client()
			try(c, secret+"!", CommandDenied)
			try(c, secret[1:], CommandDenied)
			try(c, secret, CommandOK) // the third time
			runCommand(t, c, "echo hi", "hi\n", CommandOK)
			c.conn.Close()

			c = client()
			for _, wrong := range []string{"echo hi", "x", secret + secret} {
				try(c, wrong, CommandDenied)
			}
			hearEnd(t, c.conn)

			c = client()
			c.conn.(interface{ CloseWrite() error }).CloseWrite()
			hearEnd(t, c.conn)

			server.token.mu.Lock()
			if f := server.token.failures[netip.MustParsePrefix("127.0.0.1/32")]; f.count != 5 || len(server.token.failures) != 1 {
				t.Errorf("failures: %v", server.token.failures)
			}
			server.token.mu.Unlock()
			if n := strings.Count(log.text(), "WARN wrong token client=127.0.0.1:"); n != 5 || strings.Contains(log.text(), secret[1:]+"\n") {
				t.Errorf("%d lines in\n%s", n, log.text())
			}
		}
		// With a line end, as one types it.
		conn := dialCommand(t, serveCommands(t, o, "-token-file", tokenFile(t, secret)))
		sayCommand(t, conn, secret+"\r\n")
		hearCommand(t, conn, "ok")
		sayCommand(t, conn, "exit")
		hearEnd(t, conn)
	})
}

// A client that says nothing is not waited for; what was a token is not a command.
func TestCommandTokenTimeout(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		for _, framed := range []string{"-v2=false", "-v2=true"} {
			conn := dialCommand(t, serveSession(t, o, func(c *commandServer) { c.handshake = time.Millisecond }, framed, "-token-file", tokenFile(t, secret)))
			hearEnd(t, conn)
		}
	})
}

// The more wrong tokens come from an address, the longer their answers take.
func TestCommandTokenPause(t *testing.T) {
	token := &commandToken{pause: tokenPause, failures: map[netip.Prefix]tokenFailures{}}
	now := time.Unix(1000, 0)
	a, b := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/64")
	for i, want := range []int64{250, 500, 1000, 2000, 4000, 4000, 4000} {
		if got := token.failed(a, now); got.Milliseconds() != want {
			t.Errorf("failure %d: %v", i+1, got)
		}
		now = now.Add(time.Minute)
	}
	if got := token.failed(b, now); got != tokenPause {
		t.Errorf("another address: %v", got)
	}
	now = now.Add(tokenMemory - time.Minute)
	if got := token.failed(a, now); got != tokenPauseMax {
		t.Errorf("just remembered: %v", got)
	}
	now = now.Add(tokenMemory + 1)
	if got := token.failed(a, now); got != tokenPause {
		t.Errorf("forgotten: %v", got)
	}
	for range 100 {
		token.failed(a, now) // does not overflow
	}
	// From more addresses than are remembered: those that failed last are.
	for i := range 2 * tokenOrigins {
		now = now.Add(time.Millisecond)
		token.failed(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32), now)
	}
	if _, ok := token.failures[a]; len(token.failures) != tokenOrigins || ok {
		t.Errorf("%d addresses, %v", len(token.failures), ok)
	}
	if _, ok := token.failures[netip.MustParsePrefix("10.0.4.0/32")]; !ok { // the 1024th before the last
		t.Error("a late one is forgotten")
	}
	now = now.Add(tokenMemory + time.Second)
	if token.failed(b, now); len(token.failures) != 1 {
		t.Errorf("%d addresses when all are over", len(token.failures))
	}
}

// Failures are counted for who can hardly have another address.
func TestCommandOrigin(t *testing.T) {
	for client, want := range map[string]string{
		"192.0.2.7:1":          "192.0.2.7/32",
		"[::ffff:192.0.2.7]:1": "192.0.2.7/32",
		"[2001:db8:1:2::3]:1":  "2001:db8:1:2::/64",
		"[fe80::1%eth0]:1":     "fe80::/64",
	} {
		got := commandOrigin(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(client)))
		if got.String() != want {
			t.Errorf("%s: %v, want %s", client, got, want)
		}
	}
	if got := commandOrigin(&net.UnixAddr{Name: "x", Net: "unix"}); got.IsValid() {
		t.Errorf("a Unix socket: %v", got)
	}
}

// What may be allowed, and what not.
func TestCommandAllow(t *testing.T) {
	leaktest.Check(t)
	dir := t.TempDir()
	file := func(name string, mode fs.FileMode) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good", 0o755)
	link := filepath.Join(dir, "link")
	shell := file("bash", 0o755)
	other := filepath.Join(dir, "other")
	box, ls := file("busybox", 0o755), filepath.Join(dir, "ls")
	inside := file("open/good", 0o755)
	if err := errors.Join(os.Symlink(good, link), os.Symlink(shell, other), os.Symlink(box, ls), os.Symlink(box, filepath.Join(dir, "sh")), os.Chmod(filepath.Dir(inside), 0o777)); err != nil {
		t.Fatal(err)
	}
	for s, why := range map[string]string{
		"":                                   "want NAME=/PATH",
		"x":                                  "absolute path",
		"=" + good:                           "want NAME=/PATH",
		"a b=" + good:                        "want NAME=/PATH",
		"a/b=" + good:                        "want NAME=/PATH",
		"-x=" + good:                         "want NAME=/PATH",
		strings.Repeat("x", 65) + "=" + good: "want NAME=/PATH",
		"x=":                                 "absolute path",
		"x=good":                             "absolute path",
		"x=./good":                           "absolute path",
		"x=" + dir + "/../good":              "absolute path",
		"x=" + dir + "//good":                "absolute path",
		"x=" + good + ":":                    "no number of arguments",
		"x=" + good + ":x":                   "no number of arguments",
		"x=" + good + ":-1":                  "no number of arguments",
		"x=" + good + ":2000":                "no number of arguments",
		"x=" + dir + "/none":                 "no such file",
		"x=" + dir:                           "is no program",
		"x=" + os.DevNull:                    "is no program",
		"x=" + file("plain", 0o644):          "is no program",
		"x=" + file("group", 0o775):          "written by others",
		"x=" + file("others", 0o757):         "written by others",
		"x=" + inside:                        "others can replace",
		"x=" + shell:                         "is a shell",
		"x=" + other:                         "is a shell",
		"x=" + box:                           "is a shell",
		"sh=" + box:                          "is a shell",
		"x=" + dir + "/sh":                   "is a shell",
		"echo=" + good:                       "there is a command \"echo\" already",
		"help=" + good:                       "already",
		"exit=" + good:                       "already",
	} {
		refusedCommand(t, Options{}, why, "-as-root", "-allow", s)
	}
	refusedCommand(t, Options{}, "already", "-as-root", "-allow", "x="+good, "-allow", "x="+good)
	refusedCommand(t, Options{}, "dir", "-as-root", "-allow", "x="+good, "-dir", "relative")
	refusedCommand(t, Options{}, "dir", "-as-root", "-allow", "x="+good, "-dir", "/no/such/directory")
	refusedCommand(t, Options{}, "dir", "-as-root", "-allow", "x="+good, "-dir", good)
	refusedCommand(t, Options{}, "none is allowed", "-as-root")
	refusedCommand(t, Options{}, "none is allowed", "-user", "nobody")
	for _, flag := range []string{"-time-limit=0", "-time-limit=-1s", "-output-limit=0", "-output-limit=2000000000", "-max-running=0", "-max-running=33", "-memory=-1", "-processes=-1"} {
		name, _, _ := strings.Cut(flag[1:], "=")
		refusedCommand(t, Options{}, name, flag)
	}
	for s, want := range map[string]commandProgram{
		"x=" + good:              {good, "good", 0},
		"x=" + good + ":0":       {good, "good", 0},
		"x=" + good + ":1024":    {good, "good", 1024},
		"9.a_B-c=" + link + ":7": {good, "link", 7}, // not what the link may lead to one day
		"x=" + ls:                {box, "ls", 0},
	} {
		real, err := filepath.EvalSymlinks(want.path)
		if err != nil {
			t.Fatal(err)
		}
		want.path = real
		if _, p, err := parseAllowed(s); p != want || err != nil {
			t.Errorf("%q: %v, %v", s, p, err)
		}
	}
}

// Programs do not run as root unless that is said.
func TestCommandRoot(t *testing.T) {
	leaktest.Check(t)
	program := "x=" + commandTrue(t)
	if os.Geteuid() != 0 {
		refusedCommand(t, Options{}, "only a server of root's", "-allow", program, "-user", "nobody")
		return
	}
	refusedCommand(t, Options{}, "would run as root", "-allow", program)
	refusedCommand(t, Options{}, "is root", "-allow", program, "-user", "root")
	refusedCommand(t, Options{}, "unknown user", "-allow", program, "-user", "no-such-user")
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	id := "/usr/bin/id"
	if _, err := os.Stat(id); err != nil {
		t.Skip(err)
	}
	c := NewCommandClient(dialCommand(t, serveCommands(t, Options{}, "-v2", "-allow", "id="+id+":2", "-user", "nobody")), true)
	runCommand(t, c, "id -u", nobody.Uid+"\n", CommandOK)
	runCommand(t, c, "id -G", nobody.Gid+"\n", CommandOK)
	c.conn.Close()
}

// All programs get the limits that the flags say, and the same few variables.
func TestCommandLimits(t *testing.T) {
	f := &commandFlags{allow: []string{"x=" + commandTrue(t)}, asRoot: true, dir: "/tmp", timeLimit: 1500 * time.Millisecond, outputLimit: 1, running: 1, memory: 5, processes: 6}
	c, err := f.server(Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := launch.Limits{CPU: 3, Memory: 5, Processes: 6}
	if c.launch.Limits != want || fmt.Sprint(c.launch.Env) != "[PATH=/usr/bin:/bin LANG=C.UTF-8]" || c.launch.Dir != "/tmp" || c.launch.User != nil {
		t.Errorf("%+v", c.launch)
	}
	if env := "/usr/bin/env"; checkProgram(env) == nil {
		c := NewCommandClient(dialCommand(t, serveCommands(t, Options{}, "-v2", "-as-root", "-allow", "env="+env)), true)
		runCommand(t, c, "env", "PATH=/usr/bin:/bin\nLANG=C.UTF-8\n", CommandOK)
		c.conn.Close()
	}
}

// Without LaunchCommand in main there are no programs.
func TestCommandUnready(t *testing.T) {
	var out bytes.Buffer
	child := commandChild("unready")
	child.Stdout = &out
	if err := child.Run(); err != nil || !strings.Contains(out.String(), "main does not begin with LaunchCommand") {
		t.Errorf("%v: %s", err, out.String())
	}
}
