//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// idlePids are the processes of a pool that wait for a request.
func idlePids(s *Server) (list []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.children.pool.idle {
		list = append(list, w.pid)
	}
	return list
}

func idleWorkers(s *Server) int { return len(idlePids(s)) }

// A process of the pool that dies, whether it is idle or not, is replaced.
func TestPoolReplaces(t *testing.T) {
	leaktest.Check(t)
	const n = 3
	s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: true, MaxChildren: n})
	serve(t, s)
	for round := range 6 {
		for idleWorkers(s) < n {
			await(t)
		}
		victim := idlePids(s)[round%n]
		if round%2 == 0 {
			if err := unix.Kill(victim, unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
		} else {
			expectCut(t, asking(t, s, fmt.Sprintf("exit %d\n", round/2)))
		}
		for round%2 == 0 && slices.Contains(idlePids(s), victim) { // what it got now would be lost
			await(t)
		}
		for range n + 1 {
			if got := ask(t, client(t, s), "echo on\n"); got != "on" {
				t.Errorf("got %q", got)
			}
		}
	}
}

// asking is a client that has asked for something.
func asking(t *testing.T, s *Server, line string) net.Conn {
	t.Helper()
	c := client(t, s)
	if _, err := io.WriteString(c, line); err != nil {
		t.Fatal(err)
	}
	return c
}

// Processes that die at once are started more and more rarely, and as soon as they do
// not, they serve.
func TestPoolCrashLoop(t *testing.T) {
	leaktest.Check(t)
	const n = 3
	sick, heal := held(t)
	t.Setenv(sickVariable, sick)
	log := &logBuffer{}
	s := openFork(t, "tcp", Options{Mode: Forking, Child: "sickly", Pool: true, MaxChildren: n, Logger: slog.New(slog.NewTextHandler(log, nil))})
	began := time.Now()
	serve(t, s)
	c := asking(t, s, "echo at last\n")
	for log.count("exit status 3") < 7*n {
		await(t)
	}
	deaths := log.count("exit status 3")
	rounds, at := 1, time.Duration(0) // how many each slot can have had by now
	for pause := minRestartPause; at+pause <= time.Since(began); pause = min(2*pause, maxRestartPause) {
		at += pause
		rounds++
	}
	if deaths > n*rounds {
		t.Errorf("%d processes have died of %d that could be started", deaths, n*rounds)
	}
	heal()
	if got := answer(t, c); got != "at last" {
		t.Errorf("got %q", got)
	}
}

// Requests that kill their process are no reason to start processes at any rate, until
// one has been served.
func TestPoolPausesBetweenDeaths(t *testing.T) {
	leaktest.Check(t)
	s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: true, MaxChildren: 1})
	serve(t, s)
	if got := ask(t, client(t, s), "echo on\n"); got != "on" {
		t.Errorf("got %q", got)
	}
	began := time.Now()
	least := time.Duration(0)
	for i := range 6 {
		expectCut(t, asking(t, s, "exit 3\n"))
		if i > 0 { // the first has served one before
			least += minRestartPause << (i - 1)
		}
	}
	if got := ask(t, client(t, s), "echo on\n"); got != "on" {
		t.Errorf("got %q", got)
	}
	if took := time.Since(began); took < least {
		t.Errorf("6 processes were started within %v, want at least %v", took, least)
	}
}

