package itest

import (
	"context"
	"errors"
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

	"golang.org/x/sys/unix"

	"example.com/iomux/handover"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// activated is a role: a server on the sockets that it has inherited. It says
// what they are, and what a child of it finds.
func activated([]string) int {
	sockets, err := handover.Inherited()
	if err != nil {
		return complain(err)
	}
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), roleVariable+"=inspector")
	child.Stderr = os.Stderr
	found, err := child.Output()
	if err != nil {
		return complain(err)
	}
	group, err := reactor.Open(reactor.Options{Loops: 2})
	if err != nil {
		return complain(err)
	}
	for _, s := range sockets {
		if s.Packet() {
			_, err = group.AdoptPacket(s.Files, echo.Packets{}, reactor.ListenOptions{})
		} else {
			_, err = group.Adopt(s.Files, echo.Handler{}, reactor.ListenOptions{})
		}
		if err != nil {
			return complain(err)
		}
		fmt.Printf("%q %s %d\n", s.Name, s.URL, len(s.Files))
		_ = s.Close() // the loops have duplicates
	}
	fmt.Printf("%d sockets; a child has %s\n", len(sockets), found)
	untilEnd()
	if err := group.Shutdown(context.Background()); err != nil {
		return complain(err)
	}
	return 0
}

// inspector is a role: it says which variables of socket activation and which
// sockets a child has.
func inspector([]string) int {
	var variables []string
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "LISTEN_") {
			variables = append(variables, v)
		}
	}
	sockets := 0
	for fd := 3; fd < 100; fd++ {
		if what, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil && strings.HasPrefix(what, "socket:") {
			sockets++
		}
	}
	fmt.Printf("%v, %d sockets", variables, sockets)
	return 0
}

// systemd runs a command under systemd-socket-activate inside the test's network,
// where ports are free, and touches the first address, at which it starts.
func systemd(t *testing.T, args []string, touch func() error, command ...string) *process {
	t.Helper()
	words := slices.Concat([]string{tool(t, "systemd-socket-activate"), "-E", roleVariable + "=activated", "-E", "GORACE"}, args, command)
	p := launch(t, nil, nil, words...)
	await(t, "systemd-socket-activate listens", func() bool { return touch() == nil })
	return p
}

// connects is a first touch of a stream. A server that ends at once may reset it.
func connects(network, address string) func() error {
	return func() error {
		c, err := net.Dial(network, address)
		switch {
		case err == nil:
			c.Close()
		case errors.Is(err, unix.ECONNRESET):
			err = nil
		}
		return err
	}
}

// netEcho wants an echo from any address that package net knows.
func netEcho(network, address, local string) error {
	d := net.Dialer{Timeout: patience}
	if local != "" {
		d.LocalAddr = &net.UnixAddr{Name: local, Net: network}
	}
	c, err := d.Dial(network, address)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return exchange(c, message)
}

// P9: sockets of every kind that systemd opens are served, and nothing of it is
// left for a child.
func TestSocketActivation(t *testing.T) {
	tool(t, "systemd-socket-activate")
	ownNetwork(t)
	dir := publicDir(t)
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, f := range []struct {
		name  string
		args  []string
		touch func() error
		want  []string // NAME URL
		echo  [][3]string
	}{
		{
			"streams", []string{"--fdname=four:six:file:abstract", "-l", "127.0.0.1:7001", "-l", "[::1]:7002", "-l", path("s"), "-l", "@iomux.itest"},
			connects("tcp", "127.0.0.1:7001"),
			[]string{`"four" tcp://127.0.0.1:7001`, `"six" tcp://[::1]:7002`, `"file" unix://` + path("s"), `"abstract" unix:@iomux.itest`},
			[][3]string{{"tcp", "127.0.0.1:7001"}, {"tcp", "[::1]:7002"}, {"unix", path("s")}, {"unix", "@iomux.itest"}},
		},
		{
			"datagrams", []string{"-d", "--fdname=udp:gram", "-l", "127.0.0.1:7003", "-l", path("g")},
			func() error {
				// It is not answered while nobody receives, but kept.
				c, err := bareSocket(unix.AF_UNIX, unix.SOCK_DGRAM)
				if err != nil {
					return err
				}
				defer c.close()
				return unix.Sendto(int(c), []byte("wake"), 0, &unix.SockaddrUnix{Name: path("g")})
			},
			[]string{`"udp" udp://127.0.0.1:7003`, `"gram" unixgram://` + path("g")},
			[][3]string{{"udp", "127.0.0.1:7003"}, {"unixgram", path("g"), path("c")}},
		},
		{
			"messages", []string{"--seqpacket", "-l", path("p")}, connects("unixpacket", path("p")),
			[]string{`"" unixpacket://` + path("p")},
			[][3]string{{"unixpacket", path("p")}},
		},
	} {
		t.Log(f.name)
		p := systemd(t, f.args, f.touch, thisBinary(t))
		for _, want := range f.want {
			p.expect(want + " 1")
		}
		p.expect(fmt.Sprintf("%d sockets; a child has [], 0 sockets", len(f.want)))
		for _, e := range f.echo {
			for range 3 {
				if err := netEcho(e[0], e[1], e[2]); err != nil {
					t.Errorf("%s %s: %v", e[0], e[1], err)
				}
				_ = os.Remove(path("c"))
			}
		}
		if lines, status := p.end(); len(lines) > 0 || status != 0 {
			t.Errorf("%s: it says %q and exits with %d", f.name, lines, status)
		}
	}
}

