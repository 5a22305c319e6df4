//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// group starts a shell that leads a group of its own, with a process in it that would
// live on, and returns it and the pipe that both hold open.
func group(t *testing.T) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "sleep 1000 & echo started; wait")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	r := bufio.NewReader(out)
	line, err := r.ReadString('\n')
	check(t, err)
	if line != "started\n" {
		t.Fatalf("got %q", line)
	}
	return cmd, r
}

func TestKillGroup(t *testing.T) {
	leaktest.Check(t)
	cmd, out := group(t)
	ok(t, KillGroup(cmd.Process.Pid))
	rest, err := io.ReadAll(out) // to the end of both
	check(t, err)
	if len(rest) > 0 {
		t.Errorf("got %q", rest)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != unix.SIGKILL {
		t.Errorf("it ended with %v", err)
	}
}

// What has ended is still there to be collected.
func TestAwaitExit(t *testing.T) {
	leaktest.Check(t)
	cmd := exec.Command("sh", "-c", "exit 7")
	check(t, cmd.Start())
	e := AwaitExit(cmd.Process.Pid)
	if e == unix.ENOTSUP {
		t.Log("not on this system")
	} else {
		ok(t, e)
		ok(t, AwaitExit(cmd.Process.Pid))
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("it ended with %v", err)
	}
	if e := AwaitExit(cmd.Process.Pid); e != unix.ECHILD && e != unix.ENOTSUP {
		t.Errorf("when it is collected: %v", e)
	}
}

// A descriptor of a process says when it has ended, and Exited that it has.
func TestPidfd(t *testing.T) {
	leaktest.Check(t)
	cmd, _ := group(t)
	if ended, e := Exited(cmd.Process.Pid); ended || e != 0 && e != unix.ENOTSUP {
		t.Errorf("while it runs: %v, %v", ended, e)
	}
	fd, e := Pidfd(cmd.Process.Pid)
	ok(t, KillGroup(cmd.Process.Pid))
	defer cmd.Wait()
	if e == unix.ENOTSUP || e == unix.ENOSYS || e == unix.EINVAL {
		t.Skip("not on this system: ", e)
	}
	ok(t, e)
	if !closeOnExec(t, fd) {
		t.Error("it is not close-on-exec")
	}
	f := os.NewFile(uintptr(fd), "")
	defer f.Close()
	raw, err := f.SyscallConn()
	check(t, err)
	times := 0
	check(t, raw.Read(func(uintptr) bool { // what cannot wait fails
		times++
		ended, e := Exited(cmd.Process.Pid)
		ok(t, e)
		return ended
	}))
	if times > 10 {
		t.Errorf("it was woken %d times", times)
	}
	if ended, e := Exited(cmd.Process.Pid); !ended || e != 0 {
		t.Errorf("it is not there to be collected: %v, %v", ended, e)
	}
}

func TestSocketpair(t *testing.T) {
	leaktest.Check(t)
	a, b, e := Socketpair()
	ok(t, e)
	p := make([]byte, 10)
	for _, fd := range []int{a, b} {
		if !closeOnExec(t, fd) {
			t.Errorf("%d is not close-on-exec", fd)
		}
		if n, e := Read(fd, p); e != unix.EAGAIN {
			t.Errorf("read %d, %v", n, e)
		}
	}
	for _, way := range [][2]int{{a, b}, {b, a}} {
		_, e := Write(way[0], []byte("abc"))
		ok(t, e)
		if n, e := Read(way[1], p); e != 0 || string(p[:n]) != "abc" {
			t.Errorf("read %d, %v", n, e)
		}
	}
	ok(t, Close(a))
	if n, e := Read(b, p); n != 0 || e != 0 {
		t.Errorf("at the end: %d, %v", n, e)
	}
	ok(t, Close(b))
}
