//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// inheritance is what a process says that has looked for sockets.
type inheritance struct {
	Err         string
	Environment bool // the error is ErrEnvironment
	Socket      bool // or ErrSocket
	Sockets     []found
	Variables   []string // those left of the environment that systemd sets
	Again       int      // what a second look finds
}

// found is a Socket as it is found.
type found struct {
	Name, URL string
	FDs       []int
	Packet    bool
	Bare      bool // a file is not close-on-exec, or not non-blocking
}

// inheritor is a role: it looks for sockets and says what it has found.
func inheritor() int {
	var i inheritance
	list, err := Inherited()
	if err != nil {
		i.Err = err.Error()
		i.Environment, i.Socket = errors.Is(err, ErrEnvironment), errors.Is(err, ErrSocket)
	}
	for _, s := range list {
		f := found{Name: s.Name, URL: s.URL, Packet: s.Packet()}
		for _, file := range s.Files {
			fd, err := number(file)
			if err != nil {
				panic(err)
			}
			f.FDs = append(f.FDs, fd)
			flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
			status, err2 := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
			f.Bare = f.Bare || err != nil || err2 != nil || flags&unix.FD_CLOEXEC == 0 || status&unix.O_NONBLOCK == 0
		}
		i.Sockets = append(i.Sockets, f)
	}
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "LISTEN_") {
			i.Variables = append(i.Variables, v)
		}
	}
	again, err := Inherited()
	if err != nil {
		panic(err)
	}
	i.Again = len(again)
	if err := json.NewEncoder(os.Stdout).Encode(i); err != nil {
		panic(err)
	}
	return 0
}

// inherit runs an inheritor with variables, in which $$ is its own number, and
// files from descriptor 3 on.
func inherit(t *testing.T, variables map[string]string, files ...*os.File) (i inheritance) {
	t.Helper()
	script := `exec "$@"`
	for name, value := range variables {
		// A shell is what can put its number into the environment before it
		// becomes another program, as systemd does.
		script = fmt.Sprintf("export %s=\"%s\"; %s", name, value, script)
	}
	p := run(t, "inheritor", func(cmd *exec.Cmd) { cmd.ExtraFiles = files }, "/bin/sh", "-c", script, "sh")
	if err := json.Unmarshal([]byte(p.line(t)), &i); err != nil {
		t.Error(err)
	}
	p.end(t)
	if len(i.Variables) > 0 || i.Again > 0 {
		t.Errorf("%v: afterwards there are %q and %d sockets", variables, i.Variables, i.Again)
	}
	return i
}

// file is a duplicate of a socket, closed in the end. It is blocking, as those of
// systemd are.
func file(t *testing.T, f filer) *os.File {
	t.Helper()
	dup, err := f.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dup.Close() })
	fd, err := number(dup)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	return dup
}

