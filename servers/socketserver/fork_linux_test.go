package socketserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// childProcesses are the children of this process, and whether they are zombies.
func childProcesses(t testing.TB) (list map[int]bool) {
	list = map[int]bool{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range stats {
		p, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// pid (comm) state ppid, and comm may be anything.
		fields := strings.Fields(string(p[bytes.LastIndexByte(p, ')')+1:]))
		if fields[1] == strconv.Itoa(os.Getpid()) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			if err != nil {
				t.Fatal(err)
			}
			list[pid] = fields[0] == "Z"
		}
	}
	return list
}

// A hundred requests, of which many get their child killed: the others are served,
// there are never more children than there may be, none stays a zombie, and the server
// goes on.
func TestForkingSurvivesKills(t *testing.T) {
	bothWays(t, func(t *testing.T, pool bool) {
		const limit, clients, requests = 5, 20, 100
		s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: pool, MaxChildren: limit})
		serve(t, s)
		path, _ := held(t)
		var all sync.WaitGroup
		jobs := make(chan int)
		for range clients {
			all.Go(func() {
				for i := range jobs {
					c, err := net.Dial("tcp", s.Addr().String())
					if err != nil {
						t.Error(err)
						continue
					}
					if rand.IntN(2) == 0 {
						fmt.Fprintf(c, "echo %d\n", i)
						if p, err := io.ReadAll(c); string(p) != strconv.Itoa(i) || err != nil {
							t.Errorf("request %d: got %q, %v", i, p, err)
						}
					} else {
						fmt.Fprintf(c, "until %s\n", path)
						if err := unix.Kill(readPid(t, c), unix.SIGKILL); err != nil {
							t.Error(err)
						}
						expectCut(t, c)
					}
					_ = c.Close()
				}
			})
		}
		counted, done := make(chan int), make(chan struct{})
		go func() {
			most := 0
			for {
				most = max(most, len(childProcesses(t)))
				select {
				case <-done:
					counted <- most
					return
				default:
				}
			}
		}()
		for i := range requests {
			jobs <- i
		}
		close(jobs)
		all.Wait()
		close(done)
		if most := <-counted; most > limit || most == 0 {
			t.Errorf("%d children at a time, %d at most", most, limit)
		}
		if got := ask(t, client(t, s), "echo on\n"); got != "on" {
			t.Errorf("got %q", got)
		}
		for left := -1; left != 0; { // but for those of the pool
			left = 0
			for _, zombie := range childProcesses(t) {
				if zombie || !pool {
					left++
				}
			}
			await(t)
		}
		if pool {
			for idleWorkers(s) < limit {
				await(t)
			}
		}
		s.mu.Lock()
		if s.requests != 0 || s.room() != limit {
			t.Errorf("%d requests run, room for %d", s.requests, s.room())
		}
		s.mu.Unlock()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if left := childProcesses(t); len(left) > 0 {
			t.Errorf("children %v are left", left)
		}
	})
}

// inheritable are the descriptors above the standard ones that whoever runs the tests
// lets everybody have.
func inheritable(t *testing.T) map[int]string {
	t.Helper()
	list := map[int]string{}
	all, err := descriptors()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSuffix(all, "\n"), "\n") {
		var fd int
		var what string
		if n, _ := fmt.Sscanf(line, "%d %s", &fd, &what); n == 2 && fd > 2 && strings.HasSuffix(line, "cloexec=false") {
			list[fd] = what
		}
	}
	return list
}

// A child has the standard descriptors, its socket and what Go's runtime needs. What it
// starts has the standard ones.
func TestChildDescriptors(t *testing.T) {
	forking(t, func(t *testing.T, kind string, o Options) {
		secret, err := os.Open(os.Args[0])
		if err != nil {
			t.Fatal(err)
		}
		defer secret.Close()
		given := inheritable(t)
		s := openFork(t, kind, o)
		serve(t, s)
		for range 3 {
			c := client(t, s)
			list := ask(t, c, "fds\n")
			sockets := map[string]int{}
			for _, line := range strings.Split(strings.TrimSuffix(list, "\n"), "\n") {
				var fd int
				var what string
				var nonblock, cloexec bool
				if _, err := fmt.Sscanf(line, "%d %s nonblock=%t cloexec=%t", &fd, &what, &nonblock, &cloexec); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				switch {
				case fd == 0 && what == os.DevNull:
				case fd == 1 || fd == 2:
					if same, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); what != same {
						t.Errorf("%d is %s, want %s", fd, what, same)
					}
				case fd > 2 && strings.HasPrefix(what, "socket:"):
					sockets[what]++
					if !nonblock || !cloexec {
						t.Errorf("a socket's flags: %s", line)
					}
				case cloexec && (what == "anon_inode:[eventpoll]" || what == "anon_inode:[eventfd]" || strings.HasPrefix(what, "/sys/fs/cgroup/")):
				case given[fd] == what:
				default:
					t.Errorf("the child has %s", line)
				}
			}
			n := 0
			for _, duplicates := range sockets {
				n += duplicates
			}
			if o.Pool {
				n-- // that of the pool
			}
			if n != 2 { // that of the request, and a duplicate for the handler
				t.Errorf("the child has the sockets %v", sockets)
			}
		}
		want, err := exec.Command("sh", "-c", "ls /proc/self/fd; cat").Output() // cat reads what is null
		if err != nil {
			t.Fatal(err)
		}
		if got := ask(t, client(t, s), "sh ls /proc/self/fd; cat\n"); got != string(want) {
			t.Errorf("what a child starts has %q, what others start %q", got, want)
		}
		if got := ask(t, client(t, s), "env "+childVariable+"\n"); got != "" {
			t.Errorf("the marker is still there: %q", got)
		}
		t.Setenv(childVariable, "request nobody") // which others may have set
		if got := ask(t, client(t, s), "group\n"); got != "true" {
			t.Errorf("the child leads a group: %s", got)
		}
		// The parent's socket is the same open file: it must not block now.
		if datagram(kind) {
			if flags, err := unix.FcntlInt(uintptr(s.Fd()), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
				t.Errorf("the server's socket blocks: %o, %v", flags, err)
			}
		}
	})
}

