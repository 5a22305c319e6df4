//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// patience bounds what must happen in the end; no test waits so long unless it
// fails.
const patience = 20 * time.Second

// roleVariable in the environment makes this test binary one of the roles.
const roleVariable = "IOMUX_TEST_HANDOVER"

// roles are what other processes do in tests. They return the exit code.
var roles = map[string]func() int{
	"inheritor":  inheritor,
	"notifier":   notifier,
	"generation": generation,
	"quitter":    quitter,
	"pauper":     pauper,
}

func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv(roleVariable)]; ok {
		os.Exit(role())
	}
	os.Exit(leaktest.Main(m))
}

// process is this test binary in a role.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer // its end ends those that serve
	out   *bufio.Reader
}

// run starts a process that plays a role, with further arguments before its own:
// a shell, for example.
func run(t *testing.T, role string, prepare func(cmd *exec.Cmd), before ...string) *process {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := slices.Concat(before, []string{binary})
	cmd := exec.Command(args[0], args[1:]...)
	// The race detector would have each process wait for a second at its end.
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	if prepare != nil {
		prepare(cmd)
	}
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
	return &process{cmd, stdin, bufio.NewReader(stdout)}
}

// line is what the process says next.
func (p *process) line(t *testing.T) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the process says %q and then %v", line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// end waits for the process, after it was told to end.
func (p *process) end(t *testing.T) {
	t.Helper()
	p.stdin.Close()
	_, _ = io.Copy(io.Discard, p.out)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the process ended with %v", err)
	}
}

// place is a path for a socket file, short enough for an address.
func place(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "iomux")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "h.sock")
}

// within is a context for what must happen in the end.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// receive waits for a value from another goroutine.
func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// want fails the test unless err is the wanted one.
func want(t testing.TB, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: got %v, want %v", what, err, target)
	}
}

// messages is a log whose messages a test can wait for, as many as it has room for.
type messages chan string

func (m messages) Write(p []byte) (int, error) {
	select {
	case m <- string(p):
	default:
	}
	return len(p), nil
}

// predecessor is a Server that serves in a goroutine.
type predecessor struct {
	path   string
	server *Server
	log    messages
	left   chan struct{} // closed by leave
	served chan error    // what Serve has returned
	stop   context.CancelFunc
}

// precede starts a predecessor. It is stopped in the end, unless it has left.
func precede(t *testing.T, s *Server, path string, sockets func() ([]Socket, error)) *predecessor {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &predecessor{path, s, make(messages, 10), make(chan struct{}), make(chan error, 1), cancel}
	s.Logger = slog.New(slog.NewTextHandler(p.log, nil))
	go func() { p.served <- s.Serve(ctx, sockets, func() { close(p.left) }) }()
	t.Cleanup(func() {
		cancel()
		if err, ok := <-p.served; ok && err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Serve: %v", err)
		}
	})
	return p
}

// hasLeft waits until the predecessor is through.
func (p *predecessor) hasLeft(t *testing.T) {
	t.Helper()
	if err := receive(t, p.served); err != nil {
		t.Fatalf("Serve: %v", err)
	}
	close(p.served)
	select {
	case <-p.left:
	default:
		t.Error("Serve has returned and leave was not called")
	}
}

// stays fails the test if the predecessor has left.
func (p *predecessor) stays(t *testing.T) {
	t.Helper()
	select {
	case <-p.left:
		t.Error("the predecessor has left")
	default:
	}
}

func listenAt(t *testing.T, path string) *Server {
	t.Helper()
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// none hands over nothing but the socket file.
func none() ([]Socket, error) { return nil, nil }

// listenTCP listens until the test ends.
func listenTCP(t *testing.T) *net.TCPListener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln.(*net.TCPListener)
}

// filer is a socket of package net.
type filer interface{ File() (*os.File, error) }

// handing makes the function that Serve calls: duplicates of one Socket's files.
func handing(name, url string, sockets ...filer) func() ([]Socket, error) {
	return func() ([]Socket, error) {
		s := Socket{Name: name, URL: url}
		for _, f := range sockets {
			file, err := f.File()
			if err != nil {
				return []Socket{s}, err
			}
			s.Files = append(s.Files, file)
		}
		return []Socket{s}, nil
	}
}

// hook installs hooks for the test. With them set, tests cannot run in parallel.
func hook(t *testing.T, h *sys.Hooks) {
	t.Helper()
	t.Cleanup(sys.SetHooks(h))
}

// open is how many descriptors below 1000 this process has.
func open() (n int) {
	for fd := range 1000 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n
}
