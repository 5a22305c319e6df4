//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package itest

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
)

// classic is one of the classic servers, to be run by one of those who have them all.
type classic struct {
	name    string // in reference.py, and of iomux serve
	network string // of package net
	serve   string // the words behind iomux serve, if they are not just the name
}

// servants run classic servers: each starts one and returns its address.
var servants = map[string]func(c classic, t *testing.T) (address string){
	"iomux":  classic.iomux,
	"python": classic.python,
}

// eachServant runs f against a server of each servant.
func eachServant(t *testing.T, c classic, f func(t *testing.T, address string)) {
	for name, start := range servants {
		t.Run(name, func(t *testing.T) {
			leaktest.Check(t)
			f(t, start(c, t))
		})
	}
}

// python runs the server on Python's own socketserver. It ends with its standard input.
func (c classic) python(t *testing.T) string {
	cmd := exec.Command(tool(t, "python3"), "testdata/reference.py", c.name, c.network)
	if path := c.path(t); path != "" {
		cmd.Args = append(cmd.Args, path)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	return c.start(t, cmd, func() { stdin.Close() })
}

// iomux runs the server of the program. It ends at a signal.
func (c classic) iomux(t *testing.T) string {
	listen := c.network + "://127.0.0.1:0"
	switch path := c.path(t); {
	case path != "":
		listen = c.network + "://" + path
	case c.name == "multicast":
		listen = "udp://224.3.29.71:0"
	}
	words := c.serve
	if words == "" {
		words = c.name
	}
	cmd := exec.Command(program, append(append([]string{"serve"}, strings.Fields(words)...), "--listen", listen)...)
	return c.start(t, cmd, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
}

// path is where a server with a socket file has it: in a directory with a short
// name, as sockets need it. "": it has none.
func (c classic) path(t *testing.T) string {
	if !strings.HasPrefix(c.network, "unix") {
		return ""
	}
	dir, err := os.MkdirTemp("", "iomux")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "uds_socket")
}

// start runs a server until the test is over, when stop tells it to end, and
// returns the address that it prints.
func (c classic) start(t *testing.T, cmd *exec.Cmd, stop func()) string {
	t.Helper()
	cmd.Stderr = t.Output()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(stdout)
	t.Cleanup(func() {
		stop()
		late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
			t.Errorf("%s also said %q, %v", c.name, rest, err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", cmd, err)
		}
	})
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	line, err := out.ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "listening "+c.network+"://")
	if err != nil || !ok {
		t.Fatalf("%s said %q, %v", cmd, line, err)
	}
	return address
}

// known are the values of a server's address that its clients print.
func known(address string) map[string]string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil // it is a path
	}
	return map[string]string{"SERVER-HOST": host, "SERVER-PORT": port}
}
