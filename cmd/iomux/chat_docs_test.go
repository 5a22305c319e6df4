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
	"testing"

	"github.com/spf13/cobra"
)

// operations is the document that says how the chat is run.
const operations = "../../docs/operations.md"

// fence is a block of a document.
type fence struct {
	line       int
	info, text string
}

func fences(t *testing.T, name string) (list []fence) {
	t.Helper()
	document, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for i, line := range strings.SplitAfter(string(document), "\n") {
		info, mark := strings.CutPrefix(line, "```")
		switch {
		case mark && !inside:
			list = append(list, fence{line: i + 2, info: strings.TrimSpace(info)})
			inside = true
		case mark:
			inside = false
		case inside:
			list[len(list)-1].text += line
		}
	}
	return list
}

// freePorts has every port that the documents use be another, which is free.
func freePorts(t *testing.T) *strings.Replacer {
	t.Helper()
	var pairs []string
	for _, port := range []string{"7000", "7002", "8080", "9090"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, free, _ := net.SplitHostPort(l.Addr().String())
		pairs = append(pairs, ":"+port, ":"+free)
	}
	return strings.NewReplacer(pairs...)
}

// awaitStart is a shell's wait for a chat that was started in the background.
const awaitStart = ` >chat.out 2>chat.err &
pid=$!
for i in $(seq 3000); do
	if grep -q '^join with' chat.out; then break; fi
	if ! kill -0 $pid; then cat chat.err >&2; exit 9; fi
	sleep 0.01
done
`

// script makes a block one that a test can run: a chat in the background is waited for,
// and ended behind all else. What is not said of --listen and --web is said here.
func script(block string, ports *strings.Replacer) string {
	var text strings.Builder
	// A block that fails leaves no server behind.
	text.WriteString("set -e\npid=\ntrap 'if test \"$pid\"; then kill $pid; fi' EXIT\n: >chat.out\n")
	served := false
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(line, "\n")
		if command, server := strings.CutSuffix(line, " &"); server {
			served = true
			for flag, value := range map[string]string{"--listen": "tcp://127.0.0.1:7000", "--web": "127.0.0.1:8080"} {
				if !strings.Contains(command, flag+" ") && !strings.Contains(command, "--config") {
					command += " " + flag + " " + value
				}
			}
			text.WriteString(ports.Replace(command) + awaitStart)
			continue
		}
		if line == "iomux chat health" {
			line += " " + healthExample
		}
		text.WriteString(ports.Replace(line) + "\n")
	}
	if served {
		text.WriteString("kill -TERM $pid\nended=$pid pid=\nwait $ended\n")
	}
	return text.String()
}

// Every command of the document works as it stands, but for its ports, one block after
// the other.
func TestChatDocuments(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("sh is missing")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, dir := t.TempDir(), t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "iomux")); err != nil {
		t.Fatal(err)
	}
	ports := freePorts(t)
	n := 0
	for _, b := range fences(t, operations) {
		switch b.info {
		case "toml":
			write(t, filepath.Join(dir, "chat.toml"), ports.Replace(b.text))
		case "sh":
			n++
			t.Run(fmt.Sprintf("line %d", b.line), func(t *testing.T) {
				if strings.Contains(b.text, "curl") {
					if _, err := exec.LookPath("curl"); err != nil {
						t.Skip("curl is missing")
					}
				}
				cmd := exec.CommandContext(t.Context(), shell, "-c", script(b.text, ports))
				cmd.Dir = dir
				cmd.Env = environment("PATH=" + bin + ":" + os.Getenv("PATH"))
				if r := finish(t, cmd, ""); r.status != 0 {
					log, _ := os.ReadFile(filepath.Join(dir, "chat.err"))
					t.Errorf("%+v\n%s\nlog:\n%s", r, script(b.text, ports), log)
				}
			})
		}
	}
	if n < 7 {
		t.Errorf("found %d blocks", n)
	}
}

// The document's table of limits has the limits, and their defaults.
func TestChatDocumentedLimits(t *testing.T) {
	document, err := os.ReadFile(operations)
	if err != nil {
		t.Fatal(err)
	}
	cmd, s := new(cobra.Command), new(chatServer)
	s.addFlags(cmd)
	n := 0
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(string(document), -1) {
		n++
		f := cmd.Flags().Lookup(row[1])
		if f == nil {
			t.Errorf("there is no --%s", row[1])
			continue
		}
		want := f.DefValue
		if want == "" {
			want = "no limit"
		}
		if row[2] != want {
			t.Errorf("--%s has the default %s, the document says %s", row[1], want, row[2])
		}
	}
	if n < 20 {
		t.Errorf("found %d limits", n)
	}
}

// Every example of the help works as it stands, but for its ports.
func TestChatExamples(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("sh is missing")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, dir := t.TempDir(), t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "iomux")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "chat.toml"), "name = 'x'\n")
	healthy := startChat(t)
	ports := freePorts(t)
	n := 0
	walk(newChat(), func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Example) {
			line = strings.ReplaceAll(strings.TrimSpace(line), "/tmp/", dir+"/")
			n++
			t.Run(line, func(t *testing.T) {
				switch {
				case strings.HasPrefix(line, "iomux chat health"):
					line = strings.ReplaceAll(line, "http://127.0.0.1:8080/", healthy.page)
					if line == "iomux chat health" {
						line += " " + healthy.page + "healthz"
					}
				case line == "iomux chat" || strings.HasPrefix(line, "iomux chat --"):
					line += " &"
				}
				script := exec.CommandContext(t.Context(), shell, "-c", script(line, ports))
				script.Dir = dir
				script.Env = environment("PATH=" + bin + ":" + os.Getenv("PATH"))
				if r := finish(t, script, "a good password\n"); r.status != 0 || r.stderr != "" {
					t.Errorf("%+v", r)
				}
			})
		}
	})
	if n < 10 {
		t.Errorf("found %d examples", n)
	}
}
