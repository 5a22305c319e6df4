//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// exchange sends a message and wants it back.
func exchange(t *testing.T, conn net.Conn, message string) {
	t.Helper()
	if _, err := io.WriteString(conn, message); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(message))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != message {
		t.Fatalf("sent %q, got %q, %v", message, got, err)
	}
}

// Every listener has its line with its real port, and serves.
func TestEchoListensOnEveryAddress(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		p := startEcho(t, 3, "--backend", backend)
		slices.Sort(p.urls)
		if len(slices.Compact(p.urls)) != 3 {
			t.Errorf("three listeners are at %q", p.urls)
		}
		for _, url := range p.urls {
			if strings.HasSuffix(url, ":0") {
				t.Errorf("%s is not where it listens", url)
			}
			exchange(t, dial(t, strings.TrimPrefix(url, "tcp://")), "This is the message.  It will be repeated.")
		}
		p.signal(syscall.SIGTERM)
		if status, rest := p.wait(); status != 0 || rest != "" {
			t.Errorf("exit status %d, %q", status, rest)
		}
	})
}

// SIGINT and SIGTERM let what has arrived be answered, close idle connections
// in order and exit with 0.
func TestSignalDrains(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			p := startEcho(t, 1)
			conn := dial(t, p.address())
			exchange(t, conn, "before")
			if _, err := io.WriteString(conn, "at the last moment"); err != nil {
				t.Fatal(err)
			}
			p.signal(sig)
			rest, err := io.ReadAll(conn)
			if err != nil || string(rest) != "at the last moment" {
				t.Errorf("got %q, %v", rest, err)
			}
			if status, _ := p.wait(); status != 0 {
				t.Errorf("exit status %d; log:\n%s", status, p.log.String())
			}
			if c, err := net.Dial("tcp", p.address()); err == nil {
				c.Close()
				t.Error("somebody still listens")
			}
		})
	}
}

// hold makes a connection to p that cannot drain, as its client sends and does
// not read.
func hold(t *testing.T, p *process) *net.TCPConn {
	t.Helper()
	conn := dial(t, p.address())
	piece := make([]byte, 64<<10)
	for {
		if err := conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(piece); err != nil {
			return conn // nothing moves any more
		}
	}
}

// A second signal does not wait for what does not drain.
func TestSecondSignalExitsAtOnce(t *testing.T) {
	p := startEcho(t, 1)
	hold(t, p)
	p.signal(syscall.SIGTERM)
	p.logged("draining")
	p.signal(syscall.SIGINT) // at once: it counts as the first
	time.Sleep(sameSignal)
	p.signal(syscall.SIGINT)
	begin := time.Now()
	status, _ := p.wait()
	if status != 1 || !strings.Contains(p.log.String(), "iomux echo: second signal (interrupt): exiting at once") {
		t.Errorf("exit status %d; log:\n%s", status, p.log.String())
	}
	if took := time.Since(begin); took > 5*time.Second { // half of what draining may take
		t.Errorf("it took %v", took)
	}
}

// What does not drain is cut after --drain-timeout, and that is said; the signal was
// obeyed all the same.
func TestDrainHasALimit(t *testing.T) {
	const limit = 300 * time.Millisecond
	p := startEcho(t, 1, "--drain-timeout", limit.String())
	hold(t, p)
	begin := time.Now()
	p.signal(syscall.SIGTERM)
	status, _ := p.wait()
	if took := time.Since(begin); status != 0 || took < limit || took > limit+patience/2 {
		t.Errorf("exit status %d after %v", status, took)
	}
	if log := p.log.String(); !strings.Contains(log, "did not drain in time") || !strings.Contains(log, "count=1") {
		t.Errorf("the log does not say so:\n%s", log)
	}
}

// A failed start leaves nothing: no line of a listener that is gone again, and
// the port that could be had is free.
func TestNothingIsLeftWhenOneListenerFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "tcp://" + free.Addr().String()
	free.Close()
	check(t, call(t, "", "echo", "--listen", url, "--listen", "tcp://"+taken.Addr().String()), 1, []string{taken.Addr().String()})
	p := start(t, program(t, "echo", "--listen", url), 1)
	if p.urls[0] != url {
		t.Errorf("it listens on %s, not on %s", p.urls[0], url)
	}
}

