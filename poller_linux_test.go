//go:build linux

package iomux_test

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// Real signals, at the very thread that waits, as fast as they can be sent: the
// wait keeps its full timeout, and what comes is found.
func TestSignalStorm(t *testing.T) {
	for _, b := range iomux.Backends() {
		// Go preempts by SIGURG, so it comes in any program. SIGUSR1 would end
		// the process if Go did not handle it for someone.
		t.Run(string(b), func(t *testing.T) {
			f := newFixture(t, b)
			a, peer := f.pair()
			f.update(a, 0, R)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()

			var interruptions atomic.Int64
			defer sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) {
				if c.Errno == unix.EINTR {
					interruptions.Add(1)
				}
			}})()
			for _, timeout := range []time.Duration{300 * time.Microsecond, 20 * time.Millisecond, 50 * time.Millisecond} {
				stop := storm(f)
				start := time.Now()
				got := f.wait(8, timeout)
				took := time.Since(start)
				sent := stop()
				if took < timeout || len(got) != 0 {
					t.Errorf("Wait(%v) ended after %v with %v", timeout, took, got)
				}
				t.Logf("Wait(%v) took %v under %d signals", timeout, took, sent)
			}
			if interruptions.Load() == 0 {
				t.Error("no call was interrupted: nothing is proven")
			}

			stop := storm(f)
			f.expectOf(f.during(iomux.Forever, func() { f.write(peer, "x") }), R, interest{a: R})
			stop()
		})
	}
}

// storm sends signals to the calling thread until stop, which says how many.
func storm(f *fixture) (stop func() int) {
	pid, tid := os.Getpid(), unix.Gettid()
	quit := make(chan struct{})
	sent := make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-quit:
				sent <- n
				return
			default:
			}
			if err := unix.Tgkill(pid, tid, unix.SIGURG); err != nil {
				f.Error(err)
			}
			n++
			runtime.Gosched()
		}
	}()
	return func() int {
		close(quit)
		return <-sent
	}
}

const refusePwait2 = "IOMUX_TEST_REFUSE_PWAIT2"

// Before Linux 5.11 there is no epoll_pwait2, and a sandbox may forbid it. That
// it was refused is remembered for the life of a process, so each refusal gets a
// process of its own: this test binary again.
func TestEpollWithoutPwait2(t *testing.T) {
	if name := os.Getenv(refusePwait2); name != "" {
		epollWithoutPwait2(t, name)
		return
	}
	leaktest.Check(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ENOSYS", "EPERM"} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(self, "-test.run=^TestEpollWithoutPwait2$", "-test.v")
			cmd.Env = append(os.Environ(), refusePwait2+"="+name)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: TestEpollWithoutPwait2/never_early") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func epollWithoutPwait2(t *testing.T, name string) {
	refusal := map[string]unix.Errno{"ENOSYS": unix.ENOSYS, "EPERM": unix.EPERM}[name]
	refused := 0
	defer sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		if c.Op == "epoll_pwait2" {
			refused++
			return refusal
		}
		return 0
	}})()
	withoutPwait2 = true
	f := newFixture(t, iomux.Epoll)
	start := time.Now()
	got := f.wait(8, 300*time.Microsecond)
	if took := time.Since(start); took < 300*time.Microsecond || len(got) != 0 {
		t.Errorf("the wait in which it was refused ended after %v with %v", took, got)
	}
	f.wait(8, time.Millisecond)
	if refused != 1 {
		t.Errorf("epoll_pwait2 was tried %d times, want once", refused)
	}
	for _, c := range timeoutClauses {
		t.Run(c.name, func(t *testing.T) { c.test(newFixture(t, iomux.Epoll)) })
	}
}

// Linux's system call takes longer sets than the C library's, so there select
// has no limit; where it has one, it is refused in Update.
func TestSelectBeyondFDSetSize(t *testing.T) {
	f := newFixture(t, iomux.Select)
	a, _ := f.pair()
	high := f.dupAbove(a, 5000)
	f.update(high, 0, RW)
	f.expect(RW, interest{high: W})
}
