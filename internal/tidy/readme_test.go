//go:build unix

package tidy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// These bound what would otherwise hang, on a machine busy with other things.
const (
	patience   = 5 * time.Minute  // for a program to be compiled and to start
	answerTime = 30 * time.Second // for one that runs to answer or to end
)

// Every program in the README is an echo server on a fixed port. Here each is
// built, run on a free port, talked to and ended.
func TestREADMEProgramsEcho(t *testing.T) {
	fixed := regexp.MustCompile(`\b700\d\b`)
	programs := 0
	for _, b := range blocks(t, "README.md") {
		if b.info != "go" || !strings.HasPrefix(b.text, "package main\n") {
			continue
		}
		programs++
		t.Run(fmt.Sprintf("line %d", b.line), func(t *testing.T) {
			dir, env := workspace(t)
			port := freePort(t)
			if n := len(fixed.FindAllString(b.text, -1)); n != 1 {
				t.Fatalf("found %d ports like 7000 in it, want one", n)
			}
			write(t, filepath.Join(dir, "main.go"), fixed.ReplaceAllString(b.text, port))
			build := exec.CommandContext(t.Context(), "go", "build", "-o", "server", ".")
			build.Dir = dir
			build.Env = append(os.Environ(), env...)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("go build: %v\n%s", err, out)
			}
			start(t, exec.Command(filepath.Join(dir, "server")))
			talk(t, net.JoinHostPort("127.0.0.1", port))
		})
	}
	if programs < 2 {
		t.Errorf("found %d programs, want one on the reactor and one on a selector", programs)
	}
}

// freePort is a port that nobody has at the moment.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// talk connects, for which it waits until the server listens, and wants an echo.
func talk(t *testing.T, address string) {
	t.Helper()
	var conn net.Conn
	for deadline := time.Now().Add(answerTime); ; time.Sleep(10 * time.Millisecond) {
		var err error
		if conn, err = net.Dial("tcp", address); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		t.Fatal(err)
	}
	const line = "to the server and back\n"
	if _, err := io.WriteString(conn, line); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(line))
	if n, err := io.ReadFull(conn, got); err != nil || string(got) != line {
		t.Fatalf("sent %q, got %q, %v", line, got[:n], err)
	}
}

// process is a program that runs until the test ends, with its children: go run
// has one.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // a signal ends it, as a rule
		close(p.done)
	}()
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.done
	})
	return p
}

// signal sends to the whole group, as a terminal does.
func (p *process) signal(s syscall.Signal) {
	if err := syscall.Kill(-p.cmd.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		panic(err) // it is our own child
	}
}

const (
	serverCommand = "go run ./cmd/iomux chat"
	echoCommand   = "go run ./cmd/iomux echo"
	testCommand   = "go test work"
	benchCommand  = "go run ./bench"
)

// Every command in the README is run here as it stands, in order, at the top of
// the tree: servers stay up for what follows, all else must end well. The
// command that runs this very test is only looked for in .ci/run.
func TestREADMECommands(t *testing.T) {
	server := "" // address of the one that is up
	for _, b := range blocks(t, "README.md") {
		if b.info != "sh" {
			continue
		}
		for line := range strings.Lines(b.text) {
			command, _, _ := strings.Cut(line, "#")
			command = strings.TrimSpace(command)
			words := strings.Fields(command)
			switch {
			case command == "":
			case command == testCommand:
				if !slices.ContainsFunc(strings.Split(read(t, ".ci/run"), "\n"), func(l string) bool { return strings.TrimSpace(l) == testCommand }) {
					t.Errorf("%v: %q is not what .ci/run runs", b, command)
				}
			case command == ".ci/run":
				if info, err := os.Stat(filepath.Join(root, command)); err != nil || info.Mode()&0o111 == 0 {
					t.Errorf("%v: %s cannot be run: %v", b, command, err)
				}
			case strings.HasPrefix(command, benchCommand): // its own tests run it, with less to do
			case command == serverCommand:
				server = serve(t)
			case strings.HasPrefix(command, echoCommand):
				if _, err := listen(t, echoCommand+" --listen tcp://127.0.0.1:0 --listen udp://127.0.0.1:0"); err != nil {
					t.Error(err)
				}
			case words[0] == "nc":
				netcat(t, words, server)
			default:
				run(t, words)
			}
		}
	}
	if server == "" {
		t.Errorf("README.md does not say %q", serverCommand)
	}
}

// serve runs the server command, with another address only where somebody has
// the one it takes by itself.
func serve(t *testing.T) (address string) {
	t.Helper()
	address, err := listen(t, serverCommand)
	if err != nil && strings.Contains(err.Error(), "address already in use") {
		t.Logf("another port will do: %v", err)
		address, err = listen(t, serverCommand+" --listen tcp://127.0.0.1:0 --web 127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// listen starts a server that stays up until the test ends, when an interrupt
// must end it, and returns the address that it prints. How it ends is not looked
// at: go run makes status 1 of any interrupt.
func listen(t *testing.T, command string) (address string, err error) {
	t.Helper()
	words := strings.Fields(command)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout = w
	p := start(t, cmd)
	w.Close()
	defer time.AfterFunc(patience, func() { p.signal(syscall.SIGKILL) }).Stop()
	line, _ := bufio.NewReader(r).ReadString('\n') // nothing, if it has ended
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening tcp://")
	if !ok {
		p.signal(syscall.SIGKILL)
		<-p.done
		return "", fmt.Errorf("%s printed %q; on standard error: %s", command, line, stderr.String())
	}
	t.Cleanup(func() {
		p.signal(syscall.SIGINT)
		select {
		case <-p.done:
		case <-time.After(answerTime):
			t.Errorf("%s, interrupted: still runs", command)
		}
	})
	return address, nil
}

// netcat runs nc against the server that is up, as one would by hand.
func netcat(t *testing.T, words []string, server string) {
	t.Helper()
	if !slices.Equal(words, []string{"nc", "127.0.0.1", "7000"}) || server == "" {
		t.Fatalf("%q: want nc 127.0.0.1 7000, after the command that runs the server", words)
	}
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("nc"); err != nil {
		if os.Getenv("IOMUX_REQUIRE_TOOLS") != "" {
			t.Fatal(err)
		}
		t.Log(err)
		return
	}
	cmd := exec.Command("nc", host, port)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, cmd)
	defer time.AfterFunc(answerTime, func() { p.signal(syscall.SIGKILL) }).Stop()
	if _, err := io.WriteString(stdin, "hello\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); !strings.HasPrefix(line, "** Welcome") {
		t.Errorf("%s: got %q, %v", cmd, line, err)
	}
	p.signal(syscall.SIGTERM)
}

// run runs a command to its end, which must be a good one.
func run(t *testing.T, words []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
}
