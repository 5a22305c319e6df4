//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// Three generations hand over one to the next: the socket file stays the same, and
// so does what waits in the queues of the sockets while nobody accepts.
func TestHandOver(t *testing.T) {
	leaktest.Check(t)
	path := place(t)
	ln, gram := listenTCP(t), listenUDP(t)
	url := "tcp://" + ln.Addr().String()
	var clients []net.Conn
	for i := range 20 {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := fmt.Fprint(c, i); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	out, err := net.Dial("udp", gram.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := fmt.Fprint(out, "datagram"); err != nil {
		t.Fatal(err)
	}

	server := listenAt(t, path)
	first, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if first.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("mode %v, want 0600", first.Mode())
	}
	sockets := func() ([]Socket, error) {
		web, err := handing("web", url, ln)()
		if err != nil {
			return web, err
		}
		more, err := handing("", "udp://"+gram.LocalAddr().String(), gram)()
		return append(web, more...), err
	}
	for range 3 {
		p := precede(t, server, path, sockets)
		ctx, cancel := context.WithCancel(within(t))
		taken, err := Take(ctx, path)
		if err != nil {
			t.Fatal(err)
		}
		cancel() // Take is over: it is of no matter
		p.stays(t)
		web, datagrams := taken.Sockets[0], taken.Sockets[1]
		own, err := net.FileListener(web.Files[0])
		if err != nil {
			t.Fatal(err)
		}
		packets, err := net.FilePacketConn(datagrams.Files[0])
		if err != nil {
			t.Fatal(err)
		}
		if server, err = taken.Done(within(t)); err != nil {
			t.Fatal(err)
		}
		p.hasLeft(t)
		if _, err := taken.Done(within(t)); !errors.Is(err, ErrClosed) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("done twice: %v", err)
		}
		if err := p.server.Serve(within(t), none, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("serve twice: %v", err)
		}
		if err := errors.Join(p.server.Close(), taken.Close(), taken.Close(), ln.Close(), gram.Close()); err != nil {
			t.Error(err)
		}
		ln, gram = own.(*net.TCPListener), packets.(*net.UDPConn)
		defer own.Close()
		defer packets.Close()
		if now, err := os.Lstat(path); err != nil || !os.SameFile(first, now) {
			t.Errorf("the socket file is another one, or none: %v", err)
		}
	}
	for i := range clients {
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var b [10]byte
		if n, err := c.Read(b[:]); err != nil || string(b[:n]) != fmt.Sprint(i) {
			t.Errorf("connection %d: %q, %v", i, b[:n], err)
		}
	}
	var b [10]byte
	if n, err := gram.Read(b[:]); err != nil || string(b[:n]) != "datagram" {
		t.Errorf("%q, %v", b[:n], err)
	}
	if err := errors.Join(server.Close(), server.Close()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket file after the last Close: %v", err)
	}
}

// Many descriptors take several messages.
func TestManyFiles(t *testing.T) {
	leaktest.Check(t)
	path := place(t)
	ln := listenTCP(t)
	for _, n := range []int{sys.MaxRights - 2, sys.MaxRights - 1, sys.MaxRights, 3*sys.MaxRights + 1} {
		var files []filer
		for range n {
			files = append(files, ln)
		}
		p := precede(t, listenAt(t, path), path, handing("", "tcp://127.0.0.1:7000", files...))
		taken, err := Take(within(t), path)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(taken.Sockets[0].Files); got != n {
			t.Errorf("%d files, want %d", got, n)
		}
		for _, f := range taken.Sockets[0].Files {
			fd, err := number(f)
			if err != nil {
				t.Fatal(err)
			}
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("%d is not close-on-exec: %v", fd, err)
			}
		}
		server, err := taken.Done(within(t))
		if err != nil {
			t.Fatal(err)
		}
		p.hasLeft(t)
		if err := errors.Join(taken.Close(), server.Close()); err != nil {
			t.Error(err)
		}
	}
}

