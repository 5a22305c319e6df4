//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/iomux"
)

// oldFile is a file that something was written to before.
func oldFile(t *testing.T) (name string, kept func() bool) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "old")
	if err := os.WriteFile(name, []byte("precious"), 0o640); err != nil {
		t.Fatal(err)
	}
	return name, func() bool {
		text, err := os.ReadFile(name)
		return err == nil && string(text) == "precious"
	}
}

// traced waits until the trace of a server that runs has a line like pattern.
func (p *process) traced(name, pattern string) {
	p.t.Helper()
	want := regexp.MustCompile(pattern)
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(name)
		if err != nil {
			p.t.Fatal(err)
		}
		if want.Match(text) {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("the trace never had %s:\n%s", pattern, text)
		}
	}
}

// A server that does not come about leaves the trace of an earlier one alone.
func TestEchoTraceLeavesAnOldFile(t *testing.T) {
	refused := [][]string{
		{"--listen", "nonsense"},
		{"--low-water", "2m"},
		{"--tls-cert", "cert.pem"},
		{"--tls-cert", "/nonexistent", "--tls-key", "/nonexistent"},
		{"--tls-self-signed", "--listen", "unix://" + filepath.Join(t.TempDir(), "echo")},
		{"--wait", "fair", "--backend", "poll"},
		{"--listen", start(t, program(t, "echo", "--listen", "tcp://127.0.0.1:0"), 1).urls[0]}, // somebody serves there
	}
	for _, b := range backendNames() {
		if !slices.Contains(iomux.Backends(), iomux.Backend(b)) {
			refused = append(refused, []string{"--backend", b})
		}
	}
	for _, args := range refused {
		name, kept := oldFile(t)
		if r := call(t, "", append([]string{"echo", "--trace", name}, args...)...); r.status == 0 || r.stdout != "" || !kept() {
			t.Errorf("%q: %+v; the file is as it was: %v", args, r, kept())
		}
	}
}

// What is inherited is looked at before the trace has a descriptor that could be taken
// for it.
func TestEchoTraceIsNotInherited(t *testing.T) {
	name, kept := oldFile(t)
	cmd := activated(t, nil, "", "echo", "--listen", "tcp://127.0.0.1:0", "--trace", name)
	cmd.Env = append(cmd.Env, "LISTEN_FDS=1")
	check(t, finish(t, cmd, ""), 2, []string{"LISTEN_FDS=1", "descriptor 3"})
	if !kept() {
		t.Error("the trace file was opened before")
	}
}

// An inherited listener is called one.
func TestEchoTraceOfAnInheritedListener(t *testing.T) {
	name := filepath.Join(t.TempDir(), "echo.trace")
	file, _ := listenHere(t, "tcp", "127.0.0.1:0")
	p := start(t, activated(t, []*os.File{file}, "", "echo", "--loops", "1", "--trace", name), 1)
	exchange(t, dial(t, p.address()), "x")
	p.traced(name, `accept4?\(\d+<listener>`)
	p.signal(syscall.SIGTERM)
	if status, _ := p.wait(); status != 0 {
		t.Errorf("exit status %d; log:\n%s", status, p.log.String())
	}
	text, err := os.ReadFile(name)
	if accepted := regexp.MustCompile(`accept4?\(\d+<copy`).Find(text); err != nil || accepted != nil {
		t.Errorf("%s, %v", accepted, err)
	}
}

// Who follows the file sees what has happened up to the loop's wait. It has no more than
// whole lines in the end.
func TestEchoTraceCanBeFollowed(t *testing.T) {
	name := filepath.Join(t.TempDir(), "echo.trace")
	p := startEcho(t, 1, "--loops", "2", "--trace", name)
	conn := dial(t, p.address())
	exchange(t, conn, "hello")
	p.traced(name, `loop \d  dispatch  read\(\d+<conn 1>, 65536\) = 5 .*\n`)
	exchange(t, conn, "hello again")
	p.traced(name, `loop \d  flush     write\(\d+<conn 1>, 11\) = 11 .*\n`)
	p.signal(syscall.SIGTERM)
	if status, rest := p.wait(); status != 0 || rest != "" {
		t.Errorf("exit status %d, %q", status, rest)
	}
	text, err := os.ReadFile(name)
	if err != nil || !bytes.HasSuffix(text, []byte("\n")) {
		t.Errorf("it ends with %q, %v", text[max(0, len(text)-80):], err)
	}
}

