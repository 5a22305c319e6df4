//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

var update = flag.Bool("update", false, "write the golden file anew")

// The golden file is a whole hand-over: what the successor says behind >, what
// the server says behind <. A version that says something else cannot take over
// from one that is in service.
var golden = filepath.Join("testdata", "dialogue.txt")

// peer is one side of the protocol in the hands of a test.
type peer struct {
	t    *testing.T
	conn *net.UnixConn
}

// knock connects to a server as a successor does.
func knock(t *testing.T, path string) peer {
	t.Helper()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return peer{t, conn}
}

// say sends something, with descriptors if there are any.
func (p peer) say(what string, files ...int) {
	p.t.Helper()
	if err := p.trySay(what, files...); err != nil {
		p.t.Error(err)
	}
}

// trySay is say to one who may hang up before the end.
func (p peer) trySay(what string, files ...int) error {
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	_, _, err := p.conn.WriteMsgUnix([]byte(what), rights, nil)
	return err
}

// hear reads a line, byte by byte so that nothing behind it is lost, or what there
// is before the end.
func (p peer) hear() string {
	p.t.Helper()
	var line []byte
	for !bytes.HasSuffix(line, []byte("\n")) {
		var b [1]byte
		if _, err := p.conn.Read(b[:]); err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, unix.ECONNRESET) {
				p.t.Errorf("after %q: %v", line, err)
			}
			break
		}
		line = append(line, b[0])
	}
	return string(line)
}

// expect wants a line.
func (p peer) expect(line string) {
	p.t.Helper()
	if got := p.hear(); got != line {
		p.t.Errorf("heard %q, want %q", got, line)
	}
}

// files receives one message of descriptors, which it closes, and says how many.
func (p peer) files() (text string, n int) {
	p.t.Helper()
	b, control := make([]byte, 1), make([]byte, unix.CmsgSpace(4*sys.MaxRights))
	k, size, _, _, err := p.conn.ReadMsgUnix(b, control)
	if err != nil {
		p.t.Error(err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:size])
	if err != nil {
		p.t.Error(err)
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			p.t.Error(err)
		}
		closeNumbers(fds)
		n += len(fds)
	}
	return string(b[:k]), n
}

// The server says what is in the golden file, byte for byte.
func TestServerDialogue(t *testing.T) {
	leaktest.Check(t)
	path := place(t)
	tcp, gram := listenTCP(t), listenUDP(t)
	p := precede(t, listenAt(t, path), path, func() ([]Socket, error) {
		web, err := handing("web", "tcp://127.0.0.1:7000", tcp, tcp)()
		if err != nil {
			return web, err
		}
		more, err := handing("", "udp://127.0.0.1:7000", gram)()
		return append(web, more...), err
	})
	var text strings.Builder
	c := knock(t, path)
	say := func(line string) {
		fmt.Fprintf(&text, "> %s\n", line)
		c.say(line + "\n")
	}
	hear := func() { fmt.Fprintf(&text, "< %s", c.hear()) }
	say("iomux-handover 1")
	hear()
	say("send")
	b, n := c.files()
	fmt.Fprintf(&text, "< %s and %d descriptors\n", b, n)
	p.stays(t)
	say("done")
	hear()
	p.hasLeft(t)
	if _, err := c.conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("behind the last line: %v", err)
	}
	got := regexp.MustCompile(`"(dev|ino)":\d+`).ReplaceAllString(text.String(), `"$1":1`)
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := script(t); got != strings.Join(want, "") {
		t.Errorf("%s differs; go test ./handover -update writes it anew. Now:\n%s", golden, got)
	}
}

// script is the golden file's lines.
func script(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(text)))
}

// fake is a socket file behind which a test plays the server, in a goroutine, to
// one process that connects.
func fake(t *testing.T, play func(p peer)) (path string) {
	t.Helper()
	path = place(t)
	ln := listenUnix(t, "unix", path)
	done := make(chan struct{})
	t.Cleanup(func() { ln.Close(); <-done })
	go func() {
		defer close(done)
		conn, err := ln.AcceptUnix()
		if err != nil {
			return // nobody came
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Error(err)
		}
		play(peer{t, conn})
	}()
	return path
}

