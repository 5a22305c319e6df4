//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package launch

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
)

// A program gets what it is given and nothing of this process's.
func TestProgramSeesWhatItIsGiven(t *testing.T) {
	leaktest.Check(t)
	t.Setenv("SECRET", "of the server's")
	stray, err := syscall.Open("/dev/zero", syscall.O_RDONLY, 0) // not close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(stray)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"tell", "", "two words", "$HOME", "`id`", "a\nb", "\xff", "--flag", "*", "5%d"}
	env := []string{"PATH=/nowhere", "LANG=C"}
	child, r := run(t, Program{Args: args, Env: env, Dir: dir})
	var got told
	err = json.NewDecoder(r).Decode(&got)
	<-child.Exited()
	if state, failed := child.End(); failed != nil || !state.Success() || err != nil {
		t.Fatal(state, failed, err)
	}
	args[6] = "�" // in JSON
	if !slices.Equal(got.Args, args) {
		t.Errorf("arguments %q, want %q", got.Args, args)
	}
	if !slices.Equal(got.Env, env) {
		t.Errorf("environment %q, want %q", got.Env, env)
	}
	if got.Dir != dir || got.Input != "" || got.InputErr != "" {
		t.Errorf("in %s, reads %q and %s", got.Dir, got.Input, got.InputErr)
	}
	if got.SID != got.PID || got.Group != got.PID {
		t.Errorf("process %d is in session %d and group %d", got.PID, got.SID, got.Group)
	}
	for _, f := range got.Open {
		if n, what, _ := strings.Cut(f, " "); len(n) > 1 || n > "2" && !strings.HasPrefix(what, "/proc/") {
			t.Errorf("descriptor %s is open", f)
		}
	}
}

// Without an environment there is none, and not this process's.
func TestNoEnvironment(t *testing.T) {
	child, r := run(t, Program{Args: []string{"tell"}})
	var got told
	if err := json.NewDecoder(r).Decode(&got); err != nil || len(got.Env) != 0 {
		t.Errorf("%q, %v", got.Env, err)
	}
	if _, err := child.End(); err != nil {
		t.Error(err)
	}
}

func TestHowItEnds(t *testing.T) {
	leaktest.Check(t)
	child, _ := run(t, Program{Args: []string{"fail"}})
	<-child.Exited()
	if state, err := child.End(); err != nil || state.ExitCode() != 3 {
		t.Errorf("%v, %v", state, err)
	}
	child, r := run(t, Program{Args: []string{"hang"}})
	pid := number(t, bufio.NewReader(r))
	state, err := child.End()
	if status := state.Sys().(syscall.WaitStatus); err != nil || status.Signal() != syscall.SIGKILL || state.Pid() != pid {
		t.Errorf("%v of %d, %v, want %d", state, state.Pid(), err, pid)
	}
	if r, err := io.ReadAll(r); len(r) > 0 || err != nil {
		t.Errorf("behind the end: %q, %v", r, err)
	}
}

// What cannot be executed says why.
func TestCannotBeExecuted(t *testing.T) {
	leaktest.Check(t)
	script := filepath.Join(t.TempDir(), "no-program")
	if err := os.WriteFile(script, []byte("this is no program\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/no/such/program":   "execute /no/such/program: no such file or directory",
		script:               "execute " + script + ": exec format error",
		filepath.Dir(script): "execute " + filepath.Dir(script) + ": permission denied",
	} {
		child, r := run(t, Program{Path: path, Args: []string{"it"}})
		<-child.Exited()
		state, err := child.End()
		if err == nil || err.Error() != "launch: "+want || state.ExitCode() != cannot {
			t.Errorf("%v, %v, want %s", state, err, want)
		}
		if out, err := io.ReadAll(r); len(out) > 0 || err != nil {
			t.Errorf("%q, %v", out, err)
		}
	}
	_, err := Start(Program{Path: executable(), Args: []string{"tell"}, Dir: "/no/such/directory"}, os.Stdout)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a directory that there is not: %v", err)
	}
}

// A process that has not called Main starts nothing: it would be its own program.
func TestNotReady(t *testing.T) {
	ready.Store(false)
	defer ready.Store(true)
	if _, err := Start(Program{Path: executable(), Args: []string{"tell"}}, os.Stdout); !errors.Is(err, ErrNotReady) || Ready() {
		t.Errorf("%v, %v", err, Ready())
	}
}

// What the launcher is told by its arguments it takes or refuses whole.
func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{nil, {"1,2,3"}, {"1,2,3", "/bin/true"}, {"1,2", "/", "x"}, {"", "/", "x"}, {"a,b,c", "/", "x"}} {
		if err := become(args); err == nil || strings.Contains(err.Error(), "execute") {
			t.Errorf("%q: %v", args, err)
		}
	}
	var got Limits
	want := Limits{1, 1 << 40, 1 << 20}
	if err := got.parse(want.String()); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

// A limit is lowered and never raised.
func TestLower(t *testing.T) {
	for _, c := range []struct{ was, value, want uint64 }{{1 << 63, 5, 5}, {4, 5, 4}, {5, 5, 5}, {^uint64(0), 0, 0}} {
		if lower(&c.was, int64(c.value)); c.was != c.want {
			t.Errorf("%d, want %d", c.was, c.want)
		}
	}
	infinite := int64(1<<63 - 1)
	if lower(&infinite, 7); infinite != 7 {
		t.Error(infinite)
	}
}

// A program is killed with what it has started, and that with what it has.
func TestKillEndsTheFamily(t *testing.T) {
	leaktest.Check(t)
	child, r := run(t, Program{Args: []string{"family"}})
	in := bufio.NewReader(r)
	var pids []int
	for range 1 + 3 + 3*3 {
		pids = append(pids, number(t, in))
	}
	child.Kill()
	<-child.Exited()
	if state, err := child.End(); err != nil || state.ExitCode() != -1 {
		t.Errorf("%v, %v", state, err)
	}
	for _, pid := range pids {
		awaitGone(t, pid)
	}
}

// What is left behind by a program that ended by itself ends with it.
func TestEndEndsWhatIsLeft(t *testing.T) {
	leaktest.Check(t)
	child, r := run(t, Program{Args: []string{"orphan"}})
	in := bufio.NewReader(r)
	var pids []int
	for range 1 + 3 {
		pids = append(pids, number(t, in))
	}
	<-child.Exited()
	if state, err := child.End(); err != nil || !state.Success() {
		t.Errorf("%v, %v", state, err)
	}
	for _, pid := range pids {
		awaitGone(t, pid)
	}
}

// number reads a line of digits.
func number(t *testing.T, r *bufio.Reader) int {
	t.Helper()
	line, err := r.ReadString('\n')
	n, _ := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || n == 0 {
		t.Fatalf("got %q, %v, want a number", line, err)
	}
	return n
}

// awaitGone waits until a process does not run any more. One that nobody waits for
// stays as a zombie where there is no init.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(patience); alive(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %d still runs", pid)
		}
	}
}

func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESRCH) || !hasProc()
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func hasProc() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}

func session() int {
	out, err := exec.Command("ps", "-o", "sess=", "-p", strconv.Itoa(os.Getpid())).Output()
	n, _ := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || n == 0 {
		return os.Getpid() // no ps that tells
	}
	return n
}
