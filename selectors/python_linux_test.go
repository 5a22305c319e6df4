//go:build linux

package selectors_test

import (
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A signal whose handler returns does not end a select() early (PEP 475). Here a
// storm of them is sent to the thread that waits.
func TestPython_select_interrupt_noraise(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		f.register(a, R, "a")
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		pid, tid := os.Getpid(), unix.Gettid()
		quit, sent := make(chan struct{}), make(chan int)
		go func() {
			for n := 0; ; n++ {
				select {
				case <-quit:
					sent <- n
					return
				default:
					if err := unix.Tgkill(pid, tid, unix.SIGURG); err != nil {
						f.Error(err)
					}
					runtime.Gosched()
				}
			}
		}()
		const timeout = 30 * time.Millisecond
		start := time.Now()
		f.same(f.selected(timeout), nil)
		took := time.Since(start)
		close(quit)
		if n := <-sent; took < timeout || n == 0 {
			f.Errorf("Select(%v) ended after %v, under %d signals", timeout, took, n)
		}
	})
}