// A successor that ends at any point before it is done leaves all as it was, also
// when its last word lies there already while the predecessor is held up.
func TestSuccessorEnds(t *testing.T) {
	leaktest.Check(t)
	path := place(t)
	ln := listenTCP(t)
	p := precede(t, listenAt(t, path), path, handing("web", "tcp://127.0.0.1:7000", ln))
	for range 3 { // in the middle of each of the three lines
		c := knock(t, path)
		c.say("iomux-hand")
		c.conn.Close()

		c = knock(t, path)
		c.say("iomux-handover 1\n")
		c.conn.Close()

		c = knock(t, path)
		c.say("iomux-handover 1\n")
		c.hear()
		c.say("se")
		c.conn.Close()

		c = knock(t, path)
		c.say("iomux-handover 1\n")
		c.hear()
		c.say("send\n")
		c.conn.Close() // the descriptors are in flight, or not sent yet

		c = knock(t, path)
		c.say("iomux-handover 1\n")
		c.hear()
		c.say("send\n")
		c.files()
		c.say("don")
		c.conn.Close()

		taken, err := Take(within(t), path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(taken.Close(), taken.Close()); err != nil {
			t.Error(err)
		}
		if _, err := taken.Done(within(t)); !errors.Is(err, ErrClosed) {
			t.Errorf("done after Close: %v", err)
		}
	}
	sent, goOn := make(chan struct{}), make(chan struct{})
	hook(t, &sys.Hooks{Trace: func(c sys.Call) {
		if c.Op == sys.OpSendmsg {
			close(sent)
			<-goOn
		}
	}})
	c := knock(t, path)
	c.say("iomux-handover 1\n")
	c.hear()
	c.say("send\n")
	receive(t, sent)
	c.files()
	c.say("done\n")
	c.conn.Close()
	sys.SetHooks(nil)
	close(goOn)

	p.stays(t)
	takeOver(t, p)
}

// The predecessor ends: before it has given anything there is nobody, afterwards
// the successor has all there is.
func TestPredecessorEnds(t *testing.T) {
	leaktest.Check(t)
	own, tcp := file(t, listenUnix(t, "unix", place(t))), file(t, listenTCP(t))
	var fds [2]int
	for i, f := range []*os.File{own, tcp} {
		fd, err := number(f)
		if err != nil {
			t.Fatal(err)
		}
		fds[i] = fd
	}
	for _, lines := range []int{0, 1} { // those of the successor that it still hears
		path := fake(t, func(p peer) {
			for range lines {
				p.hear()
			}
		})
		_, err := Take(within(t), path)
		want(t, fmt.Sprintf("after %d lines", lines), err, ErrNobody)
	}
	const text = `{"sockets":[{"url":"tcp://127.0.0.1:7000","files":1}]}` + "\n"
	path := fake(t, func(p peer) {
		p.hear()
		p.say(text)
		p.hear()
	})
	_, err := Take(within(t), path)
	want(t, "without descriptors", err, errGone)
	for _, lines := range []int{0, 1} {
		path := fake(t, func(p peer) {
			p.hear()
			p.say(text)
			p.hear()
			p.say(".", fds[:]...)
			for range lines {
				p.hear()
			}
		})
		taken, err := Take(within(t), path)
		if err != nil {
			t.Fatal(err)
		}
		server, err := taken.Done(within(t))
		if err != nil {
			t.Fatalf("gone after the descriptors and %d lines: %v", lines, err)
		}
		if err := errors.Join(taken.Close(), server.Close()); err != nil {
			t.Error(err)
		}
	}
}

// There may be nobody, which is the first start, or after a crash.
func TestNobody(t *testing.T) {
	leaktest.Check(t)
	path := place(t)
	_, err := Take(within(t), path)
	want(t, "no file", err, ErrNobody)
	want(t, "no file", err, unix.ENOENT)
	s := listenAt(t, path)
	if err := s.release(); err != nil { // a crash, to the file
		t.Fatal(err)
	}
	_, err = Take(within(t), path)
	want(t, "a dead file", err, ErrNobody)
	want(t, "a dead file", err, unix.ECONNREFUSED)
	s = listenAt(t, path)
	_, err = Listen(path)
	want(t, "in use", err, unix.EADDRINUSE)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Listen(path)
	want(t, "a file in the way", err, fs.ErrExist)
	for _, path := range []string{"", "@abstract", "@"} {
		_, err = Listen(path)
		want(t, path, err, unix.EINVAL)
		_, err = Take(within(t), path)
		want(t, path, err, unix.EINVAL)
	}
}

// A file that somebody else has put there is not removed.
func TestCloseKeepsAnothersFile(t *testing.T) {
	leaktest.Check(t)
	path := place(t)
	s := listenAt(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other := listenAt(t, path)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
}

// The server's context ends: with nobody there, with a successor in the middle of
// it, and before it begins.
func TestServerIsStopped(t *testing.T) {
	leaktest.Check(t)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	path := place(t)
	want(t, "ended before", listenAt(t, path).Serve(ended, none, nil), context.Canceled)

	p := precede(t, listenAt(t, path), path, none)
	p.stop()
	want(t, "nobody there", receive(t, p.served), context.Canceled)
	close(p.served)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket file is still there: %v", err)
	}

	for _, said := range []string{"", "iomux-handover 1\n"} {
		p = precede(t, listenAt(t, path), path, none)
		c := knock(t, path)
		waiting := knock(t, path)
		if said != "" {
			c.say(said)
			c.hear()
		}
		p.stop()
		if said != "" {
			c.expect("refused: the server is shutting down\n")
		} else {
			c.hear() // the same, or nothing if it has not come in yet
		}
		want(t, "a successor there", receive(t, p.served), context.Canceled)
		close(p.served)
		waiting.expect("")
	}

	p = precede(t, listenAt(t, path), path, none)
	taken, err := Take(within(t), path)
	if err != nil {
		t.Fatal(err)
	}
	p.stop()
	receive(t, p.log) // it has given up
	_, err = taken.Done(within(t))
	want(t, "done too late", err, ErrRefused)
	_, err = taken.Done(within(t))
	want(t, "done once more", err, ErrClosed)
	if err := taken.Close(); err != nil {
		t.Error(err)
	}
	p.stays(t)
}

// Each step has its time, on the server's side.
func TestSuccessorIsSlow(t *testing.T) {
	leaktest.Check(t)
	path := place(t)
	for _, c := range []struct {
		step, ready time.Duration
		lines       []string // that it says
	}{
		{1, patience, nil},
		{patience, 1, []string{"iomux-handover 1\n", "send\n"}},
	} {
		s := listenAt(t, path)
		s.step, s.ready = c.step, c.ready
		p := precede(t, s, path, none)
		k := knock(t, path)
		for _, line := range c.lines {
			k.say(line)
			if strings.HasPrefix(line, "send") {
				k.files()
			} else {
				k.hear()
			}
		}
		k.expect("refused: the other end is silent: i/o timeout\n")
		if line := receive(t, p.log); !strings.Contains(line, "silent") || !strings.Contains(line, "level=WARN") {
			t.Errorf("the log says %s", line)
		}
		p.stays(t)
		p.stop()
		want(t, "Serve", receive(t, p.served), context.Canceled)
		close(p.served)
	}

	s := listenAt(t, path)
	s.ready = 1
	p := precede(t, s, path, none)
	taken, err := Take(within(t), path)
	if err != nil {
		t.Fatal(err)
	}
	receive(t, p.log) // it has given up
	_, err = taken.Done(within(t))
	want(t, "too late", err, ErrRefused)
	if err := taken.Close(); err != nil {
		t.Error(err)
	}
	p.stays(t)
}

// A predecessor that is silent, and then not.
func TestPredecessorIsSlow(t *testing.T) {
	leaktest.Check(t)
	own := file(t, listenUnix(t, "unix", place(t)))
	fd, err := number(own)
	if err != nil {
		t.Fatal(err)
	}
	heard, goOn := make(chan struct{}), make(chan struct{})
	path := fake(t, func(p peer) {
		p.hear()
		close(heard)
		<-goOn
	})
	ctx, cancel := context.WithCancel(within(t))
	go func() { <-heard; cancel() }()
	_, err = Take(ctx, path)
	want(t, "no header", err, context.Canceled)
	close(goOn)

	asked, answer := make(chan struct{}), make(chan struct{})
	path = fake(t, func(p peer) {
		p.hear()
		p.say(`{}` + "\n")
		p.hear()
		p.say(".", fd)
		p.expect("done\n")
		close(asked)
		<-answer
		p.say("released\n")
		p.expect("") // it does not say it again
	})
	taken, err := Take(within(t), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(within(t))
	go func() { <-asked; cancel() }()
	_, err = taken.Done(ctx)
	want(t, "not released", err, context.Canceled)
	close(answer)
	server, err := taken.Done(within(t))
	if err != nil {
		t.Fatalf("released: %v", err)
	}
	if err := errors.Join(taken.Close(), server.Close()); err != nil {
		t.Error(err)
	}
}

// A context that has ended ends the next step too, whose deadline comes later.
func TestStepAfterTheEnd(t *testing.T) {
	leaktest.Check(t)
	path := fake(t, func(peer) {})
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	talk, err := newTalk(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	defer talk.close()
	want(t, "a step", talk.step(patience), nil)
	cancel()
	talk.unwatch() // it has been acted on by then
	want(t, "a step after the end", talk.step(patience), context.Canceled)
}

// What cannot be handed over is refused with the reason, and no files are left.
func TestCannotGive(t *testing.T) {
	leaktest.Check(t)
	ln := listenTCP(t)
	path := place(t)
	var answer func() ([]Socket, error)
	p := precede(t, listenAt(t, path), path, func() ([]Socket, error) { return answer() })
	for _, c := range []struct {
		name    string
		sockets func() ([]Socket, error)
		want    string
	}{
		{"an error", func() ([]Socket, error) {
			list, err := handing("", "tcp://127.0.0.1:1", ln)()
			return list, errors.Join(err, errors.New("two\nlines\x1b[2J "+strings.Repeat("x", 1000)))
		}, "two lines [2J xxx"},
		{"a bad name", handing("a\nb", "tcp://127.0.0.1:1", ln), "not text"},
		{"a bad URL", handing("", "127.0.0.1:1", ln), "URL"},
		{"no files", handing("", "tcp://127.0.0.1:1"), "0 descriptors"},
		{"closed files", func() ([]Socket, error) {
			list, err := handing("", "tcp://127.0.0.1:1", ln)()
			list[0].Files[0].Close()
			return list, err
		}, "closed"},
	} {
		answer = c.sockets
		_, err := Take(within(t), path)
		want(t, c.name, err, ErrRefused)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	answer = handing("", "tcp://127.0.0.1:1", ln)
	takeOver(t, p)
}

// A predecessor that is no proper one is refused, and what it has sent is closed.
func TestBadPredecessors(t *testing.T) {
	leaktest.Check(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	numberOf := func(f *os.File) int {
		fd, err := number(f)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	own, tcp := numberOf(file(t, listenUnix(t, "unix", place(t)))), numberOf(file(t, listenTCP(t)))
	other := numberOf(null)
	one := `{"sockets":[{"url":"tcp://127.0.0.1:7000","files":1}]}` + "\n"
	for _, c := range []struct {
		name   string
		header string
		mark   string
		files  []int
		want   error
	}{
		{"refuses at once", "refused: \x1b[2Jbecause\n", "", nil, ErrRefused},
		{"no header", "hello\n", "", nil, ErrProtocol},
		{"too long a header", strings.Repeat("[", maxHeader+1), "", nil, ErrProtocol},
		{"more behind it", "{}\n.", "", nil, ErrProtocol},
		{"half a header", `{"sock`, "", nil, errGone},
		{"too many files", `{"sockets":[{"url":"tcp://127.0.0.1:7000","files":1025}]}` + "\n", "", nil, ErrProtocol},
		{"refuses later", one, "refused: because\n", nil, ErrRefused},
		{"half a refusal", one, "refus", nil, errGone},
		{"files with a refusal", one, "refused: because\n", []int{own, tcp}, ErrProtocol},
		{"no files", one, ".", nil, ErrProtocol},
		{"too few files", one, ".", []int{own}, ErrProtocol},
		{"too many", one, ".", []int{own, tcp, tcp}, ErrProtocol},
		{"far too many", one, ".", []int{own, tcp, tcp, tcp, tcp, tcp, tcp}, ErrProtocol},
		{"another mark", one, "x", []int{own, tcp}, ErrProtocol},
		{"in the wrong order", one, ".", []int{tcp, own}, ErrProtocol},
		{"no socket", one, ".", []int{own, other}, ErrSocket},
		{"none of it a socket", one, ".", []int{other, other}, ErrSocket},
		{"nowhere to wait", one, ".", []int{other, tcp}, ErrProtocol},
	} {
		path := fake(t, func(p peer) {
			p.hear()
			if p.trySay(c.header) == nil && c.mark != "" {
				p.expect("send\n")
				_ = p.trySay(c.mark, c.files...)
			}
		})
		taken, err := Take(within(t), path)
		want(t, c.name, err, c.want)
		if err == nil {
			taken.Close()
		} else if strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%s: %q", c.name, err)
		}
	}
}
