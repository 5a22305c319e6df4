//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/iomux/cmd/internal/study/scenario"
)

// With times each line has all its columns.
func TestStudyTrace(t *testing.T) {
	line := regexp.MustCompile(`^ *\d+\.\d{3}ms +[\d.]+(µs|ms|s)  (setup|wait|dispatch|posted|timers|flush|close|outside) +[a-z]\w*\(.*\) = .*  [A-Z].*[.?]$`)
	r := call(t, "", "study", "trace", "--scenario", "timer", "--backend", "poll")
	_, body, ok := strings.Cut(r.stdout, "why, and what the answer means\n")
	if r.status != 0 || r.stderr != "" || !ok {
		t.Fatalf("%+v", r)
	}
	calls := 0
	for l := range strings.Lines(body) {
		switch l = strings.TrimSuffix(l, "\n"); {
		case l == "", strings.HasPrefix(l, "» "):
		case line.MatchString(l):
			calls++
		default:
			t.Errorf("not a line of a trace: %q", l)
		}
	}
	if calls < 20 {
		t.Errorf("%d calls", calls)
	}
}

func TestStudyRefuses(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"trace", "--scenario", "nonsense"}, "want ping-pong, two-clients"},
		{[]string{"trace", "--backend", "iocp"}, "want epoll, epoll-edge, poll, select or kqueue"},
		{[]string{"trace", "--html", filepath.Join(t.TempDir(), "no", "such.html")}, "cannot write --html"},
		{[]string{"trace", "--html", ""}, "want the name of a file"},
		{[]string{"cost", "--csv", ""}, "want the name of a file"},
		{[]string{"trace", "surplus"}, "surplus argument"},
		{[]string{"compare", "--scenario", "nonsense"}, "want ping-pong, two-clients"},
		{[]string{"nonsense"}, "unknown command"},
	} {
		r := call(t, "", append([]string{"study"}, c.args...)...)
		if r.status != 2 || r.stdout != "" || !strings.Contains(r.stderr, c.want) || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%q: %+v", c.args, r)
		}
	}
	r := call(t, "", "echo", "--trace", filepath.Join(t.TempDir(), "no", "such.trace"))
	if r.status != 2 || r.stdout != "" || !strings.Contains(r.stderr, "cannot write --trace") {
		t.Errorf("%+v", r)
	}
}

// study alone lists what there is, a line each.
func TestStudyLists(t *testing.T) {
	r := call(t, "", "study")
	if r.status != 0 || r.stderr != "" {
		t.Errorf("%+v", r)
	}
	for _, c := range newStudy().Commands() {
		if !regexp.MustCompile(`(?m)^  ` + c.Name() + ` +` + regexp.QuoteMeta(c.Short) + `$`).MatchString(r.stdout) {
			t.Errorf("%s is not in the list:\n%s", c.Name(), r.stdout)
		}
	}
}

func TestStudyPage(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trace.html")
	r := call(t, "", "study", "trace", "--html", name)
	page, err := os.ReadFile(name)
	if r.status != 0 || r.stderr != "" || err != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, want := range []string{"<!DOCTYPE html>", "ping-pong on ", "client 1 connects", `"tables":`, "Content-Security-Policy"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page has no %q", want)
		}
	}
}

// Each backend that works here has a column, and it is said which is not the kernel's.
func TestStudyCompare(t *testing.T) {
	r := call(t, "", "study", "compare", "--scenario", "half-close")
	if r.status != 0 || r.stderr != "" {
		t.Fatalf("%+v", r)
	}
	table, _, _ := strings.Cut(r.stdout, "\n\n»")
	_, heading, _ := strings.Cut(table, "\n\n")
	for _, b := range scenario.Names() {
		backend := scenario.Backend(b)
		works := backend.Here() == nil
		if works != slices.Contains(strings.Fields(heading), b) || works == strings.Contains(r.stdout, "\n"+b+" does not work here") {
			t.Errorf("%s works: %v, and it is not in order:\n%s", b, works, r.stdout)
		}
		if backend.Simulated() != strings.Contains(r.stdout, b+": linux has none. A simulation in Go plays the kernel") {
			t.Errorf("%s is not in order:\n%s", b, r.stdout)
		}
	}
	if again := call(t, "", "study", "compare", "--scenario", "half-close"); again != r {
		t.Errorf("another run is not the same:\n%s\n%s", r.stdout, again.stdout)
	}
}

// A server can be traced while it serves, and what is in the file is whole when it ends.
func TestEchoTrace(t *testing.T) {
	name := filepath.Join(t.TempDir(), "echo.trace")
	p := startEcho(t, 1, "--loops", "2", "--trace", name)
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.urls[0], "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 10)); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	conn.Close()
	p.signal(syscall.SIGTERM)
	if status, rest := p.wait(); status != 0 || rest != "" {
		t.Errorf("exit status %d, %q", status, rest)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`loop \d  dispatch  \w+\(\d+<listener( 2)?>.*\) = \d+<conn 1>`, `loop \d  dispatch  read\(\d+<conn 1>, 65536\) = 5 .*no second read is needed`,
		`loop \d  flush     write\(\d+<conn 1>, 5\) = 5`, `outside   close\(\d+<spare>\) = 0`,
	} {
		if !regexp.MustCompile(want).Match(text) {
			t.Errorf("it has no %s:\n%s", want, text)
		}
	}
}
