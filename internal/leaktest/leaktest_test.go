package leaktest

import (
	"os"
	"strings"
	"testing"
)

func TestDescriptor(t *testing.T) {
	if openDescriptors() == nil {
		t.Skip("no list of open descriptors on this system: /proc/self/fd or /dev/fd")
	}
	before := take()
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if leak := before.grown(); !strings.Contains(leak, "descriptors leaked") {
		t.Errorf("with a file open: %q", leak)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if leak := before.grown(); leak != "" {
		t.Errorf("with it closed: %q", leak)
	}
}

// A goroutine that is about to end is waited for.
func TestGoroutine(t *testing.T) {
	before := take()
	stop := make(chan struct{})
	go func() { <-stop }()
	go close(stop)
	if leak := before.grown(); leak != "" {
		t.Errorf("with goroutines ending: %q", leak)
	}
}
