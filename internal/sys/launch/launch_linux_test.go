package launch

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"example.com/iomux/internal/leaktest"
)

// cat prints a file of /proc/self, which then tells of cat.
func cat(t *testing.T, file string, p Program) string {
	t.Helper()
	p.Path, p.Args = "/bin/cat", []string{"cat", "/proc/self/" + file}
	child, r := run(t, p)
	out, err := io.ReadAll(r)
	<-child.Exited()
	if state, failed := child.End(); failed != nil || err != nil || !state.Success() {
		t.Fatalf("%v, %v, %v: %s", state, failed, err, out)
	}
	return regexp.MustCompile(`[ \t]+`).ReplaceAllString(string(out), " ")
}

func wantLine(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+text, "\n"+line) {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
}

func TestLimits(t *testing.T) {
	leaktest.Check(t)
	wantLine(t, cat(t, "limits", Program{Limits: Limits{CPU: 7, Memory: 1 << 28, Processes: 99}}),
		"Max cpu time 7 7 seconds", "Max address space 268435456 268435456 bytes", "Max processes 99 99 processes", "Max core file size 0 0 bytes")
	own, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		t.Fatal(err)
	}
	// Without limits it has those of this process, but for core files, and but for
	// the open files that Go raises and gives back.
	with := regexp.MustCompile(`Max (cpu time|address space|processes) .*\n`)
	squeezed := regexp.MustCompile(`[ \t]+`).ReplaceAllString(string(own), " ")
	wantLine(t, cat(t, "limits", Program{}), append(with.FindAllString(squeezed, -1), "Max core file size 0 0 bytes")...)
}

func TestNoNewPrivileges(t *testing.T) {
	wantLine(t, cat(t, "status", Program{}), "NoNewPrivs: 1")
}

// Signals that this process ignores are not ignored by the program.
func TestSignalsAreNotIgnored(t *testing.T) {
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	wantLine(t, cat(t, "status", Program{}), "SigIgn: 0000000000000000")
}

func TestUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	status := cat(t, "status", Program{User: &User{UID: 65534, GID: 65533}})
	wantLine(t, status, "Uid: 65534 65534 65534 65534", "Gid: 65533 65533 65533 65533", "Groups: \n", "CapEff: 0000000000000000", "CapPrm: 0000000000000000")
}

// A program does not outlive this process, however that ends.
func TestParentIsKilled(t *testing.T) {
	leaktest.Check(t)
	parent := exec.Command(executable())
	parent.Args = []string{"parent"}
	r, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	pid := number(t, bufio.NewReader(r))
	if !alive(pid) {
		t.Errorf("%d does not run", pid)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = parent.Wait() // killed
	awaitGone(t, pid)
}

// As it is where there is no close_range(2).
func TestMarkEach(t *testing.T) {
	fd, err := syscall.Open("/dev/zero", syscall.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	markEach(fd)
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
	if errno != 0 || flags&syscall.FD_CLOEXEC == 0 {
		t.Errorf("flags %#x, %v", flags, errno)
	}
}