// lockThreads has n goroutines lock a thread each, and returns what ends them: with
// the threads, unless they unlock.
func lockThreads(n int, unlock bool) (end func()) {
	var locked, ended sync.WaitGroup
	over := make(chan struct{})
	for range n {
		locked.Add(1)
		ended.Go(func() {
			runtime.LockOSThread()
			if unlock {
				defer runtime.UnlockOSThread()
			}
			locked.Done()
			<-over
		})
	}
	locked.Wait()
	return func() { close(over); ended.Wait() }
}

// A child hangs on the thread that has started it: that must not be one which anything
// else in the program can end.
func TestChildSurvivesThreads(t *testing.T) {
	leaktest.Check(t)
	s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe"})
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	others := lockThreads(20, true) // the main thread is among them, which never ends
	spawner, err := s.startingChild()
	if err != nil {
		t.Fatal(err)
	}
	defer s.startedChild(nil)
	var p *os.Process
	started := make(chan error)
	spawner <- func() {
		var err error
		p, err = os.StartProcess(sleep, []string{"sleep", "1000"}, &os.ProcAttr{Sys: childAttributes()})
		started <- err
	}
	err = <-started
	others()
	if err != nil {
		t.Fatal(err)
	}
	lockThreads(100, false)() // all that were free
	for gone := 0; gone < 10; await(t) {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		if gone++; len(threads) > 100 {
			gone = 0 // they take a moment to end
		}
	}
	if err := p.Signal(unix.SIGTERM); err != nil {
		t.Error(err)
	}
	state, err := p.Wait()
	if err != nil || state.Sys().(syscall.WaitStatus).Signal() != unix.SIGTERM {
		t.Errorf("the child ended with %v, %v", state, err)
	}
}

// However many children there are, nobody waits for them on a thread.
func TestChildrenTakeNoThreads(t *testing.T) {
	fd, errno := sys.Pidfd(os.Getpid())
	if errno != 0 {
		t.Skip(errno)
	}
	_ = sys.Close(fd)
	bothWays(t, func(t *testing.T, pool bool) {
		const n = 25
		threads := func() int {
			list, err := os.ReadDir("/proc/self/task")
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: pool, MaxChildren: n})
		path, release := held(t)
		before := threads()
		serve(t, s)
		for range n {
			pidOf(t, client(t, s), path)
		}
		if more := threads() - before; more > n/2 {
			t.Errorf("%d more threads for %d children", more, n)
		}
		release()
	})
}

// Where the kernel has no descriptors of processes, or a sandbox does not allow them, nor
// waitid, children are collected all the same.
func TestChildrenWithoutPidfd(t *testing.T) {
	leaktest.Check(t)
	for _, refused := range [][]sys.Op{{sys.OpPidfdOpen}, {sys.OpWaitid}, {sys.OpPidfdOpen, sys.OpWaitid}} {
		restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
			if slices.Contains(refused, c.Op) {
				return unix.ENOSYS
			}
			return 0
		}})
		s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", MaxChildren: 1})
		stop := serve(t, s)
		for range 3 {
			if got := ask(t, client(t, s), "echo on\n"); got != "on" {
				t.Errorf("got %q", got)
			}
		}
		if err := errors.Join(stop(), s.Close()); err != nil {
			t.Error(err)
		}
		if left := childProcesses(t); len(left) > 0 {
			t.Errorf("children %v are left", left)
		}
		testChildTimeout(t, Options{Mode: Forking, Child: "probe", MaxChildren: 1})
		restore()
	}
}

// The end of the parent is.
func TestChildDiesWithItsParent(t *testing.T) {
	leaktest.Check(t)
	s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", MaxChildren: 2})
	serve(t, s)
	for _, pool := range []string{"", "pool"} {
		parent := asking(t, s, "server "+pool+"\n")
		pid := readPid(t, parent)
		var address []byte
		for one := make([]byte, 1); !bytes.HasSuffix(address, []byte("\n")); address = append(address, one...) {
			if _, err := io.ReadFull(parent, one); err != nil {
				t.Fatal(err)
			}
		}
		c, err := net.Dial("tcp", strings.TrimSpace(string(address)))
		if err != nil {
			t.Fatal(err)
		}
		path, _ := held(t)
		grandchild := pidOf(t, c, path)
		if grandchild == pid {
			t.Errorf("both are %d", pid)
		}
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		expectCut(t, c)
		_ = c.Close()
		expectCut(t, parent)
	}
}