// What the disk does not take is said in the end; the server serves all the same.
func TestEchoTraceOnAFullDisk(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip(err)
	}
	p := startEcho(t, 1, "--trace", full)
	exchange(t, dial(t, p.address()), "x")
	p.signal(syscall.SIGTERM)
	status, _ := p.wait()
	if log := p.log.String(); status != 1 || !strings.Contains(log, "the trace is not whole: ") || !strings.Contains(log, full) {
		t.Errorf("exit status %d; log:\n%s", status, log)
	}
}

// In the fair way to wait the loop has no time-out of its own, and timers are told all
// the same.
func TestEchoTraceHasTimers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("what is looked for is a call of epoll")
	}
	name := filepath.Join(t.TempDir(), "echo.trace")
	p := startEcho(t, 1, "--loops", "1", "--wait", "fair", "--backend", "epoll", "--idle-timeout", "50ms", "--trace", name)
	conn := dial(t, p.address())
	exchange(t, conn, "x")
	if _, err := io.ReadAll(conn); err != nil {
		t.Error(err)
	}
	p.traced(name, `loop 1  timers    epoll_ctl\(\d+<epoll>, DEL, \d+<conn 1>\)`)
}

// The page of a trace takes the place of an earlier one when it is whole: its mode stays,
// and links that lead to it do.
func TestStudyPageTakesThePlaceOfAnother(t *testing.T) {
	name, kept := oldFile(t)
	link := filepath.Join(t.TempDir(), "link.html")
	if err := os.Symlink(name, link); err != nil {
		t.Fatal(err)
	}
	s := studyTrace{backend: choice{value: "iocp"}, scenario: choice{value: "ping-pong"}, html: fileName(link)}
	if err := s.run(t.Context(), io.Discard); exitStatus(err) != exitUsage || !kept() {
		t.Errorf("for nothing: %v; the page is as it was: %v", err, kept())
	}
	f, err := createPage(link)
	if err != nil {
		t.Fatal(err)
	}
	err = f.keep(func(w io.Writer) error {
		_, err := io.WriteString(w, "half a page")
		if !kept() {
			t.Error("the old page goes before the new one is whole")
		}
		return errors.Join(err, syscall.ENOSPC)
	})
	if f.discard(); !errors.Is(err, syscall.ENOSPC) || !kept() {
		t.Errorf("on a full disk: %v; the page is as it was: %v", err, kept())
	}
	r := call(t, "", "study", "trace", "--html", link)
	page, err := os.ReadFile(name)
	if r.status != 0 || r.stderr != "" || err != nil || !bytes.Contains(page, []byte("</html>")) {
		t.Errorf("%+v, %v, %d bytes", r, err, len(page))
	}
	about, err := os.Lstat(link)
	if err != nil || about.Mode().Type() != fs.ModeSymlink {
		t.Errorf("the link: %v, %v", about, err)
	}
	if about, err := os.Stat(name); err != nil || about.Mode().Perm() != 0o640 {
		t.Errorf("its mode: %v, %v", about, err)
	}
	for _, dir := range []string{filepath.Dir(name), filepath.Dir(link)} {
		if list, err := os.ReadDir(dir); len(list) != 1 || err != nil {
			t.Errorf("left behind: %v, %v", list, err)
		}
	}
}

// What is no file is written to as it is.
func TestStudyPageToStandardOutput(t *testing.T) {
	if _, err := os.Stat("/dev/stdout"); err != nil {
		t.Skip(err)
	}
	r := call(t, "", "study", "trace", "--html", "/dev/stdout")
	text, page, _ := strings.Cut(r.stdout, "<!DOCTYPE html>")
	if r.status != 0 || r.stderr != "" || !strings.Contains(text, "why, and what the answer means") || !strings.Contains(page, "</html>") {
		t.Errorf("%+v", r)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := program(t, "study", "trace", "--html", "/dev/stdout")
	cmd.Stdout = file
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile(file.Name())
	if err != nil || bytes.Index(all, []byte("<!DOCTYPE html>")) < len("ping-pong on ") || !bytes.Contains(all, []byte("</html>")) {
		t.Errorf("in a file: %d bytes, %v", len(all), err)
	}
}
