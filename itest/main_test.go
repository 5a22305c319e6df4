//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package itest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/iomux"
)

// patience bounds every wait of a test that would otherwise hang.
const patience = 30 * time.Second

// program is the iomux binary that TestMain has built.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "iomux-itest")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "iomux")
	// From its own module, so that it needs no workspace.
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "./iomux")
	build.Dir, build.Stderr = "../cmd", os.Stderr
	status := 1
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot build iomux:", err)
	} else {
		status = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(status)
}

// requireTools, when it is 1, turns a skip for want of a tool into a failure.
const requireTools = "IOMUX_REQUIRE_TOOLS"

// tool is the path of a program that a test needs. Without it the test is
// skipped, and says whose fault that is.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name, "it is not installed")
	}
	return path
}

// missing skips the test for want of a tool, or fails it where all tools must
// be there.
func missing(t *testing.T, name, why string) {
	t.Helper()
	if os.Getenv(requireTools) == "1" {
		t.Fatalf("needs the tool %s: %s (and %s=1)", name, why, requireTools)
	}
	t.Skipf("needs the tool %s: %s", name, why)
}

// eachBackend runs f for every backend that works here.
func eachBackend(t *testing.T, f func(t *testing.T, backend string)) {
	for _, b := range iomux.Backends() {
		t.Run(string(b), func(t *testing.T) { f(t, string(b)) })
	}
}

// server is a running iomux echo.
type server struct {
	t       *testing.T
	cmd     *exec.Cmd // it, or what it runs under
	pid     int       // its own
	address string
	port    string
	log     sharedBuffer
	out     *bufio.Reader
}

// sharedBuffer is what a process has written so far.
type sharedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *sharedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *sharedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// serve runs iomux echo on a free port and waits until it accepts.
func serve(t *testing.T, args ...string) *server {
	t.Helper()
	return serveUnder(t, nil, args...)
}

// serveUnder is serve below another program, such as a tracer.
func serveUnder(t *testing.T, wrapper []string, args ...string) *server {
	t.Helper()
	words := append(append([]string{}, wrapper...), program, "echo", "--listen", "tcp://127.0.0.1:0")
	words = append(words, args...)
	s := &server{t: t, cmd: exec.Command(words[0], words[1:]...)}
	s.cmd.Stderr = &s.log
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.pid = s.cmd.Process.Pid
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			// A tracer that is killed lets go of what it traces: the server
			// must go first. Both may have ended by themselves.
			_ = syscall.Kill(s.pid, syscall.SIGKILL)
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("log of the server:\n%s", s.log.String())
		}
	})
	s.out = bufio.NewReader(stdout)
	line, err := s.out.ReadString('\n')
	scheme, address, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "://")
	if err != nil || !ok || scheme != "listening tcp" && scheme != "listening tls" {
		t.Fatalf("the server said %q, %v", line, err)
	}
	s.address = address
	_, s.port, err = net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	if wrapper != nil {
		s.pid = s.descendant(s.pid)
	}
	return s
}

// descendant is the process at the end of the line below pid, which may be pid
// itself: some wrappers run a child, some turn into it.
func (s *server) descendant(pid int) int {
	s.t.Helper()
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		s.t.Fatal(err)
	}
	var child int
	if _, err := fmt.Sscan(string(list), &child); err != nil {
		return pid // it has none
	}
	return s.descendant(child)
}

// end asks the server to end, and wants it to do so in good order.
func (s *server) end() {
	s.t.Helper()
	if err := syscall.Kill(s.pid, syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if status := s.wait(); status != 0 {
		s.t.Errorf("exit status of the server: %d", status)
	}
}

// wait waits for the server's end and returns its exit status.
func (s *server) wait() int {
	s.t.Helper()
	late := time.AfterFunc(patience, func() { _ = syscall.Kill(s.pid, syscall.SIGKILL) })
	defer late.Stop()
	if rest, err := io.ReadAll(s.out); err != nil || len(rest) > 0 {
		s.t.Errorf("the server also said %q, %v", rest, err)
	}
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		s.t.Error(err)
	}
	return s.cmd.ProcessState.ExitCode()
}

// dial connects to the server; all that is done on the connection must end
// within patience.
func (s *server) dial() *net.TCPConn {
	s.t.Helper()
	conn, err := dial(s.address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// dial connects to an address with a socket that control has prepared.
func dial(address string, control func(network, address string, c syscall.RawConn) error) (*net.TCPConn, error) {
	d := net.Dialer{Timeout: patience, Control: control}
	conn, err := d.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), conn.SetDeadline(time.Now().Add(patience))
}

// exchange sends a message and wants it back.
func exchange(conn net.Conn, message string) error {
	if _, err := io.WriteString(conn, message); err != nil {
		return err
	}
	got := make([]byte, len(message))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if string(got) != message {
		return fmt.Errorf("sent %q and got %q", message, got)
	}
	return nil
}

// ofPrograms is called by tests of programs that take long, and watch from outside what
// was not built with the race detector: with it they would show nothing that they do
// not show without it.
func ofPrograms(t *testing.T) {
	t.Helper()
	if raced() {
		t.Skip("the program that this test runs is not built with the race detector")
	}
}

// raced reports whether the tests, and what they start of themselves, were built with
// the race detector.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
