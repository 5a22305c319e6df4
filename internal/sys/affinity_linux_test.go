package sys

import (
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// A thread that is bound to a processor stays there, whichever of the process's
// it is; others are where they were.
func TestAffinity(t *testing.T) {
	all, e := Affinity()
	ok(t, e)
	if len(all) == 0 || !slices.IsSorted(all) || len(all) < runtime.NumCPU() {
		t.Fatalf("%v, and there are %d", all, runtime.NumCPU())
	}
	if n := all[len(all)-1]; n >= maxCPUs {
		t.Fatalf("processor %d", n)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		for _, cpu := range all {
			if e := SetAffinity(cpu); e != 0 {
				t.Errorf("processor %d: %v", cpu, e)
				continue
			}
			if got, e := Affinity(); !slices.Equal(got, []int{cpu}) || e != 0 {
				t.Errorf("bound to %d: %v, %v", cpu, got, e)
			}
		}
		for _, cpu := range []int{-1, all[len(all)-1] + 1000, 8191, maxCPUs - 1, maxCPUs, 1 << 30} {
			if e := SetAffinity(cpu); e != unix.EINVAL {
				t.Errorf("processor %d: %v", cpu, e)
			}
		}
	}()
	<-done
	if got, e := Affinity(); !slices.Equal(got, all) || e != 0 {
		t.Errorf("another thread: %v, %v, want %v", got, e, all)
	}
}
