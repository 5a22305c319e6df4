//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// serveHere in the environment makes this test binary a server at the path that
// it holds.
const serveHere = "IOMUX_TEST_SOCKET_FILE"

// server is another process that starts at a path.
type server struct {
	cmd   *exec.Cmd
	stdin io.Closer // its end ends the server
	out   *bufio.Reader
}

// spawn runs this test binary, or a copy of it, up to the moment before it binds
// to path, which it does when begin ends.
func spawn(t *testing.T, binary, path string, begin *os.File, who *syscall.Credential) *server {
	t.Helper()
	cmd := exec.Command(binary, "-test.run=^TestProcesses$")
	cmd.Dir = "/" // where everybody may be
	cmd.Env = append(os.Environ(), serveHere+"="+path)
	cmd.ExtraFiles = []*os.File{begin}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
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
	s := &server{cmd, stdin, bufio.NewReader(stdout)}
	if line := s.line(t); line != "ready" {
		t.Fatalf("the process says %q, want that it is ready", line)
	}
	return s
}

func (s *server) line(t *testing.T) string {
	t.Helper()
	line, err := s.out.ReadString('\n')
	if err != nil {
		t.Fatal(line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// end waits for the process, which is told to end, or has been killed.
func (s *server) end(t *testing.T, killed bool) {
	t.Helper()
	if !killed {
		s.stdin.Close() // closed twice is fine
	}
	_, _ = io.Copy(io.Discard, s.out) // what the testing package prints
	if err := s.cmd.Wait(); (err != nil) != killed {
		t.Errorf("the process ended with %v", err)
	}
}

// serve is the process on the other side of spawn.
func serve(t *testing.T, path string) {
	fmt.Println("ready")
	begin := os.NewFile(3, "begin")
	_, _ = io.Copy(io.Discard, begin)
	s, err := tryStart(path, unix.SOCK_STREAM, 0o600)
	switch {
	case err == nil:
		fmt.Println("serves")
	case errors.Is(err, unix.EADDRINUSE):
		fmt.Println("in use:", err)
	default:
		fmt.Println("fails:", err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err == nil {
		s.stop(t)
	}
}

// barrier is a file that ends when all copies of release are closed.
func barrier(t *testing.T) (begin, release *os.File) {
	t.Helper()
	begin, release, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { begin.Close(); release.Close() })
	return begin, release
}

func thisBinary(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// U1: kill -9 leaves a file, and the next server takes its place. Of many
// processes that do so at once, one serves.
func TestProcesses(t *testing.T) {
	if path := os.Getenv(serveHere); path != "" {
		serve(t, path)
		return
	}
	leaktest.Check(t)
	path := filepath.Join(shortDir(t), "x.sock")
	for range 3 {
		begin, release := barrier(t)
		var all []*server
		for range 20 {
			all = append(all, spawn(t, thisBinary(t), path, begin, nil))
		}
		release.Close()
		serving := -1
		for i, s := range all {
			switch line := s.line(t); {
			case line == "serves" && serving < 0:
				serving = i
			case line == "serves":
				t.Errorf("both process %d and %d serve", serving, i)
			case !strings.HasPrefix(line, "in use:"):
				t.Errorf("process %d: %s", i, line)
			}
		}
		if serving < 0 || !answers(t, path, unix.SOCK_STREAM) {
			t.Errorf("process %d serves, and it is %v that one answers", serving, answers(t, path, unix.SOCK_STREAM))
		}
		for i, s := range all {
			if i == serving {
				if err := s.cmd.Process.Kill(); err != nil {
					t.Error(err)
				}
			} else {
				s.stdin.Close() // with the race detector a process takes a second to end: all at once
			}
		}
		for i, s := range all {
			s.end(t, i == serving)
		}
		if _, err := os.Lstat(path); err != nil || answers(t, path, unix.SOCK_STREAM) {
			t.Errorf("after kill -9: %v, and it is %v that one answers; want a dead socket", err, answers(t, path, unix.SOCK_STREAM))
		}
	}
	start(t, path, unix.SOCK_STREAM).stop(t)
}

// A dead socket of another user is left to that one, but not by root.
func TestAnotherUsersSocket(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be two users")
	}
	leaktest.Check(t)
	dir := shortDir(t)
	binary, path := filepath.Join(dir, "test"), filepath.Join(dir, "x.sock")
	text, err := os.ReadFile(thisBinary(t))
	if err == nil {
		err = errors.Join(os.WriteFile(binary, text, 0o755), os.Chmod(dir, 0o777))
	}
	if err != nil {
		t.Fatal(err)
	}
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	begin, release := barrier(t)
	release.Close()
	for _, f := range []struct {
		mode os.FileMode // of root's dead socket
		want string
	}{
		{0o666, "in use: bind: address already in use: \"" + path + "\" is a dead socket of user 0"},
		{0o600, "fails: connect \"" + path + "\", to see if a server is there: permission denied"},
	} {
		start(t, path, unix.SOCK_STREAM).crash(t)
		before, err := os.Lstat(path)
		if err == nil {
			err = os.Chmod(path, f.mode)
		}
		if err != nil {
			t.Fatal(err)
		}
		s := spawn(t, binary, path, begin, nobody)
		if line := s.line(t); !strings.HasPrefix(line, f.want) {
			t.Errorf("got %q, want %q", line, f.want)
		}
		s.end(t, false)
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("root's socket was %v and is %v, %v", before, after, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s := spawn(t, binary, path, begin, nobody)
	if line := s.line(t); line != "serves" {
		t.Errorf("got %q, want that it serves", line)
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.end(t, true)
	start(t, path, unix.SOCK_STREAM).stop(t)
}