// P9: what systemd has not meant for this process is left alone, and what cannot
// be is refused with a line that says what; a child sees none of it.
func TestSocketActivationGoneWrong(t *testing.T) {
	tool(t, "systemd-socket-activate")
	ownNetwork(t)
	const nothing = "0 sockets; a child has [], 1 sockets" // whosever it is, it stays as it is
	for _, f := range []struct{ script, says, complains string }{
		{`LISTEN_PID=1 exec "$@"`, nothing, ""},
		{`"$@"; exit $?`, nothing, ""}, // the shell keeps the number that LISTEN_PID has
		{`unset LISTEN_PID; exec "$@"`, nothing, ""},
		{`unset LISTEN_FDS; exec "$@"`, nothing, ""},
		{`LISTEN_PID=me exec "$@"`, "", `LISTEN_PID="me"`},
		{`LISTEN_FDS=2 exec "$@"`, "", "descriptor 4"},
		{`LISTEN_FDS=900 exec "$@"`, "", "LISTEN_FDS=900"},
		{`LISTEN_FDS=0 exec "$@"`, "", `LISTEN_FDS="0"`},
		{`LISTEN_FDS=-1 exec "$@"`, "", `LISTEN_FDS="-1"`},
		{`LISTEN_FDS=many exec "$@"`, "", `LISTEN_FDS="many"`},
		{`LISTEN_FDNAMES=a:b exec "$@"`, "", "LISTEN_FDNAMES"},
		{`exec 3</dev/null "$@"`, "", "descriptor 3"},
		{`exec 3>&- "$@"`, "", "descriptor 3"},
	} {
		p := systemd(t, []string{"-l", "127.0.0.1:7001"}, connects("tcp", "127.0.0.1:7001"), "sh", "-c", f.script, "sh", thisBinary(t))
		if f.says != "" {
			p.expect(f.says)
			if lines, status := p.end(); len(lines) > 0 || status != 0 {
				t.Errorf("%s: it says %q and exits with %d", f.script, lines, status)
			}
			continue
		}
		if status := p.wait(); status != 1 {
			t.Errorf("%s: exit status %d, want 1", f.script, status)
		}
		if out := p.log.String(); !strings.Contains(out, f.complains) {
			t.Errorf("%s: it complains of %q, not %s", f.script, out, f.complains)
		}
	}
}

// P9: the program serves what systemd has opened for it, and leaves the files of
// sockets to whom they belong.
func TestProgramUnderSystemd(t *testing.T) {
	tool(t, "systemd-socket-activate")
	ownNetwork(t)
	path := filepath.Join(publicDir(t), "s")
	for _, f := range []struct {
		args  []string
		touch func() error
		want  []string
		echo  [][2]string
	}{
		{
			[]string{"-l", "127.0.0.1:7001", "-l", path}, connects("unix", path),
			[]string{"tcp://127.0.0.1:7001", "unix://" + path},
			[][2]string{{"tcp", "127.0.0.1:7001"}, {"unix", path}},
		},
		{
			[]string{"-d", "-l", "127.0.0.1:7001"}, func() error { return netEcho("udp", "127.0.0.1:7001", "") },
			[]string{"udp://127.0.0.1:7001"},
			[][2]string{{"udp", "127.0.0.1:7001"}},
		},
	} {
		p := systemd(t, f.args, f.touch, program, "echo")
		for _, url := range f.want {
			p.expect("listening " + url)
		}
		for _, e := range f.echo {
			if err := netEcho(e[0], e[1], ""); err != nil {
				t.Errorf("%v: %v", e, err)
			}
		}
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if status := p.wait(); status != 0 {
			t.Errorf("%v: exit status %d: %s", f.args, status, p.log.String())
		}
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the program has removed systemd's socket: %v", err)
	}
}
