// Package leaktest fails a test that leaves something behind: an open
// descriptor or a goroutine. It is for tests only.
package leaktest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience bounds the wait for goroutines that have been told to end. It is
// generous: nothing waits for so long unless something leaks.
const patience = 10 * time.Second

// Check compares, when the test with its cleanups has ended, what is open and
// what runs with what was before. Call it first in a test that runs alone.
func Check(t testing.TB) {
	t.Helper()
	before := take()
	t.Cleanup(func() {
		if t.Failed() {
			return // it ended early and says why itself
		}
		if leak := before.grown(); leak != "" {
			t.Error(leak)
		}
	})
}

// Main runs m's tests between two looks at the process and returns the exit
// code, for TestMain. What a single test's Check cannot see shows here.
func Main(m *testing.M) int {
	before := take()
	code := m.Run()
	if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
		return code // the fuzzing engine keeps goroutines of its own
	}
	if leak := before.grown(); leak != "" && code == 0 {
		fmt.Fprintln(os.Stderr, "FAIL: after all tests:", leak)
		return 1
	}
	return code
}

// snapshot is what a process holds.
type snapshot struct {
	open       map[string]string // descriptor to what it stands for
	goroutines int
}

func take() snapshot {
	// The first pollable file makes the runtime open descriptors of its own,
	// which it keeps: they are to be there from the start.
	if r, w, err := os.Pipe(); err == nil {
		_, _ = r.Close(), w.Close()
	}
	return snapshot{openDescriptors(), runtime.NumGoroutine()}
}

// grown says what there is now beyond s, "" when there is nothing.
func (s snapshot) grown() string {
	for end := time.Now().Add(patience); runtime.NumGoroutine() > s.goroutines; runtime.Gosched() {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			return fmt.Sprintf("goroutines leaked: %d before, %d now\n%s",
				s.goroutines, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		}
	}
	var extra []string
	for fd, what := range openDescriptors() {
		if _, ok := s.open[fd]; !ok {
			extra = append(extra, fd+" ("+what+")")
		}
	}
	if extra == nil {
		return ""
	}
	slices.Sort(extra)
	return "descriptors leaked: " + strings.Join(extra, ", ")
}

// openDescriptors lists what is open, but for the listing's own descriptor.
func openDescriptors() map[string]string {
	if descriptorsLinger {
		return nil
	}
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		list, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		open := make(map[string]string, len(list))
		for _, e := range list {
			// What cannot be looked at any more is the listing's own, or was
			// closed since.
			if _, err := os.Lstat(filepath.Join(dir, e.Name())); err == nil {
				what, _ := os.Readlink(filepath.Join(dir, e.Name())) // the BSDs' are no links
				open[e.Name()] = what
			}
		}
		return open
	}
	return nil // this system cannot tell
}
