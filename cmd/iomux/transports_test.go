//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// transports are addresses of every kind, in a directory.
func transports(dir string) []string {
	list := []string{
		"tcp://127.0.0.1:0", "tcp4://127.0.0.1:0", "udp://127.0.0.1:0", "udp4://127.0.0.1:0",
		"unix://" + dir + "/stream.sock", "unixgram://" + dir + "/gram.sock",
	}
	if runtime.GOOS != "darwin" { // which has no such sockets
		list = append(list, "unixpacket://"+dir+"/packet.sock")
	}
	if runtime.GOOS == "linux" {
		name := strings.ReplaceAll(strings.TrimPrefix(dir, "/"), "/", "-") // as unique as the directory
		list = append(list, "unix:@"+name+"-stream", "unixgram:@"+name+"-gram", "unixpacket:@"+name+"-packet")
	}
	if hasIPv6() {
		list = append(list, "tcp6://[::1]:0", "udp6://[::1]:0")
	}
	return list
}

// startTransports runs iomux echo on every kind of address.
func startTransports(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	for _, url := range transports(dir) {
		args = append(args, "--listen", url)
	}
	return startEcho(t, 0, args...)
}

// One server serves every kind of address at once, and the client speaks them all.
func TestEveryTransport(t *testing.T) {
	dir := shortDir(t)
	p := startTransports(t, dir)
	t.Run("all", func(t *testing.T) { // so that what follows waits for them
		for i, url := range transports(dir) {
			if got := p.urls[i]; got != url && !strings.HasPrefix(got, strings.TrimSuffix(url, "0")) || strings.HasSuffix(got, ":0") {
				t.Errorf("%s: it listens on %s", url, got)
			}
			t.Run(url, func(t *testing.T) {
				t.Parallel()
				const lines = "This is the message.\nIt will be repeated.\nÄ \x00\xff\r\n"
				talk(t, p.urls[i], lines, lines)
			})
		}
	})
	p.signal(syscall.SIGTERM)
	if status, rest := p.wait(); status != 0 || rest != "" {
		t.Errorf("exit status %d, %q; log:\n%s", status, rest, p.log.String())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

// A Unix socket's file has the permissions of --mode, and else is the owner's.
func TestMode(t *testing.T) {
	for _, c := range []struct {
		args []string
		want fs.FileMode
	}{{nil, 0o600}, {[]string{"--mode", "0666"}, 0o666}} {
		for _, scheme := range []string{"unix", "unixgram"} {
			path := shortDir(t) + "/x.sock"
			startEcho(t, 0, append(c.args, "--listen", scheme+"://"+path)...)
			info, err := os.Lstat(path)
			if err != nil || info.Mode() != fs.ModeSocket|c.want {
				t.Errorf("%s %v: %v, %v", scheme, c.args, info.Mode(), err)
			}
		}
	}
}

// A file that a crash has left is taken; one that is served at is not.
func TestStaleSocketFile(t *testing.T) {
	url := "unix://" + shortDir(t) + "/x.sock"
	p := startEcho(t, 0, "--listen", url)
	check(t, call(t, "", "echo", "--listen", url), 1, []string{url, "address already in use"})
	p.signal(syscall.SIGKILL)
	p.wait()
	p = startEcho(t, 0, "--listen", url)
	if r := call(t, "again", "connect", p.urls[0]); r != (result{0, "again", ""}) {
		t.Errorf("%+v", r)
	}
}

// Datagrams keep their bounds, and the empty one is one.
func TestConnectKeepsBounds(t *testing.T) {
	dir := shortDir(t)
	p := startTransports(t, dir)
	for i, url := range transports(dir) {
		if !isPacket(url) {
			continue
		}
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			lines := "one\n\n" + strings.Repeat("x", 60000) + "\nlast\n"
			talk(t, p.urls[i], lines, lines)
			if r := call(t, "", "connect", "--wait", "0s", p.urls[i]); r != (result{0, "", ""}) {
				t.Errorf("nothing to send: %+v", r)
			}
		})
	}
}

