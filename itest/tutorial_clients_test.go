//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package itest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/transcript"
)

// tutorialClients are the clients of the tutorials in testdata/clients, each with a
// server that it is for. What they print stands in files of the same names.
var tutorialClients = []struct {
	name    string
	server  classic
	typed   string   // on the client's standard input
	options []string // of the client, behind the address
}{
	{"binary", classic{"binary", "tcp", ""}, "", nil},
	{"command", classic{"command", "tcp", ""}, "echo hi\n\n  true\ncat-of-nine-tails\nexit\n", nil},
	{"echo_connect", classic{"echo", "tcp", ""}, "", nil},
	{"echo_selectors", classic{"echo", "tcp", ""}, "", nil},
	{"echo_slow", classic{"echo", "tcp", ""}, "", []string{"0.02"}},
	{"echo_tcp", classic{"echo", "tcp", ""}, "", nil},
	{"echo_two", classic{"echo", "tcp", ""}, "", nil},
	{"echo_udp", classic{"echo", "udp", ""}, "", nil},
	{"echo_unix", classic{"echo", "unix", ""}, "", nil},
	{"greeting", classic{"greeting", "tcp", ""}, "one\ntwo 二\nexit\n", nil},
	{"multicast", classic{"multicast", "udp", ""}, "", nil},
	{"timestamp", classic{"timestamp", "tcp", ""}, "hello\n你好 <me>\n\n", nil},
}

// The tutorials' clients print what the tutorials say.
func TestTutorialClients(t *testing.T) {
	for _, c := range tutorialClients {
		t.Run(c.name, func(t *testing.T) {
			eachServant(t, c.server, func(t *testing.T, address string) {
				var args []string
				dir := "."
				switch values := known(address); {
				case c.server.network == "unix":
					dir, args = filepath.Dir(address), []string{"./" + filepath.Base(address)}
				case c.name == "multicast":
					args = []string{values["SERVER-HOST"], values["SERVER-PORT"]}
				default:
					args = []string{"localhost", values["SERVER-PORT"]}
				}
				out, status := runTutorialClient(t, c.name, dir, c.typed, append(args, c.options...)...)
				if status != 0 {
					t.Errorf("exit status %d", status)
				}
				wantGolden(t, c.name, out, known(address))
			})
		})
	}
}

// Where nobody is, the client of a Unix socket says so and fails.
func TestTutorialClientWithoutAServer(t *testing.T) {
	leaktest.Check(t)
	out, status := runTutorialClient(t, "echo_unix", t.TempDir(), "", "./uds_socket")
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	wantGolden(t, "echo_unix_nobody", out, nil)
}

// runTutorialClient runs a client in a directory and returns its output and exit status.
func runTutorialClient(t *testing.T, name, dir, typed string, args ...string) (out string, status int) {
	t.Helper()
	program, err := filepath.Abs(filepath.Join("testdata/clients", name+".py"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool(t, "python3"), append([]string{program}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PYTHONUTF8=1") // whatever the locale
	var stdout strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(typed), &stdout, t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return stdout.String(), cmd.ProcessState.ExitCode()
}

// wantGolden compares a client's output with its file.
func wantGolden(t *testing.T, name, got string, known map[string]string) {
	t.Helper()
	path := filepath.Join("testdata/clients", name+".golden")
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := transcript.ParseText(string(golden))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if err := text.Match(got, known); err != nil {
		t.Errorf("%s %v", path, err)
	}
}