// A server can be closed while its processes die.
func TestPoolCrashLoopEnds(t *testing.T) {
	leaktest.Check(t)
	sick, _ := held(t)
	t.Setenv(sickVariable, sick)
	log := &logBuffer{}
	s := openFork(t, "tcp", Options{Mode: Forking, Child: "sickly", Pool: true, MaxChildren: 2, Logger: slog.New(slog.NewTextHandler(log, nil))})
	serve(t, s)
	for log.count("exit status 3") < 6 {
		await(t)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// holding keeps requests in the parent until it is told to let go.
type holding struct {
	Base
	held  chan struct{}
	letGo chan struct{}
}

func (h holding) GetRequest(r *Request) error {
	return r.Await(func() error {
		h.held <- struct{}{}
		<-h.letGo
		return nil
	})
}

// The process that a request was accepted for may die before it gets it.
func TestPoolProcessDiesBefore(t *testing.T) {
	leaktest.Check(t)
	h := holding{held: make(chan struct{}, 1), letGo: make(chan struct{})}
	s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: true, MaxChildren: 1, Hooks: h})
	serve(t, s)
	c := asking(t, s, "echo served\n")
	receive(t, h.held)
	if err := unix.Kill(idlePids(s)[0], unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for idleWorkers(s) > 0 {
		await(t)
	}
	close(h.letGo)
	if got := answer(t, c); got != "served" {
		t.Errorf("got %q", got)
	}
}

// When a server is closed, a request that has no process any more is given up.
func TestPoolClosesWithoutProcess(t *testing.T) {
	leaktest.Check(t)
	sick, _ := held(t)
	h := holding{held: make(chan struct{}, 1), letGo: make(chan struct{})}
	s := openFork(t, "tcp", Options{Mode: Forking, Child: "sickly", Pool: true, MaxChildren: 1, Hooks: h})
	stop := serve(t, s)
	c := asking(t, s, "echo served\n")
	receive(t, h.held)
	t.Setenv(sickVariable, sick)
	if err := unix.Kill(idlePids(s)[0], unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for idleWorkers(s) > 0 {
		await(t)
	}
	close(h.letGo)
	for stacks := make([]byte, 1<<20); !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte(".takeWorker(")); {
		await(t)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	expectCut(t, c)
}

// A process that is dead when it is to get a request, which nobody has noticed yet, is
// passed over.
func TestPoolPassesOverTheDead(t *testing.T) {
	leaktest.Check(t)
	s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: true, MaxChildren: 1})
	serve(t, s)
	for idleWorkers(s) < 1 {
		await(t)
	}
	a, b, errno := sys.Socketpair()
	if errno != 0 {
		t.Fatal(errno)
	}
	f := os.NewFile(uintptr(a), "")
	conn, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	_, _, _ = f.Close(), conn.(*net.UnixConn).CloseRead(), sys.Close(b)
	defer conn.Close()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	p := &s.children.pool
	p.idle = append(p.idle, &worker{process: &process{pid: cmd.Process.Pid, os: cmd.Process}, conn: conn.(*net.UnixConn)})
	s.mu.Unlock()
	if got := ask(t, client(t, s), "echo served\n"); got != "served" {
		t.Errorf("got %q", got)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != unix.SIGKILL {
		t.Errorf("the dead one: %v", err)
	}
}

// A request that cannot be sent to a process is lost; the process is replaced.
func TestPoolCannotSend(t *testing.T) {
	leaktest.Check(t)
	told := make(chan error, 1)
	s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: true, MaxChildren: 1, Hooks: fails{told: told}})
	serve(t, s)
	for idleWorkers(s) < 1 {
		await(t)
	}
	restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		if c.Op == sys.OpSendmsg {
			return unix.ETOOMANYREFS
		}
		return 0
	}})
	expectCut(t, asking(t, s, "echo lost\n"))
	restore()
	if err := receive(t, told); !errors.Is(err, unix.ETOOMANYREFS) {
		t.Errorf("HandleError was told %v", err)
	}
	if got := ask(t, client(t, s), "echo served\n"); got != "served" {
		t.Errorf("got %q", got)
	}
}

