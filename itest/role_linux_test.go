package itest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// roleVariable in the environment makes this test binary another process that a
// test needs: the one of roles that it names.
const roleVariable = "IOMUX_ITEST_ROLE"

// roles are such processes. They get their arguments and return the exit status.
var roles = map[string]func(args []string) int{
	"rester":     rester,
	"glass":      glass,
	"beater":     beater,
	"activated":  activated,
	"dialer":     dialer,
	"generation": generation,
	"inspector":  inspector,
	"liner":      liner,
	"knocker":    knocker,
	"packets":    packets,
	"starter":    starter,
	"visitor":    visitor,
}

// A role begins here, before TestMain, which would build the program first. In a
// test process the main thread is kept for the main goroutine: /proc/self and
// /proc/net are what that thread has, and a test may move its own to a network of
// its own.
func init() {
	runtime.LockOSThread()
	name, ok := os.LookupEnv(roleVariable)
	if !ok {
		return
	}
	role, ok := roles[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "no role %q\n", name)
		os.Exit(2)
	}
	os.Exit(role(os.Args[1:]))
}

// complain says on standard error what ends a role.
func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// untilEnd waits until the test closes the role's standard input.
func untilEnd() { _, _ = io.Copy(io.Discard, os.Stdin) }

// process is a role or a program that runs.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer // its end ends a role
	out   *bufio.Reader
	log   sharedBuffer
	over  bool // it was waited for
}

// thisBinary is the test binary.
func thisBinary(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// startRole starts this binary in a role, with wrapper before it: a program that
// runs what is appended to its arguments.
func startRole(t *testing.T, wrapper []string, role string, args ...string) *process {
	t.Helper()
	return startRoleOf(t, thisBinary(t), wrapper, role, args...)
}

// startRoleOf is startRole with a copy of this binary.
func startRoleOf(t *testing.T, binary string, wrapper []string, role string, args ...string) *process {
	t.Helper()
	return launch(t, nil, []string{roleVariable + "=" + role}, slices.Concat(wrapper, []string{binary}, args)...)
}

// launch starts a program, with further descriptors and variables.
func launch(t *testing.T, files []*os.File, env []string, words ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(words[0], words[1:]...)}
	p.cmd.Dir = "/"                                              // where every user may be
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // or each role ends a second late
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.ExtraFiles = files
	p.cmd.Stderr = &p.log
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.stdin, p.out = stdin, bufio.NewReader(stdout)
	t.Cleanup(func() {
		if !p.over {
			p.kill()
		}
		if t.Failed() && p.log.String() != "" {
			t.Logf("log of %v:\n%s", p.cmd, p.log.String())
		}
	})
	return p
}

// line is what the process says next. It fails the test if that is nothing.
func (p *process) line() string {
	p.t.Helper()
	line, ok := p.next()
	if !ok {
		p.t.Fatalf("%v ended after %q, log:\n%s", p.cmd, line, p.log.String())
	}
	return line
}

// next is what the process says next, ok false if it ends.
func (p *process) next() (line string, ok bool) {
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	line, err := p.out.ReadString('\n')
	return strings.TrimSuffix(line, "\n"), err == nil
}

// expect wants a line of the process.
func (p *process) expect(want string) {
	p.t.Helper()
	if got := p.line(); got != want {
		p.t.Fatalf("%v said %q, want %q; log:\n%s", p.cmd, got, want, p.log.String())
	}
}

// end asks a role to end, and returns the lines that it says before it does, and
// its exit status.
func (p *process) end() (lines []string, status int) {
	p.t.Helper()
	p.stdin.Close()
	for {
		line, ok := p.next()
		if !ok {
			return lines, p.wait()
		}
		lines = append(lines, line)
	}
}

// child is the process that a wrapper runs.
func (p *process) child() (pid int) {
	p.t.Helper()
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.cmd.Process.Pid, p.cmd.Process.Pid))
	if err == nil {
		_, err = fmt.Sscan(string(list), &pid)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return pid
}

// wait waits for the process to end by itself and returns its exit status.
func (p *process) wait() int {
	p.t.Helper()
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	_, _ = io.Copy(io.Discard, p.out)
	p.over = true
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		p.t.Error(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// kill ends the process as kill -9 does.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	p.wait()
}

// asNobody is a wrapper that makes another user of who runs below it.
func asNobody(t *testing.T) []string {
	t.Helper()
	setpriv := tool(t, "setpriv")
	if os.Geteuid() != 0 {
		missing(t, "setpriv", "only root can become another user")
	}
	return []string{setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"}
}

// publicCopy is a copy of a program where every user can run it, in a directory
// that every user can look into.
func publicCopy(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(publicDir(t), "program")
	if err := os.WriteFile(name, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

// publicDir is a directory that every user can look into, with a path that leaves
// room in the address of a Unix socket.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "iomux-public")
	if err == nil {
		t.Cleanup(func() { os.RemoveAll(dir) })
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for this: %s", patience, what)
		}
	}
}

// arrives waits for a value from another goroutine.
func arrives[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("nothing came in %v", patience)
		panic("unreachable")
	}
}

// descriptors is how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
