//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// manager is a service manager's end of NOTIFY_SOCKET.
func manager(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestNotify(t *testing.T) {
	leaktest.Check(t)
	names := []string{place(t)}
	if runtime.GOOS == "linux" {
		names = append(names, "@"+filepath.Base(filepath.Dir(names[0])))
	}
	for _, name := range names {
		conn := manager(t, name)
		t.Setenv("NOTIFY_SOCKET", name)
		for _, c := range []struct {
			states []string
			want   string
		}{
			{[]string{Ready}, "READY=1"},
			{[]string{Stopping, "STATUS=draining"}, "STOPPING=1\nSTATUS=draining"},
			{[]string{Ready, MainPID()}, fmt.Sprintf("READY=1\nMAINPID=%d", os.Getpid())},
		} {
			if err := Notify(c.states...); err != nil {
				t.Fatal(err)
			}
			var p [100]byte
			if n, err := conn.Read(p[:]); err != nil || string(p[:n]) != c.want {
				t.Errorf("%s: got %q, %v, want %q", name, p[:n], err, c.want)
			}
		}
	}
}

// notifier is a role: it says that it is ready, and its number.
func notifier() int {
	if err := Notify(Ready, MainPID()); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// What a child says arrives as the child's, as systemd wants it.
func TestNotifyFromAProcess(t *testing.T) {
	leaktest.Check(t)
	path := place(t)
	conn := manager(t, path)
	p := run(t, "notifier", func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+path) })
	var b [100]byte
	if n, err := conn.Read(b[:]); err != nil || string(b[:n]) != fmt.Sprintf("READY=1\nMAINPID=%d", p.cmd.Process.Pid) {
		t.Errorf("got %q, %v", b[:n], err)
	}
	p.end(t)
}

func TestNotifyNobody(t *testing.T) {
	leaktest.Check(t)
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Notify(Ready); err != nil {
		t.Errorf("without NOTIFY_SOCKET: %v", err)
	}
	path := place(t)
	t.Setenv("NOTIFY_SOCKET", path)
	want(t, "nothing there", Notify(Ready), unix.ENOENT)
	manager(t, path).Close() // which leaves the file
	want(t, "nobody there", Notify(Ready), unix.ECONNREFUSED)
	for _, name := range []string{"relative", "vsock:2:1234", "./x"} {
		t.Setenv("NOTIFY_SOCKET", name)
		if err := Notify(Ready); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	conn := manager(t, place(t))
	t.Setenv("NOTIFY_SOCKET", conn.LocalAddr().String())
	want(t, "too long", Notify(string(bytes.Repeat([]byte("x"), 10<<20))), unix.EMSGSIZE)
}