// Over unixpacket an empty line, which would be the end, is not sent; the last line
// is, though it does not end.
func TestConnectOverUnixpacket(t *testing.T) {
	dir := shortDir(t)
	p := startTransports(t, dir)
	for i, url := range transports(dir) {
		if !strings.HasPrefix(url, "unixpacket") {
			continue
		}
		if r := call(t, "one\n\ntwo", "connect", p.urls[i]); r != (result{0, "one\ntwo\n", ""}) {
			t.Errorf("%s: %+v", url, r)
		}
	}
}

// What the kernel does not take is said, with the line: over UDP more than 65507
// bytes.
func TestConnectMessageTooLong(t *testing.T) {
	p := startEcho(t, 0, "--listen", "udp://127.0.0.1:0")
	for _, size := range []int{65508, maxMessage + 1} {
		r := call(t, "\n"+strings.Repeat("x", size), "connect", "--wait", "0s", p.urls[0])
		r.stdout = "" // the first line may be answered in time
		why := "message too long"
		if size > maxMessage {
			why = fmt.Sprintf("more than %d bytes", maxMessage)
		}
		check(t, r, 1, []string{"not everything was sent", "line 2", why})
	}
}

// Datagrams to nobody are a failure on this machine, where the kernel tells.
func TestConnectToNoDatagrams(t *testing.T) {
	url := "udp://" + deadPort(t)
	check(t, call(t, "hello\n", "connect", url), 1, []string{url, "connection refused", "nothing listens there"})
}

// deadPort is an address that nobody else gets and that receives nothing.
func deadPort(t *testing.T) string {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	// Connected to itself it refuses what others send.
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	address := c.LocalAddr().(*net.UDPAddr)
	if cerr := raw.Control(func(fd uintptr) {
		err = syscall.Connect(int(fd), &syscall.SockaddrInet4{Port: address.Port, Addr: [4]byte{127, 0, 0, 1}})
	}); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	return address.String()
}

// A Unix socket of another kind is told from one that is not there.
func TestConnectToAnotherKind(t *testing.T) {
	path := shortDir(t) + "/x.sock"
	startEcho(t, 0, "--listen", "unix://"+path)
	check(t, call(t, "", "connect", "unixgram://"+path), 1, []string{"unixgram://" + path, "socket of another kind"})
}

// Where names are files, this side's is in a directory of its own, which is gone
// afterwards.
func TestConnectFromAFile(t *testing.T) {
	path := shortDir(t) + "/x.sock"
	p := startEcho(t, 0, "--listen", "unixgram://"+path)
	l := &link{url: p.urls[0], messages: true, endless: true}
	name, err := l.makeFile()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.dialFrom(name, path); err != nil {
		t.Fatal(err)
	}
	if err := l.send("hello"); err != nil {
		t.Fatal(err)
	}
	if got, err := l.receive(make([]byte, maxMessage+1)); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(l.file); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", l.file, err)
	}
}

// deadlines is a connection that remembers those of its reader.
type deadlines struct {
	net.Conn
	set []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return d.Conn.SetReadDeadline(at)
}

// Silence ends it, which counts from the end of the input and from each datagram that
// comes after that, not before.
func TestConnectWaitsForSilence(t *testing.T) {
	p := startEcho(t, 0, "--listen", "udp://127.0.0.1:0")
	l, err := openLink(p.urls[0], patience)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	d := &deadlines{Conn: l.Conn}
	l.Conn = d
	buf := make([]byte, maxMessage+1)
	echo := func() {
		t.Helper()
		if err := l.send("x"); err != nil {
			t.Fatal(err)
		}
		if got, err := l.receive(buf); err != nil || string(got) != "x" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	echo()
	if len(d.set) != 0 {
		t.Errorf("it waits before the end of the input: %v", d.set)
	}
	l.endInput()
	echo()
	echo()
	if len(d.set) != 3 || !d.set[1].After(d.set[0]) || !d.set[2].After(d.set[1]) {
		t.Errorf("it waits until %v", d.set)
	}
	l.wait = 0
	l.endInput()
	if got, err := l.receive(buf); !errors.Is(err, io.EOF) {
		t.Errorf("after the silence: %q, %v", got, err)
	}
}