// listenUnix listens at a path, or @name, until the test ends.
func listenUnix(t *testing.T, network, name string) *net.UnixListener {
	t.Helper()
	ln, err := net.ListenUnix(network, &net.UnixAddr{Name: name, Net: network})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func listenUDP(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// All kinds of sockets come, with their names and addresses, two of one address
// together, and nothing of it is left for a child.
func TestInherited(t *testing.T) {
	leaktest.Check(t)
	path := place(t)
	tcp, udp := listenTCP(t), listenUDP(t)
	files := []*os.File{file(t, tcp), file(t, udp), file(t, tcp), file(t, listenUnix(t, "unix", path))}
	wanted := []found{
		{Name: "web", URL: "tcp://" + tcp.Addr().String(), FDs: []int{3, 5}},
		{Name: "syslog", URL: "udp://" + udp.LocalAddr().String(), FDs: []int{4}, Packet: true},
		{Name: "", URL: "unix://" + path, FDs: []int{6}},
	}
	names := "web:syslog:again:"
	gram, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path + " %", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { gram.Close() })
	files = append(files, file(t, gram))
	wanted = append(wanted, found{Name: "gram", URL: "unixgram://" + path + "%20%25", FDs: []int{7}, Packet: true})
	names += ":gram"
	if runtime.GOOS == "linux" {
		files = append(files, file(t, listenUnix(t, "unixpacket", "@"+filepath.Base(filepath.Dir(path)))))
		wanted = append(wanted, found{Name: "seq", URL: "unixpacket:@" + filepath.Base(filepath.Dir(path)), FDs: []int{8}})
		names += ":seq"
	}
	got := inherit(t, map[string]string{"LISTEN_PID": "$$", "LISTEN_FDS": fmt.Sprint(len(files)), "LISTEN_FDNAMES": names}, files...)
	if got.Err != "" || !reflect.DeepEqual(got.Sockets, wanted) {
		t.Errorf("got %+v\nwant %+v", got, wanted)
	}
}

// P9: what is not meant for this process is left alone, and what cannot be is an
// error that says so. The environment is cleared in all cases.
func TestInheritedWrong(t *testing.T) {
	leaktest.Check(t)
	ln := listenTCP(t)
	socket := file(t, ln)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	connection := file(t, client.(*net.TCPConn))
	unnamed := func(typ int) *os.File {
		fds, err := unix.Socketpair(unix.AF_UNIX, typ, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
		}
		unix.Close(fds[1])
		f := os.NewFile(uintptr(fds[0]), "socketpair")
		t.Cleanup(func() { f.Close() })
		return f
	}
	silent, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.CloseOnExec(silent)
	idle := os.NewFile(uintptr(silent), "idle")
	defer idle.Close()

	const none, environment, notSocket = "", "environment", "socket"
	for _, c := range []struct {
		pid, fds, names string // "-": not set
		files           []*os.File
		want            string
		text            string // in the error
	}{
		{"-", "1", "web", []*os.File{socket}, none, ""},
		{"$$", "-", "web", []*os.File{socket}, none, ""},
		{"1", "1", "web", []*os.File{socket}, none, ""},
		{"1", "nonsense", "a:b:c", []*os.File{socket}, none, ""},
		{"2147483647", "1", "-", []*os.File{socket}, none, ""},
		{"", "1", "-", []*os.File{socket}, environment, `LISTEN_PID=""`},
		{"$$x", "1", "-", []*os.File{socket}, environment, "LISTEN_PID="},
		{"-$$", "1", "-", []*os.File{socket}, environment, "LISTEN_PID="},
		{"99999999999999999999", "1", "-", []*os.File{socket}, environment, "LISTEN_PID="},
		{"$$", "", "-", []*os.File{socket}, environment, `LISTEN_FDS=""`},
		{"$$", "0", "-", []*os.File{socket}, environment, `LISTEN_FDS="0"`},
		{"$$", "-1", "-", []*os.File{socket}, environment, `LISTEN_FDS="-1"`},
		{"$$", "1x", "-", []*os.File{socket}, environment, `LISTEN_FDS="1x"`},
		{"$$", "1025", "-", []*os.File{socket}, environment, `LISTEN_FDS="1025"`},
		{"$$", "2147483648", "-", []*os.File{socket}, environment, "LISTEN_FDS="},
		{"$$", "1", "a:b", []*os.File{socket}, environment, "2 names for 1"},
		{"$$", "2", "a", []*os.File{socket, socket}, environment, "1 names for 2"},
		{"$$", "1", strings.Repeat("n", maxName+1), []*os.File{socket}, environment, "256 bytes"},
		{"$$", "1", "a\x01b", []*os.File{socket}, environment, "not text"},
		{"$$", "1000", "-", []*os.File{socket}, notSocket, "descriptor 4 of those from 3 on that LISTEN_FDS=1000 counts"},
		{"$$", "2", "-", []*os.File{socket, null}, notSocket, "descriptor 4"},
		{"$$", "1", "-", []*os.File{null}, notSocket, "descriptor 3"},
		{"$$", "1", "-", []*os.File{connection}, notSocket, "does not listen"},
		{"$$", "1", "-", []*os.File{idle}, notSocket, "does not listen"},
		{"$$", "1", "-", []*os.File{unnamed(unix.SOCK_STREAM)}, notSocket, "does not listen"},
		{"$$", "1", "-", []*os.File{unnamed(unix.SOCK_DGRAM)}, notSocket, "no name"},
	} {
		variables := map[string]string{"LISTEN_PID": c.pid, "LISTEN_FDS": c.fds, "LISTEN_FDNAMES": c.names}
		for name, value := range variables {
			if value == "-" {
				delete(variables, name)
			}
		}
		got := inherit(t, variables, c.files...)
		if len(got.Sockets) > 0 || got.Environment != (c.want == environment) || got.Socket != (c.want == notSocket) ||
			(got.Err != "") != (c.want != none) || !strings.Contains(got.Err, c.text) {
			t.Errorf("%v: got %+v, want %s with %q", variables, got, c.want, c.text)
		}
	}
}

// Without any of it, which is how most programs start, there is nothing.
func TestNothingInherited(t *testing.T) {
	leaktest.Check(t)
	if list, err := Inherited(); list != nil || err != nil {
		t.Errorf("%v, %v", list, err)
	}
}
