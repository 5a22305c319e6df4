//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package launch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"

	"example.com/iomux/internal/sys"
)

// ErrNotReady: Main was not called, so that this process, started once more, would do
// what it does now.
var ErrNotReady = errors.New("the launcher is not installed")

// Program is what Start runs. Standard input and standard error are the null device,
// and no other descriptor is open in it.
type Program struct {
	Path   string   // of its file; no PATH is searched
	Args   []string // the name it is called by, and its arguments
	Env    []string // all of its environment
	Dir    string   // where it runs
	User   *User    // nil: who this process is
	Limits Limits
}

// User is who a program is to be; it has no groups but GID. Only root can be another.
type User struct{ UID, GID uint32 }

// Limits are those that setrlimit(2) knows, 0 for none. What this process itself is
// limited to holds in any case.
type Limits struct {
	CPU       int64 // seconds, of each process
	Memory    int64 // bytes of address space, of each process
	Processes int64 // of the user, with those that have nothing to do with the program; root has no such limit
}

// Process is a program that Start has started. It has to be ended by End.
type Process struct {
	pid    int
	exited chan struct{} // closed when the program has ended
	reap   chan struct{} // closed when its number may be given to another
	reaped chan struct{}
	state  *os.ProcessState
	failed *os.File // where the launcher says why it could not
}

// Start starts a program, whose standard output goes to a file. The program is killed
// when this process ends, however that comes about (Linux). Any goroutine may call it.
// Errors: ErrNotReady; those of os.StartProcess. That the program itself cannot be
// executed is for End to say.
func Start(p Program, stdout *os.File) (*Process, error) {
	if !ready.Load() {
		return nil, fmt.Errorf("launch %s: %w", p.Path, ErrNotReady)
	}
	failed, failure, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("launch %s: %w", p.Path, err)
	}
	defer func() { _ = failure.Close() }() // the program has its own
	cmd := &exec.Cmd{
		Path:        self(),
		Args:        append([]string{marker, p.Limits.String(), p.Path}, p.Args...),
		Env:         append([]string{}, p.Env...), // nil would be this process's
		Dir:         p.Dir,
		Stdout:      stdout,
		ExtraFiles:  []*os.File{failure},
		SysProcAttr: attributes(),
	}
	if p.User != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: p.User.UID, Gid: p.User.GID}
	}
	child := &Process{
		exited: make(chan struct{}),
		reap:   make(chan struct{}),
		reaped: make(chan struct{}),
		failed: failed,
	}
	started := make(chan error, 1)
	go child.attend(cmd, started)
	if err := <-started; err != nil {
		return nil, errors.Join(fmt.Errorf("launch %s: %w", p.Path, err), failed.Close())
	}
	return child, nil
}

// attend is with the process from its beginning to its end.
func (p *Process) attend(cmd *exec.Cmd, started chan<- error) {
	// The kernel takes the end of the thread that forked for the end of the process,
	// PR_SET_PDEATHSIG in prctl(2).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	p.pid = cmd.Process.Pid
	started <- nil
	// Until it is waited for as well, its number is nobody else's, nor is its group's.
	kept := sys.AwaitExit(p.pid) == 0
	if !kept {
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
	}
	close(p.exited)
	<-p.reap
	if kept {
		_ = cmd.Wait()
	}
	p.state = cmd.ProcessState
	close(p.reaped)
}

// Exited is closed when the program has ended. What it has started may still run.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Kill ends the program and what it has started, as far as that has not moved to a
// session or group of its own. It is not for after End.
func (p *Process) Kill() {
	// Nobody else can have the group's number while the program was not waited for,
	// see attend. That there is nobody left is no error.
	_ = sys.KillGroup(p.pid)
}

// End is Kill, and waits for the program; it returns how that has ended. The error
// says why it was never executed.
func (p *Process) End() (*os.ProcessState, error) {
	p.Kill()
	<-p.exited
	close(p.reap)
	<-p.reaped
	why, _ := io.ReadAll(p.failed) // it has had one writer, which has ended
	_ = p.failed.Close()
	if len(why) > 0 {
		return p.state, fmt.Errorf("launch: %s", why)
	}
	return p.state, nil
}

// ready is set by Main.
var ready atomic.Bool

// Ready reports whether Main was called.
func Ready() bool { return ready.Load() }
