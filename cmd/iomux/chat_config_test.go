//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
)

// write makes a file of a test's own.
func write(t *testing.T, name, text string) string {
	t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(t.TempDir(), name)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// configured runs iomux chat config with an environment.
func configured(t *testing.T, env []string, args ...string) result {
	t.Helper()
	cmd := program(t, append([]string{"chat", "config"}, args...)...)
	cmd.Env = environment(env...)
	return finish(t, cmd, "")
}

// A flag comes before a variable, that before the file, that before the default; for
// settings of every kind.
func TestChatConfigPrecedence(t *testing.T) {
	file := write(t, "chat.toml", `
name = "of the file"
max-text = 100
require-login = false
idle-timeout = "1m"
rate = 1.5
listen = ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"]
hosts = ["file.example"]
proxies = ["10.0.0.0/8", "192.0.2.1"]
web = "off"
`)
	env := []string{
		"IOMUX_CHAT_NAME=of a variable", "IOMUX_CHAT_MAX_TEXT=200", "IOMUX_CHAT_OWN_LINES=true", "IOMUX_CHAT_IDLE_TIMEOUT=2m",
		"IOMUX_CHAT_RATE=off", "IOMUX_CHAT_LISTEN=tcp://127.0.0.1:3, tcp://127.0.0.1:4", "IOMUX_CHAT_HOSTS=v.example,w.example",
		"IOMUX_CHAT_PROXIES=172.16.0.0/12", "IOMUX_CHAT_WEB=127.0.0.1:81", "IOMUX_CHAT_MOTD=", "IOMUX_CHAT_PORT=tcp://10.0.0.1:7000",
	}
	flags := []string{
		"--name", "of a flag", "--max-text=300", "--own-lines=false", "--idle-timeout=3m", "--rate=3", "--listen=tcp://127.0.0.1:5",
		"--hosts=flag.example", "--proxies=127.0.0.1", "--web=127.0.0.1:82",
	}
	withFile := append([]string{"print", "--config", file}, flags...)
	for _, c := range []struct {
		name string
		env  []string
		args []string
		want []string
	}{
		{"default", nil, []string{"print"}, []string{
			"name = 'iomux' # default", "max-text = 2000 # default", "own-lines = false # default", "idle-timeout = '1h' # default",
			"rate = 10 # default", "listen = ['tcp://127.0.0.1:7000'] # default", "# hosts is not set", "# proxies is not set", "web = '127.0.0.1:8080' # default",
		}},
		{"file", nil, []string{"print", "--config", file}, []string{
			"name = 'of the file' # " + file + ":2", "max-text = 100 # " + file + ":3", "idle-timeout = '1m' # " + file + ":5", "rate = '1.5' # " + file + ":6",
			"listen = ['tcp://127.0.0.1:1', 'tcp://127.0.0.1:2'] # " + file + ":7", "hosts = ['file.example'] # " + file + ":8",
			"proxies = ['10.0.0.0/8', '192.0.2.1/32'] # " + file + ":9", "web = 'off' # " + file + ":10", "burst = 20 # default",
		}},
		{"file of a variable", []string{"IOMUX_CHAT_CONFIG=" + file}, []string{"print"}, []string{"name = 'of the file' # " + file + ":2"}},
		{"variables", env, []string{"print", "--config", file}, []string{
			"name = 'of a variable' # IOMUX_CHAT_NAME", "max-text = 200 # IOMUX_CHAT_MAX_TEXT", "own-lines = true # IOMUX_CHAT_OWN_LINES",
			"idle-timeout = '2m' # IOMUX_CHAT_IDLE_TIMEOUT", "rate = 'off' # IOMUX_CHAT_RATE",
			"listen = ['tcp://127.0.0.1:3', 'tcp://127.0.0.1:4'] # IOMUX_CHAT_LISTEN", "hosts = ['v.example', 'w.example'] # IOMUX_CHAT_HOSTS",
			"proxies = ['172.16.0.0/12'] # IOMUX_CHAT_PROXIES", "web = '127.0.0.1:81' # IOMUX_CHAT_WEB", "# motd is not set",
		}},
		{"flags", env, withFile, []string{
			"name = 'of a flag' # flag", "max-text = 300 # flag", "own-lines = false # flag", "idle-timeout = '3m' # flag", "rate = 3 # flag",
			"listen = ['tcp://127.0.0.1:5'] # flag", "hosts = ['flag.example'] # flag", "proxies = ['127.0.0.1/32'] # flag", "web = '127.0.0.1:82' # flag",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := configured(t, c.env, c.args...)
			if r.status != 0 || r.stderr != "" {
				t.Fatalf("%+v", r)
			}
			for _, want := range c.want {
				if !strings.Contains("\n"+r.stdout, "\n"+want+"\n") {
					t.Errorf("no %q in\n%s", want, r.stdout)
				}
			}
		})
	}
}

// What config print shows is a file that says the same, and shows no secret.
func TestChatConfigRoundTrip(t *testing.T) {
	args := []string{
		"print", "--name", `a "b" \ 'c' # d`, "--motd", "two\nlines", "--listen", "unix:///x", "--listen", "tcp://[::1]:1", "--rate", "2.5",
		"--quiet", "off", "--high-water", "128KiB", "--mode", "0660", "--own-lines", "--balance", "round-robin", "--exempt", "127.0.0.1,::1",
	}
	first := configured(t, []string{"IOMUX_CHAT_TOKEN=hush-hush"}, args...)
	if first.status != 0 || strings.Contains(first.stdout, "hush-hush") || !strings.Contains(first.stdout, "# IOMUX_CHAT_TOKEN is set, and not shown\n") {
		t.Fatalf("%+v", first)
	}
	file := write(t, "again.toml", first.stdout)
	second := configured(t, nil, "print", "--config", file)
	if second.status != 0 || second.stderr != "" {
		t.Fatalf("%+v", second)
	}
	values := func(text string) (list []string) {
		for line := range strings.Lines(text) {
			if i := strings.LastIndex(line, " # "); i >= 0 {
				line = line[:i]
			}
			if !strings.HasPrefix(line, "# IOMUX") {
				list = append(list, strings.TrimSpace(line))
			}
		}
		return list
	}
	if a, b := strings.Join(values(first.stdout), "\n"), strings.Join(values(second.stdout), "\n"); strings.TrimSpace(a) != strings.TrimSpace(b) {
		t.Errorf("it was\n%s\nand is\n%s", a, b)
	}
	if r := configured(t, nil, "check", file); r != (result{0, "the settings are good\n", ""}) {
		t.Errorf("%+v", r)
	}
}

// config check has a line for each fault, and its place; iomux chat has one line.
func TestChatConfigFaults(t *testing.T) {
	file := write(t, "bad.toml", `name = "x"
frob = "y"
max_text = 5
max-text = 5000
web = ["a", "b"]
listen = "tcp://127.0.0.1:0"
rate = 2024-01-01
compat = "perhaps"

[limits]
rate = 5
config = "z"
`)
	want := []string{
		file + `:2: there is no setting "frob"`,
		file + `:3: there is no setting "max_text", did you mean max-text?`,
		file + `:4: max-text: "5000": want a number from 1 to 4000`,
		file + `:5: web: it takes one value, not a list`,
		file + `:7: "rate" is a table or a time`,
		file + `:8: compat: "perhaps": want true or false`,
		file + `:10: "limits" is a table or a time`,
		`IOMUX_CHAT_BURST: "off": want a number such as 10 or 0.5`,
	}
	r := configured(t, []string{"IOMUX_CHAT_BURST=off"}, "check", file)
	lines := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
	if r.status != 2 || r.stdout != "" || len(lines) != len(want) {
		t.Errorf("%+v", r)
	}
	for i, line := range lines {
		if i < len(want) && !strings.HasPrefix(line, "iomux chat config check: "+want[i]) {
			t.Errorf("got  %s\nwant %s", line, want[i])
		}
	}
	check(t, call(t, "", "chat", "--config", file), 2, []string{file + ":2", file + ":10"})
	for _, c := range []struct {
		text string
		says []string
	}{
		{"name = \"x\"\nweb = [", []string{":2: column"}},
		{"name = \"x\"\nname = \"y\"", []string{"name"}},
		{"config = \"x\"", []string{`:1: there is no setting "config"`}},
		{"a.b = 1", []string{`:1: "a" is a table`}},
	} {
		name := write(t, "x.toml", c.text)
		check(t, call(t, "", "chat", "config", "check", name), 2, append(c.says, name))
		check(t, call(t, "", "chat", "--config", name), 2, c.says)
	}
	// What can be told before the server starts is told together.
	r = call(t, "", "chat", "config", "check", "--require-login", "--pprof", "--tls-cert", "/nowhere", "--motd", "@/nowhere/motd")
	for _, want := range []string{"--require-login", "--pprof", "--tls-cert", "/nowhere/motd"} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("no %s in\n%s", want, r.stderr)
		}
	}
	if r.status != 2 || strings.Count(r.stderr, "\n") != 4 {
		t.Errorf("%+v", r)
	}
}

