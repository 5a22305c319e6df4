//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"example.com/iomux/internal/sys"
)

// process is a child, as the parent sees it.
type process struct {
	pid   int
	os    *os.Process
	clock *time.Timer // of its request, see Options.ChildTimeout; Server.mu guards it

	mu    sync.Mutex
	ended bool // its number may be another's
}

// kill kills the process and those in its group, and reports whether it was there.
func (p *process) kill() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.ended && sys.KillGroup(p.pid) == 0
}

// wait waits for the process to end. Only this one: children that somebody else has
// started are left to them. The state is nil if somebody has taken it away.
func (p *process) wait() *os.ProcessState {
	// Once it is collected, its number may be given to another, whom kill must not
	// meet. So that is forbidden before. Where the system does not tell before, it is
	// forbidden right after: the number would have to be given away in that moment.
	if p.awaitExit() {
		p.end()
	}
	state, err := p.os.Wait()
	p.end()
	if err != nil {
		return nil
	}
	return state
}

// awaitExit waits until the process has ended and is there to be collected, and reports
// whether that is known. If it can it takes no thread for that: there may be as many
// as children, and the runtime ends a process that gets no thread, where getting no
// child is an error like others.
func (p *process) awaitExit() bool {
	fd, errno := sys.Pidfd(p.pid)
	if errno != 0 {
		return sys.AwaitExit(p.pid) == 0
	}
	f := os.NewFile(uintptr(fd), "child")
	defer func() { _ = f.Close() }() // nothing was written to it
	ended := false
	if raw, err := f.SyscallConn(); err == nil {
		err = raw.Read(func(uintptr) bool {
			ended, errno = sys.Exited(p.pid)
			return ended || errno != 0
		})
		if err == nil {
			return ended
		}
	}
	return sys.AwaitExit(p.pid) == 0
}

func (p *process) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
}

// wind sets a clock for the request that the process is given; Server.mu is held.
func (s *Server) wind(p *process) {
	if s.options.ChildTimeout == 0 {
		return
	}
	var t *time.Timer
	t = time.AfterFunc(s.options.ChildTimeout, func() {
		s.mu.Lock()
		late := p.clock == t && p.kill() // else it has gone on to another request
		s.mu.Unlock()
		if late {
			s.options.Logger.Warn("a child took too long and was killed", "server", s.URL(), "pid", p.pid, "limit", s.options.ChildTimeout)
		}
	})
	p.clock = t
}

// stopClock is for when the request is over; Server.mu is held.
func (p *process) stopClock() {
	if p.clock != nil {
		p.clock.Stop()
		p.clock = nil
	}
}

// startChild starts a child in a role. Its files stay the caller's; sockets among them
// must not block, for as long as they do in the child they do here. Errors:
// reactor.ErrClosed; the kernel's, such as EAGAIN (no more processes) and EMFILE.
func (s *Server) startChild(role string, files ...*os.File) (*process, error) {
	spawner, err := s.startingChild()
	if err != nil {
		return nil, err
	}
	p, err := s.launch(spawner, role, files)
	s.startedChild(p)
	return p, err
}

func (s *Server) launch(spawner chan<- func(), role string, files []*os.File) (*process, error) {
	program, err := s.childProgram()
	if err != nil {
		return nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }() // the child has it
	attr := &os.ProcAttr{
		Files: append([]*os.File{null, os.Stdout, os.Stderr}, files...),
		Env:   childEnviron(role, s.options.Child),
		Sys:   childAttributes(),
	}
	var p *os.Process
	done := make(chan struct{})
	spawner <- func() {
		defer close(done)
		p, err = os.StartProcess(program, os.Args, attr)
	}
	<-done
	if err != nil {
		return nil, fmt.Errorf("start a process: %w", err)
	}
	return &process{pid: p.Pid, os: p}, nil
}

// childEnviron is the environment of this process, with what makes one a child.
func childEnviron(role, name string) []string {
	environ := os.Environ()
	list := make([]string, 0, len(environ)+1)
	for _, v := range environ {
		if !strings.HasPrefix(v, childVariable+"=") {
			list = append(list, v)
		}
	}
	return append(list, childVariable+"="+role+" "+name)
}

// spawn starts processes, one after the other, on a thread that nothing else runs on.
// For Linux kills a child with its parent by killing it with the thread that started
// it (PR_SET_PDEATHSIG), and a goroutine that ends locked to its thread ends that as
// well: it may be any that handlers, or others in the program, have made. Here the thread
// is locked until the last child has ended. That one starts at a time costs nothing, for
// package syscall lets no more (ForkLock).
func spawn(starts <-chan func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread() // no child hangs on it any more
	for start := range starts {
		start()
	}
}
