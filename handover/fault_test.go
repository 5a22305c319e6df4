//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// failing makes the kth call of the process fail, from 1 on; closing does not
// fail. calls counts them.
func failing(t *testing.T, k int, errno sys.Errno) (calls func() []sys.Op) {
	t.Helper()
	var mu sync.Mutex
	var list []sys.Op
	restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		mu.Lock()
		defer mu.Unlock()
		if c.Op == sys.OpClose {
			return 0
		}
		if list = append(list, c.Op); len(list) == k {
			return errno
		}
		return 0
	}})
	return func() []sys.Op {
		restore()
		mu.Lock()
		defer mu.Unlock()
		return list
	}
}

// Each system call of a whole hand-over fails in turn. Both sides agree on how it
// ended: either the predecessor has left and the successor serves, or there was an
// error and the next attempt succeeds. Nothing stays open.
func TestHandOverFaults(t *testing.T) {
	leaktest.Check(t)
	ln := listenTCP(t)
	for k, all := 1, 100; k <= all; k++ {
		path := place(t)
		p := precede(t, listenAt(t, path), path, handing("", "tcp://127.0.0.1:7000", ln, ln))
		calls := failing(t, k, unix.ENOMEM)
		taken, err := Take(within(t), path)
		var server *Server
		if err == nil {
			server, err = taken.Done(within(t))
			if e := taken.Close(); e != nil {
				t.Error(e)
			}
		}
		made := calls()
		if len(made) < k {
			all = 0 // it was the one without a fault
		}
		switch {
		case err == nil:
			p.hasLeft(t)
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		case len(made) < k:
			t.Fatal(err)
		default:
			if !errors.Is(err, unix.ENOMEM) && !errors.Is(err, ErrRefused) {
				t.Errorf("%v failed at the end: %v", made, err)
			}
			p.stays(t)
			takeOver(t, p)
		}
	}
}

// Each system call of Listen and Close fails in turn.
func TestListenFaults(t *testing.T) {
	leaktest.Check(t)
	for k, all := 1, 100; k <= all; k++ {
		path := place(t)
		calls := failing(t, k, unix.ENOMEM)
		s, err := Listen(path)
		closed := error(nil)
		if err == nil {
			closed = s.Close()
		}
		made := calls()
		if len(made) < k {
			all = 0
		}
		what := fmt.Sprintf("%v, the last one failing", made[:min(k, len(made))])
		switch {
		case len(made) < k && errors.Join(err, closed) != nil:
			t.Errorf("%v without a fault: %v, %v", made, err, closed)
		case len(made) >= k && !errors.Is(errors.Join(err, closed), unix.ENOMEM):
			t.Errorf("%s: %v, %v", what, err, closed)
		}
		s, err = Listen(path)
		if err != nil {
			t.Errorf("%s: the next start: %v", what, err)
			continue
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A process that has no descriptor left to accept with says so, waits, and goes on.
func TestNoDescriptorToAccept(t *testing.T) {
	leaktest.Check(t)
	path := place(t)
	p := precede(t, listenAt(t, path), path, none)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	// The lowest free number is the client's, and there is no other.
	var free []int
	for range 2 {
		fd, errno := sys.Dup(int(null.Fd()))
		if errno != 0 {
			t.Fatal(errno)
		}
		free = append(free, fd)
	}
	closeNumbers(free)
	low := limit
	assign(&low.Cur, free[1])
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	restore := func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Error(err)
		}
	}
	defer restore()
	c := knock(t, path)
	line := receive(t, p.log)
	restore()
	if !strings.Contains(line, "cannot accept") || !strings.Contains(line, unix.EMFILE.Error()) {
		t.Errorf("the log says %s", line)
	}
	c.say("iomux-handover 1\n")
	if got := c.hear(); !strings.HasPrefix(got, "{") {
		t.Errorf("then it says %q", got)
	}
	c.conn.Close()
	takeOver(t, p)
}

// assign sets a field whose type differs from system to system.
func assign[T int64 | uint64](field *T, n int) { *field = T(n) }
