//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/iomux"
)

// beMain makes the test binary be the program, so that tests run what they were
// compiled with, the race detector included.
const beMain = "IOMUX_TEST_BE_MAIN"

// patience bounds every wait of a test that would otherwise hang.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(beMain) != "" {
		main()
	}
	os.Exit(m.Run())
}

// environment makes a process of the test binary be the program. One with the
// race detector would otherwise sleep for a second before it exits.
func environment(more ...string) []string {
	return append(append(os.Environ(), beMain+"=1", "GORACE=atexit_sleep_ms=0"), more...)
}

// program is the command that runs iomux; it is killed when the test ends.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = environment()
	// What a killed program's children still hold is not waited for.
	cmd.WaitDelay = patience
	return cmd
}

// result is what a program left behind.
type result struct {
	status         int
	stdout, stderr string
}

// call runs iomux to its end.
func call(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	return finish(t, program(t, args...), stdin)
}

func finish(t *testing.T, cmd *exec.Cmd, stdin string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// A Go program shows its goroutines on the way out.
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) })
	defer late.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// talk has iomux connect send lines to a server and wants an answer. The input ends
// when the answer has come: how long that takes is nobody's business.
func talk(t *testing.T, url, lines, answer string) {
	t.Helper()
	cmd := program(t, "connect", "--wait", "100ms", url)
	var log sharedBuffer
	cmd.Stderr = &log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	go func() { _, _ = io.WriteString(stdin, lines) }() // an error shows in what comes back
	got := make([]byte, len(answer))
	n, err := io.ReadFull(stdout, got)
	if err != nil || string(got) != answer {
		t.Errorf("%s: %d bytes came back for %d, and not the same, %v", url, n, len(answer), err)
	}
	stdin.Close()
	rest, err := io.ReadAll(stdout)
	if err := errors.Join(err, cmd.Wait()); err != nil || len(rest) > 0 || log.String() != "" {
		t.Errorf("%s: %v, then %.99q, %s", url, err, rest, log.String())
	}
}

// process is a running iomux echo.
type process struct {
	t           *testing.T
	cmd         *exec.Cmd
	urls        []string
	fingerprint string // of a self-signed certificate
	log         sharedBuffer
	out         *bufio.Reader
}

// sharedBuffer is what a process has written so far.
type sharedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *sharedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *sharedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startEcho runs iomux echo where args say, and on as many free ports, and waits
// until it accepts.
func startEcho(t *testing.T, ports int, args ...string) *process {
	t.Helper()
	args = append([]string{"echo"}, args...)
	for range ports {
		args = append(args, "--listen", "tcp://127.0.0.1:0")
	}
	listeners := 0
	for _, a := range args {
		if a == "--listen" {
			listeners++
		}
	}
	return start(t, program(t, args...), listeners)
}

// shortDir is a directory whose paths are short enough for the names of sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "iomux")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func start(t *testing.T, cmd *exec.Cmd, ports int) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd}
	cmd.Stderr = &p.log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill() // it may have ended by itself
			_ = cmd.Wait()         // it was killed
		}
	})
	p.out = bufio.NewReader(stdout)
	for range ports {
		line, err := p.out.ReadString('\n')
		if f, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "fingerprint "); ok && len(p.urls) == 0 && p.fingerprint == "" {
			p.fingerprint = f
			line, err = p.out.ReadString('\n')
		}
		url, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "listening ")
		if err != nil || !ok {
			t.Fatalf("it said %q, %v; log:\n%s", line, err, p.log.String())
		}
		p.urls = append(p.urls, url)
	}
	return p
}

func (p *process) address() string {
	_, address, _ := strings.Cut(p.urls[0], "://")
	return address
}

// signal sends one.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait waits for the end and returns the exit status, and what was still printed.
func (p *process) wait() (status int, rest string) {
	p.t.Helper()
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	out, err := io.ReadAll(p.out)
	if err != nil {
		p.t.Error(err)
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		p.t.Error(err)
	}
	return p.cmd.ProcessState.ExitCode(), string(out)
}

// logged waits until the log holds a text.
func (p *process) logged(text string) {
	p.t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(p.log.String(), text); {
		if time.Now().After(end) {
			p.t.Fatalf("%q was never logged:\n%s", text, p.log.String())
		}
		time.Sleep(time.Millisecond)
	}
}

// eachBackend runs f for every backend that works here.
func eachBackend(t *testing.T, f func(t *testing.T, backend string)) {
	for _, b := range iomux.Backends() {
		t.Run(string(b), func(t *testing.T) { f(t, string(b)) })
	}
}