// A call that cannot be right is explained on one line.
func TestChatBadCalls(t *testing.T) {
	open := write(t, "open", "ann::$argon2id$\n")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	empty := write(t, "empty", "\n")
	spaced := write(t, "spaced", "open sesame\n")
	for _, c := range []struct {
		args   []string
		status int
		says   []string
	}{
		{[]string{"tcp://127.0.0.1:0"}, 2, []string{"surplus argument", "iomux chat --help"}},
		{[]string{"--listen", "udp://127.0.0.1:0"}, 2, []string{"udp://127.0.0.1:0", "tcp or unix"}},
		{[]string{"--listen-json", "unixgram:///x"}, 2, []string{"unixgram:///x", "tcp or unix"}},
		{[]string{"--listen", "127.0.0.1"}, 2, []string{"127.0.0.1"}},
		{[]string{"--web", "8080"}, 2, []string{"--web", "127.0.0.1:8080"}},
		{[]string{"--web", "udp://127.0.0.1:1"}, 2, []string{"--web", "tcp or unix"}},
		{[]string{"--max-text", "0"}, 2, []string{"1 to 4000"}},
		{[]string{"--rate", "nan"}, 2, []string{"--rate", "or off"}},
		{[]string{"--rate", "-1"}, 2, []string{"--rate", "or off"}},
		{[]string{"--history", "1.5"}, 2, []string{"--history", "1 to"}},
		{[]string{"--burst", "off"}, 2, []string{"--burst", "such as 10"}},
		{[]string{"--proxies", "10.0.0.0/33"}, 2, []string{"10.0.0.0/33", "10.0.0.0/8"}},
		{[]string{"--exempt", "localhost"}, 2, []string{"localhost", "10.0.0.0/8"}},
		{[]string{"--origins", "example.org"}, 2, []string{"example.org", "SCHEME://HOST"}},
		{[]string{"--hosts", "chat.example,https://chat.example"}, 2, []string{"--hosts", "https://chat.example", "without a scheme"}},
		{[]string{"--hosts", "chat.example:8080"}, 2, []string{"--hosts", "chat.example:8080", "a port"}},
		{[]string{"--lobby", "a/b"}, 2, []string{"lobby", "'/'"}},
		{[]string{"--lobby", ""}, 2, []string{"--lobby"}},
		{[]string{"--require-login"}, 2, []string{"--users FILE"}},
		{[]string{"--admin", "0.0.0.0:0"}, 2, []string{"tcp://0.0.0.0:0 at --admin", "--admin-anywhere"}},
		{[]string{"config", "check", "--origins", "example.org"}, 2, []string{"--origins", "example.org"}},
		{[]string{"health", "a", "b"}, 2, []string{`"b"`}},
		{[]string{"health", "127.0.0.1:8080"}, 2, []string{"127.0.0.1:8080", "http://"}},
		{[]string{"--pprof"}, 2, []string{"--admin HOST:PORT"}},
		{[]string{"--store", "x", "--takeover", "y"}, 2, []string{"--store", "--takeover"}},
		{[]string{"--tls-self-signed", "--listen", "unix:///x", "--web", "off"}, 2, []string{"TLS is for tcp"}},
		{[]string{"--low-water", "1MiB", "--high-water", "1KiB"}, 2, []string{"--low-water"}},
		{[]string{"--users", open}, 1, []string{open, "0600"}},
		{[]string{"--users", "/nowhere/users"}, 1, []string{"--users", "/nowhere/users"}},
		{[]string{"--token-file", empty}, 1, []string{"--token-file", "empty"}},
		{[]string{"--token-file", spaced}, 1, []string{"--token-file", "has spaces"}},
		{[]string{"--motd", "@/nowhere/motd"}, 1, []string{"--motd", "/nowhere/motd"}},
		{[]string{"--config", "/nowhere/c"}, 2, []string{"/nowhere/c"}},
		{[]string{"--store", "/nowhere/x"}, 1, []string{"/nowhere/x"}},
		{[]string{"config", "frob"}, 2, []string{"frob", "check or print"}},
		{[]string{"config", "check", "a", "b"}, 2, []string{`"b"`}},
		{[]string{"config", "print", "x"}, 2, []string{`"x"`}},
		{[]string{"passwd"}, 2, []string{"the file and the name"}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			t.Parallel()
			check(t, call(t, "", append([]string{"chat"}, c.args...)...), c.status, c.says)
		})
	}
}