// Connections are in the log at level debug, and not above.
func TestLog(t *testing.T) {
	p := startEcho(t, 1, "--log-level", "debug", "--log-format", "json")
	conn := dial(t, p.address())
	exchange(t, conn, "x")
	remote := conn.LocalAddr().String()
	conn.Close()
	p.logged(`"msg":"closed"`)
	for line := range strings.Lines(p.log.String()) {
		var entry struct{ Time, Level, Msg, Remote string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("not JSON: %v: %s", err, line)
		}
		if (entry.Msg == "opened" || entry.Msg == "closed") && (entry.Level != "DEBUG" || entry.Remote != remote) {
			t.Errorf("not of the connection from %s at level debug: %s", remote, line)
		}
	}

	p = startEcho(t, 1)
	conn = dial(t, p.address())
	exchange(t, conn, "x")
	conn.Close()
	p.signal(syscall.SIGTERM)
	p.wait()
	if log := p.log.String(); strings.Contains(log, "remote=") || !strings.Contains(log, "level=INFO msg=draining") {
		t.Errorf("log at level info:\n%s", log)
	}

	p = startEcho(t, 1, "--log-level", "warn")
	p.signal(syscall.SIGTERM)
	p.wait()
	if log := p.log.String(); log != "" {
		t.Errorf("log at level warn:\n%s", log)
	}
}

// A server that others can reach says so.
func TestLogWhenPublic(t *testing.T) {
	p := start(t, program(t, "echo", "--listen", "tcp://0.0.0.0:0"), 1)
	p.logged("other machines can connect")
}

// A log that nobody reads any more does not end the server.
func TestServerOutlivesItsLog(t *testing.T) {
	cmd := program(t, "echo", "--log-level", "debug", "--listen", "tcp://127.0.0.1:0")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr, cmd.Stdout = w, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	out.Close()
	r.Close()
	var url string
	if _, err := fmt.Fscanf(stdout, "listening %s\n", &url); err != nil {
		t.Fatal(err)
	}
	stdout.Close()
	for range 3 {
		exchange(t, dial(t, strings.TrimPrefix(url, "tcp://")), "x")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// Where nobody can learn the port, there is nothing to serve.
func TestNowhereToPrint(t *testing.T) {
	r := nowhereToPrint(t, "echo", "--listen", "tcp://127.0.0.1:0")
	check(t, r, 1, []string{"cannot say where it listens", "broken pipe"})
}

// nowhereToPrint runs iomux with an output that nobody reads.
func nowhereToPrint(t *testing.T, args ...string) result {
	t.Helper()
	cmd := program(t, args...)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	var log sharedBuffer
	cmd.Stdout, cmd.Stderr = w, &log
	_ = cmd.Run() // the exit status tells
	w.Close()
	return result{status: cmd.ProcessState.ExitCode(), stderr: log.String()}
}

// sockets is how many a process has; ok is false where that cannot be found out.
func (p *process) sockets() (n int, ok bool) {
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.cmd.Process.Pid))
	if err != nil || len(links) == 0 {
		return 0, false
	}
	for _, l := range links {
		if name, err := os.Readlink(l); err == nil && strings.HasPrefix(name, "socket:") {
			n++
		}
	}
	return n, true
}

// --loops makes that many loops, each with a listener of its own where the
// kernel spreads connections.
func TestLoops(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("it counts descriptors in /proc")
	}
	for _, n := range []int{1, 3} {
		p := startEcho(t, 1, "--loops", fmt.Sprint(n))
		exchange(t, dial(t, p.address()), "x")
		if got, _ := p.sockets(); got != n+1 {
			t.Errorf("--loops %d: %d sockets, want the listeners and a connection", n, got)
		}
	}
	p := startEcho(t, 1, "--loops", "3", "--balance", "round-robin")
	exchange(t, dial(t, p.address()), "x")
	if got, _ := p.sockets(); got != 1+1 {
		t.Errorf("--balance round-robin: %d sockets, want a listener and a connection", got)
	}
}
