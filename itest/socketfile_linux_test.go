package itest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// starter is a role: at the end of descriptor 3 it begins to listen at all its
// addresses, one after the other, and says at which of them it does.
func starter(urls []string) int {
	group, err := reactor.Open(reactor.Options{Loops: 1})
	if err != nil {
		return complain(err)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.NewFile(3, "begin"))
	var serves []string
	for _, url := range urls {
		switch _, err := group.Listen(url, echo.Handler{}, reactor.ListenOptions{}); {
		case err == nil:
			serves = append(serves, url)
		case !errors.Is(err, unix.EADDRINUSE):
			return complain(err)
		}
	}
	fmt.Println(strings.Join(serves, " "))
	untilEnd()
	if err := group.Shutdown(context.Background()); err != nil {
		return complain(err)
	}
	return 0
}

// startAtOnce starts so many processes, which begin to listen at the same moment,
// and wants one of them to serve at each address.
func startAtOnce(t *testing.T, urls []string, many int) []*process {
	t.Helper()
	begin, release, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer begin.Close()
	defer release.Close()
	all := make([]*process, many)
	for i := range all {
		all[i] = launch(t, []*os.File{begin}, []string{roleVariable + "=starter"}, append([]string{thisBinary(t)}, urls...)...)
	}
	for _, p := range all {
		p.expect("ready")
	}
	release.Close()
	servers, of := map[string]int{}, 0
	for _, p := range all {
		list := strings.Fields(p.line())
		for _, url := range list {
			servers[url]++
		}
		if len(list) > 0 {
			of++
		}
	}
	for _, url := range urls {
		if servers[url] != 1 {
			t.Errorf("of %d that start at %s at once %d serve", many, url, servers[url])
		}
	}
	t.Logf("%d processes started at %d addresses: %d of them serve", many, len(urls), of)
	return all
}

// unixEcho wants an echo from the server at a path.
func unixEcho(path string) error {
	c, err := bareConnect(unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: path})
	if err != nil {
		return err
	}
	defer c.close()
	return c.echoed(message)
}

// U1: kill -9 leaves socket files that nobody listens at, and the next servers
// take their places. Of a hundred processes that start at the same moment one
// serves, whether there is a dead socket or nothing, at each of 40 paths: 8,000
// starts.
func TestStartsAtOnce(t *testing.T) {
	const many, places = 100, 40
	leaktest.Check(t)
	dir := publicDir(t)
	var paths, urls []string
	for i := range places {
		path := filepath.Join(dir, fmt.Sprint(i))
		paths, urls = append(paths, path), append(urls, "unix://"+path)
	}
	for _, p := range startAtOnce(t, urls, many) {
		p.kill()
	}
	for _, path := range paths {
		if info, err := os.Lstat(path); err != nil || info.Mode().Type() != os.ModeSocket {
			t.Errorf("kill -9 has left %v, %v; want a socket", info, err)
		}
		if err := unixEcho(path); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("a dead server answers: %v", err)
		}
	}
	all := startAtOnce(t, urls, many)
	for _, path := range paths {
		if err := unixEcho(path); err != nil {
			t.Errorf("the one that serves: %v", err)
		}
	}
	for _, p := range all {
		if lines, status := p.end(); len(lines) > 0 || status != 0 {
			t.Errorf("it says %q and exits with %d", lines, status)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("after an end in order there are %v, %v", left, err)
	}
}