// SIGHUP has the server read its files anew; what is wrong with them is said on a line,
// and all stays.
func TestChatReload(t *testing.T) {
	motd := write(t, "motd", "first")
	file := write(t, "chat.toml", fmt.Sprintf("motd = \"@%s\"\n", motd))
	p := startChat(t, "--config", file, "--max-conns", "500")
	joinLines(t, p.urls[0]).hear("first")
	p.signal(syscall.SIGHUP)
	p.logged("the settings were loaded anew")

	old := joinLines(t, p.urls[0])
	old.hear("you are in the room")
	write(t, motd, "second")
	write(t, file, fmt.Sprintf("motd = \"@%s\"\nmax-text = 10\nmax-conns = 7\nloops = 3\n", motd))
	p.signal(syscall.SIGHUP)
	p.logged("setting=loops")
	if strings.Contains(p.log.String(), "setting=max-conns") {
		t.Error("the file came before the flag")
	}
	fresh := joinLines(t, p.urls[0])
	fresh.hear("second")
	old.say("more than ten bytes")
	old.hear("!!")

	write(t, motd, "third")
	write(t, file, fmt.Sprintf("motd = \"@%s\"\nmax-text = 10000\n", motd))
	p.signal(syscall.SIGHUP)
	p.logged("cannot load the settings anew; the old ones stay")
	p.logged(file + `:2: max-text`)
	joinLines(t, p.urls[0]).hear("second")
	old.say("short")
	fresh.hear("short")
	p.signal(syscall.SIGTERM)
	if status, _ := p.wait(); status != 0 {
		t.Errorf("exit status %d; log:\n%s", status, p.log.String())
	}
}

// What may change is there.
func TestChatChangeable(t *testing.T) {
	cmd, s := new(cobra.Command), new(chatServer)
	s.addFlags(cmd)
	for _, name := range changeable {
		if cmd.Flags().Lookup(name) == nil {
			t.Errorf("there is no --%s", name)
		}
	}
}