// The successor's part is in the same file.
func TestTakeDialogue(t *testing.T) {
	leaktest.Check(t)
	own, tcp, gram := listenUnix(t, "unix", place(t)), listenTCP(t), listenUDP(t)
	fds := []int{}
	for _, f := range []filer{own, tcp, tcp, gram} {
		fd, err := number(file(t, f))
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
	}
	lines := script(t)
	path := fake(t, func(p peer) {
		for _, line := range lines {
			switch said, text := line[0], line[2:]; {
			case said == '>':
				p.expect(text)
			case strings.HasPrefix(text, ". and "):
				p.say(".", fds...)
			default:
				p.say(text)
			}
		}
	})
	taken, err := Take(within(t), path)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if n := len(taken.Sockets); n != 2 {
		t.Fatalf("%d sockets", n)
	}
	web, udp := taken.Sockets[0], taken.Sockets[1]
	if web.Name != "web" || web.URL != "tcp://127.0.0.1:7000" || len(web.Files) != 2 || web.Packet() {
		t.Errorf("%+v", web)
	}
	if udp.Name != "" || udp.URL != "udp://127.0.0.1:7000" || len(udp.Files) != 1 || !udp.Packet() {
		t.Errorf("%+v", udp)
	}
	server, err := taken.Done(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if want := (sys.FileID{Dev: 1, Ino: 1}); server.file.ID != want || server.file.Path != path {
		t.Errorf("%+v", server.file)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

// Who is not a successor, or a bad one, gets a word or none, and nothing happens
// that was not asked for. Descriptors that it sends are closed.
func TestStrangers(t *testing.T) {
	leaktest.Check(t)
	path := place(t)
	server := listenAt(t, path)
	server.step = patience
	p := precede(t, server, path, none)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	before := 0
	for i, c := range []struct{ say, want string }{
		{"", ""},
		{"iomux-handov", ""},
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", `refused: no proper hand-over: there is more behind the line` + "\n"},
		{"\n", `refused: no proper hand-over: got "", want "iomux-handover 1"` + "\n"},
		{"\x00\x1b[2J\xff\n", `refused: no proper hand-over: got "\x00\x1b[2J\xff", want "iomux-handover 1"` + "\n"},
		{"iomux-handover 2\n", `refused: no proper hand-over: got "iomux-handover 2", want "iomux-handover 1"` + "\n"},
		{"iomux-handover 1\nsend\n", `refused: no proper hand-over: there is more behind the line` + "\n"},
		{strings.Repeat("x", maxLine), `refused: no proper hand-over: a line has more than 512 bytes` + "\n"},
		{strings.Repeat("x", 1<<20), `refused: no proper hand-over: a line has more than 512 bytes` + "\n"},
		{"refused: because\n", `refused: hand-over refused: "because"` + "\n"},
	} {
		for _, rights := range [][]int{nil, {int(null.Fd())}, {int(null.Fd()), int(null.Fd()), int(null.Fd())}} {
			s := knock(t, path)
			if c.say != "" {
				s.trySay(c.say, rights...)
			}
			s.conn.CloseWrite()
			s.expect(c.want)
			s.conn.Close()
		}
		if i == 0 {
			before = open()
		}
	}
	for range 1000 { // U5
		s := knock(t, path)
		s.trySay("x\n", int(null.Fd()))
		s.hear()
		s.conn.Close()
	}
	if after := open(); after > before+10 { // the last connections may be open still
		t.Errorf("%d descriptors are open, before it were %d", after, before)
	}
	p.stays(t)
	takeOver(t, p)
}

// takeOver is a hand-over that succeeds.
func takeOver(t *testing.T, p *predecessor) {
	t.Helper()
	taken, err := Take(within(t), p.path)
	if err != nil {
		t.Fatal(err)
	}
	p.stays(t)
	server, err := taken.Done(within(t))
	if err != nil {
		t.Fatal(err)
	}
	p.hasLeft(t)
	if err := errors.Join(taken.Close(), server.Close()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(p.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket file is still there: %v", err)
	}
}
