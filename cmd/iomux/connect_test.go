//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
)

// A pipe is copied as it is: every byte out, every byte back, then the end.
func TestConnectCopies(t *testing.T) {
	server := startEcho(t, 1)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	large := make([]byte, 8<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(large) // never fails
	for name, in := range map[string]string{
		"nothing":            "",
		"the tutorial's 42":  "This is the message.  It will be repeated.",
		"every byte":         string(all),
		"an escape sequence": "\x1b]0;title\a\x1b[2J\u202e",
		"8 MiB":              string(large),
	} {
		if r := call(t, in, "connect", server.urls[0]); r.status != 0 || r.stderr != "" || r.stdout != in {
			t.Errorf("%s: exit status %d, %d bytes for %d, %s", name, r.status, len(r.stdout), len(in), r.stderr)
		}
	}
}

// serveOne accepts one connection and runs f on it.
func serveOne(t *testing.T, f func(*net.TCPConn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return // the test is over
		}
		defer conn.Close()
		f(conn.(*net.TCPConn))
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "tcp://" + l.Addr().String()
}

// The end of the input is a half-close: a server that answers only then is
// heard.
func TestConnectHalfCloses(t *testing.T) {
	url := serveOne(t, func(conn *net.TCPConn) {
		in, err := io.ReadAll(conn)
		if err != nil {
			t.Error(err)
		}
		if _, err := conn.Write(append([]byte("after "), in...)); err != nil {
			t.Error(err)
		}
	})
	if r := call(t, "input", "connect", url); r != (result{0, "after input", ""}) {
		t.Errorf("%+v", r)
	}
}

// The end of the server is the end, though the input goes on.
func TestConnectEndsWithTheServer(t *testing.T) {
	url := serveOne(t, func(conn *net.TCPConn) {
		if _, err := conn.Write([]byte("goodbye")); err != nil {
			t.Error(err)
		}
	})
	cmd := program(t, "connect", url)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Wait would close the pipe; the process must end before that.
	state, err := cmd.Process.Wait()
	if err != nil || state.ExitCode() != 0 {
		t.Fatalf("%v, %v", state, err)
	}
	_ = cmd.Wait() // for the copy to out; the process has been waited for
	if out.String() != "goodbye" {
		t.Errorf("it printed %q", out.String())
	}
}

// A connection that breaks is a failure, after what had come.
func TestConnectReset(t *testing.T) {
	url := serveOne(t, func(conn *net.TCPConn) {
		if _, err := conn.Read(make([]byte, 2)); err != nil {
			t.Error(err)
		}
		if err := conn.SetLinger(0); err != nil { // close resets
			t.Error(err)
		}
	})
	check(t, call(t, "hi", "connect", url), 1, []string{"connection lost", "reset"})
}

func TestConnectIPv6(t *testing.T) {
	if !hasIPv6() {
		t.Skip("there is no IPv6 here")
	}
	p := start(t, program(t, "echo", "--listen", "tcp://[::1]:0"), 1)
	if !strings.HasPrefix(p.urls[0], "tcp://[::1]:") {
		t.Errorf("it listens on %s", p.urls[0])
	}
	if r := call(t, "six", "connect", p.urls[0]); r != (result{0, "six", ""}) {
		t.Errorf("%+v", r)
	}
}
