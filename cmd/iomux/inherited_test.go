//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/iomux/handover"
)

// activated is the command that runs iomux as systemd would, with sockets. Only a
// shell can say LISTEN_PID beforehand.
func activated(t *testing.T, sockets []*os.File, names string, args ...string) *exec.Cmd {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("sh is missing")
	}
	cmd := program(t, args...)
	cmd.Args = append([]string{shell, "-c", `export LISTEN_PID=$$; exec "$0" "$@"`, cmd.Path}, args...)
	cmd.Path = shell
	cmd.Env = environment(fmt.Sprintf("LISTEN_FDS=%d", len(sockets)), "LISTEN_FDNAMES="+names)
	cmd.ExtraFiles = sockets
	return cmd
}

// listenHere makes a socket as systemd would. It is closed with the test.
func listenHere(t *testing.T, network, address string) (file *os.File, url string) {
	t.Helper()
	var l interface {
		File() (*os.File, error)
		Close() error
	}
	switch {
	case strings.HasPrefix(network, "udp"):
		c, err := net.ListenPacket(network, address)
		if err != nil {
			t.Fatal(err)
		}
		l, url = c.(*net.UDPConn), network+"://"+c.LocalAddr().String()
	case network == "unix":
		c, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		c.(*net.UnixListener).SetUnlinkOnClose(false)
		l, url = c.(*net.UnixListener), network+"://"+address
	default:
		c, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		l, url = c.(*net.TCPListener), network+"://"+c.Addr().String()
	}
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	t.Cleanup(func() { file.Close() })
	return file, url
}

// Without --listen all inherited sockets are served on. A successor gets them with
// names, so that it knows as well whose files it must not remove.
func TestInheritedSockets(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "x.sock")
	tcp, tcpURL := listenHere(t, "tcp", "127.0.0.1:0")
	udp, udpURL := listenHere(t, "udp", "127.0.0.1:0")
	unix, unixURL := listenHere(t, "unix", path)
	door := filepath.Join(dir, "t.sock")
	p := start(t, activated(t, []*os.File{tcp, udp, unix}, "web::local", "echo", "--takeover", door), 3)
	p.keeps(4) // those, and one for successors
	if want := []string{tcpURL, udpURL, unixURL}; !slices.Equal(p.urls, want) {
		t.Errorf("it listens on %q, want %q", p.urls, want)
	}
	for _, url := range p.urls {
		talk(t, url, "hello\n", "hello\n")
	}
	taken, err := handover.Take(t.Context(), door)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range taken.Sockets {
		names = append(names, s.Name)
	}
	if want := []string{"web", unnamed, "local"}; !slices.Equal(names, want) {
		t.Errorf("they are called %q, want %q", names, want)
	}
	if err := taken.Close(); err != nil {
		t.Error(err)
	}
	next := start(t, program(t, "echo", "--takeover", door), 3)
	p.wait()
	next.signal(syscall.SIGTERM)
	if status, _ := next.wait(); status != 0 {
		t.Errorf("exit status %d; log:\n%s", status, next.log.String())
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("systemd's file: %v", err)
	}
}

// An inherited socket serves the --listen that means it, however that is written; the
// others are opened.
func TestInheritedForListen(t *testing.T) {
	file, url := listenHere(t, "tcp", "127.0.0.1:0")
	udp, udpURL := listenHere(t, "udp", "127.0.0.1:0")
	port := url[strings.LastIndex(url, ":"):]
	p := start(t, activated(t, []*os.File{file, udp}, "", "echo", "--listen", "udp://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0", "--listen", "TCP4://localhost"+port), 3)
	if p.urls[0] != udpURL || p.urls[1] == url || p.urls[2] != url {
		t.Errorf("it listens on %q", p.urls)
	}
	exchange(t, dial(t, strings.TrimPrefix(url, "tcp://")), "x")
}

// What is inherited and cannot be served on is refused, with the reason.
func TestBadInheritance(t *testing.T) {
	file, url := listenHere(t, "tcp", "127.0.0.1:0")
	other, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	elsewhere := []string{"echo", "--listen", "unix://" + shortDir(t) + "/x.sock"}
	check(t, finish(t, activated(t, []*os.File{file}, "", elsewhere...), ""), 2, []string{url, "no --listen names it"})
	check(t, finish(t, activated(t, []*os.File{other}, "", elsewhere...), ""), 2, []string{"LISTEN_FDS=1", "descriptor 3"})
	check(t, finish(t, activated(t, []*os.File{file}, "a:b", elsewhere...), ""), 2, []string{"LISTEN_FDNAMES", "2 names for 1"})
	cmd := activated(t, []*os.File{file}, "", elsewhere...)
	cmd.Env = append(cmd.Env, "LISTEN_FDS=many")
	check(t, finish(t, cmd, ""), 2, []string{"LISTEN_FDS", `"many"`})

	// Those of another process are none of its business.
	cmd = program(t, "echo", "--listen", "tcp://127.0.0.1:0")
	cmd.Env = environment("LISTEN_FDS=1", "LISTEN_PID=1")
	start(t, cmd, 1)
}

// systemd is told when the server serves and when it ends; of two generations the
// second becomes the service's main process, and the first says nothing more.
func TestNotifies(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "notify.sock")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	hears := func(want string) {
		t.Helper()
		if err := manager.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 1000)
		if n, err := manager.Read(p); err != nil || string(p[:n]) != want {
			t.Errorf("it was told %q, %v, want %q", p[:n], err, want)
		}
	}
	service := func() *process {
		cmd := program(t, "echo", "--listen", "tcp://127.0.0.1:0", "--takeover", filepath.Join(dir, "t.sock"))
		cmd.Env = environment("NOTIFY_SOCKET=" + path)
		return start(t, cmd, 1)
	}
	first := service()
	hears("READY=1")
	second := service()
	hears(fmt.Sprintf("READY=1\nMAINPID=%d", second.cmd.Process.Pid))
	if status, _ := first.wait(); status != 0 {
		t.Errorf("exit status %d; log:\n%s", status, first.log.String())
	}
	second.signal(syscall.SIGTERM)
	hears("STOPPING=1")
	second.wait()

	// A manager that is gone is no reason not to serve.
	manager.Close()
	service().logged("cannot tell the service manager")
}