// U1: between a server's look at a dead socket and its removal no other server gets
// in: a tracer holds the first one up just there, and the second one waits.
func TestStartsDoNotCross(t *testing.T) {
	leaktest.Check(t)
	tr := straced(t, "unlinkat")
	path := filepath.Join(publicDir(t), "s")
	url := "unix://" + path
	startAtOnce(t, []string{url}, 1)[0].kill()
	slow := append(tr.command, "-e", "inject=unlinkat:delay_enter=500000")

	begin, release, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer begin.Close()
	first := launch(t, []*os.File{begin}, []string{roleVariable + "=starter"}, append(slow, thisBinary(t), url)...)
	first.expect("ready")
	release.Close()
	await(t, "the first one is about to remove the dead socket", func() bool {
		calls, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", first.child()))
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(calls, func(file string) bool {
			text, _ := os.ReadFile(file) // a thread that has ended has none
			var number int
			_, err := fmt.Sscan(string(text), &number)
			return err == nil && number == unix.SYS_UNLINKAT
		})
	})
	second := startRole(t, nil, "starter", url) // without descriptor 3 it begins at once
	second.expect("ready")
	lines := []string{first.line(), second.line()}
	slices.Sort(lines)
	if !slices.Equal(lines, []string{"", url}) {
		t.Errorf("the two serve at %q, want one of them to serve", lines)
	}
	if err := unixEcho(path); err != nil {
		t.Errorf("the one that serves: %v", err)
	}
	for _, p := range []*process{second, first} {
		if lines, status := p.end(); len(lines) > 0 || status != 0 {
			t.Errorf("it says %q and exits with %d", lines, status)
		}
	}
}

// knocker is a role: it tries to connect to a Unix socket again and again, and says
// in the end how often it was let in, how often not, and how often it saw
// permissions that are not the owner's alone.
func knocker(args []string) int {
	var over atomic.Bool
	go func() {
		untilEnd()
		over.Store(true)
	}()
	var letIn, denied, wide int
	fmt.Println("knocks")
	for i := 0; !over.Load(); i++ {
		c, err := bareConnect(unix.AF_UNIX, []int{unix.SOCK_STREAM, unix.SOCK_SEQPACKET, unix.SOCK_DGRAM}[i%3], &unix.SockaddrUnix{Name: args[0]})
		switch {
		case err == nil:
			letIn++
			c.close()
		case errors.Is(err, unix.EACCES):
			denied++
		case errors.Is(err, unix.ENOENT):
		default: // the kernel looks at permissions first
			letIn++
		}
		if info, err := os.Lstat(args[0]); err == nil && info.Mode().Perm()&0o077 != 0 {
			wide++
		}
	}
	fmt.Println(letIn, denied, wide)
	return 0
}

// U2: while a server is started and stopped a thousand times, with a umask that
// takes nothing away, another user who tries all the time is never let in.
func TestNobodyGetsIn(t *testing.T) {
	const restarts = 1000
	leaktest.Check(t)
	nobody, binary := asNobody(t), publicCopy(t, thisBinary(t))
	defer syscall.Umask(syscall.Umask(0))
	group := openGroup(t, reactor.Options{Loops: 1})
	for _, f := range []struct {
		mode os.FileMode
		in   bool
	}{{0, false}, {0o600, false}, {0o660, false}, {0o606, true}} {
		path := filepath.Join(publicDir(t), "s")
		p := startRoleOf(t, binary, nobody, "knocker", path)
		p.expect("knocks")
		for i := range restarts {
			ln, err := group.Listen([]string{"unix://", "unixpacket://"}[i%2]+path, echo.Handler{}, reactor.ListenOptions{Mode: f.mode})
			if err != nil {
				t.Fatal(err)
			}
			ln.Close()
		}
		lines, _ := p.end()
		var letIn, denied, wide int
		if _, err := fmt.Sscan(strings.Join(lines, " "), &letIn, &denied, &wide); err != nil {
			t.Fatalf("%q: %v", lines, err)
		}
		t.Logf("mode %o: let in %d times, denied %d times, wide permissions seen %d times", f.mode, letIn, denied, wide)
		switch {
		case f.in && letIn == 0:
			t.Errorf("mode %o: another user was never let in: this tests nothing", f.mode)
		case !f.in && letIn > 0:
			t.Errorf("mode %o: another user was let in %d times", f.mode, letIn)
		case !f.in && f.mode&0o077 == 0 && wide > 0:
			t.Errorf("mode %o: permissions were wider %d times", f.mode, wide)
		case !f.in && denied < restarts/20:
			t.Errorf("mode %o: another user was denied only %d times: too few to test anything", f.mode, denied)
		}
	}
}