// What a process has got is not given to another when it dies, however soon.
func TestPoolServesOnce(t *testing.T) {
	leaktest.Check(t)
	s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: true, MaxChildren: 2})
	serve(t, s)
	for idleWorkers(s) < 2 {
		await(t)
	}
	var victim atomic.Int64
	restore := sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) {
		if c.Op != sys.OpSendmsg || victim.Load() != 0 {
			return
		}
		s.mu.Lock()
		for p := range s.children.running {
			if !slices.ContainsFunc(s.children.pool.idle, func(w *worker) bool { return w.process == p }) {
				victim.Store(int64(p.pid))
			}
		}
		s.mu.Unlock()
		_ = unix.Kill(int(victim.Load()), unix.SIGKILL)
		for childRuns(int(victim.Load())) {
			runtime.Gosched()
		}
	}})
	c := asking(t, s, "until "+os.Args[0]+"\n")
	for victim.Load() == 0 {
		await(t)
	}
	restore()
	// It may have begun, but nobody goes on where it has ended.
	if p, err := io.ReadAll(c); len(p) > 0 && string(p) != fmt.Sprint(victim.Load(), " ") || err != nil && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("got %q, %v", p, err)
	}
}

// childRuns reports whether a child of this process has not ended yet.
func childRuns(pid int) bool {
	p, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(p), ") Z ")
}

// Without descriptors there is no process, until there are some.
func TestPoolWithoutDescriptors(t *testing.T) {
	leaktest.Check(t)
	log := &logBuffer{}
	s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: true, MaxChildren: 2, Logger: slog.New(slog.NewTextHandler(log, nil))})
	restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		if c.Op == sys.OpSocketpair {
			return unix.EMFILE
		}
		return 0
	}})
	serve(t, s)
	c := asking(t, s, "echo served\n")
	for log.count("too many open files") == 0 {
		await(t)
	}
	restore()
	if got := answer(t, c); got != "served" {
		t.Errorf("got %q", got)
	}
}

// Without descriptors a connection cannot be let go.
func TestForkingWithoutDescriptors(t *testing.T) {
	bothWays(t, func(t *testing.T, pool bool) {
		told := make(chan error, 1)
		s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: pool, MaxChildren: 1, Hooks: fails{told: told}})
		serve(t, s)
		restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
			if c.Args == "F_DUPFD_CLOEXEC, 0" {
				return unix.EMFILE
			}
			return 0
		}})
		expectCut(t, client(t, s))
		restore()
		if err := receive(t, told); !errors.Is(err, unix.EMFILE) {
			t.Errorf("HandleError was told %v", err)
		}
		if got := ask(t, client(t, s), "echo served\n"); got != "served" {
			t.Errorf("got %q", got)
		}
	})
}

// What a worker is sent is a head with a descriptor, and the rest.
func TestReceiveJob(t *testing.T) {
	leaktest.Check(t)
	pair := func() (w *worker, child *net.UnixConn) {
		a, b, errno := sys.Socketpair()
		if errno != 0 {
			t.Fatal(errno)
		}
		var ends []*net.UnixConn
		for _, fd := range []int{a, b} {
			f := os.NewFile(uintptr(fd), "")
			c, err := net.FileConn(f)
			if err != nil {
				t.Fatal(err)
			}
			_ = f.Close()
			ends = append(ends, c.(*net.UnixConn))
			t.Cleanup(func() { _ = c.Close() })
		}
		return &worker{conn: ends[0]}, ends[1]
	}
	w, c := pair()
	frame, err := (&job{Number: 5, body: make([]byte, 1<<20)}).frame() // more than fits at once
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		sent := make(chan error, 1)
		go func() {
			_, err := w.send(frame, f)
			sent <- err
		}()
		j, got, err := receiveJob(c)
		if err != nil || j.Number != 5 || len(j.body) != 1<<20 {
			t.Fatalf("got %+v, %v", j, err)
		}
		if err := receive(t, sent); err != nil {
			t.Error(err)
		}
		is, err := got.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := f.Stat(); !os.SameFile(is, want) {
			t.Error("another file has arrived")
		}
		_ = got.Close()
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := w.send(frame, f); n != 0 || err == nil {
		t.Error("a closed file could be sent")
	}
	small, err := (&job{}).frame()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.conn.Write(small); err != nil {
		t.Fatal(err)
	}
	if _, _, err := receiveJob(c); !errors.Is(err, errNoDescriptor) {
		t.Errorf("without a descriptor: %v", err)
	}
	_ = w.conn.Close()
	if _, _, err := receiveJob(c); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}
