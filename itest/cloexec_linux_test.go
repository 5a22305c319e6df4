package itest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"example.com/iomux"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// inherited are the descriptors that a child of this process finds open, and
// the one it looks with.
func inherited(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command(tool(t, "ls"), "/proc/self/fd").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// Every descriptor of the server is closed in a child: that is what the flag in
// /proc/PID/fdinfo says, and what a child of a process with a reactor sees.
func TestCloseOnExec(t *testing.T) {
	flags := regexp.MustCompile(`(?m)^flags:\s*([0-7]+)$`)
	eachBackend(t, func(t *testing.T, backend string) {
		s := serve(t, "--backend", backend)
		for range 10 {
			if err := exchange(s.dial(), message); err != nil {
				t.Fatal(err)
			}
		}
		list, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", s.pid))
		if err != nil {
			t.Fatal(err)
		}
		given := inherited(t) // from whoever runs the tests
		checked := 0
		for _, path := range list {
			number := filepath.Base(path)
			info, err := os.ReadFile(path)
			if err != nil || slices.Contains(given, number) {
				continue // closed meanwhile, or not the server's own
			}
			m := flags.FindSubmatch(info)
			if m == nil {
				t.Fatalf("%s:\n%s", path, info)
			}
			bits, err := strconv.ParseUint(string(m[1]), 8, 64)
			if err != nil {
				t.Fatal(err)
			}
			if bits&syscall.O_CLOEXEC == 0 {
				name, _ := os.Readlink(strings.Replace(path, "fdinfo", "fd", 1)) // for the message
				t.Errorf("descriptor %s (%s) is not close-on-exec", number, name)
			}
			checked++
		}
		if checked < 12 {
			t.Errorf("%d descriptors for 10 connections, a listener and a poller", checked)
		}
		s.end()
	})
}

// A child of a process with a reactor gets none of the reactor's descriptors.
func TestChildInheritsNothing(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		before := inherited(t)
		group, err := reactor.Open(reactor.Options{Backend: iomux.Backend(backend), Loops: 2, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := group.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		listener, err := group.Listen("tcp://127.0.0.1:0", echo.Handler{}, reactor.ListenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			conn, err := dial(listener.Addr().String(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := exchange(conn, message); err != nil {
				t.Fatal(err)
			}
		}
		if after := inherited(t); !slices.Equal(before, after) {
			t.Errorf("a child has the descriptors %v with a reactor and %v without", after, before)
		}
	})
}
