//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
	"example.com/iomux/reactor"
)

// What the request and the server tell in the child is what they tell in the parent.
func TestChildKnowsTheRequest(t *testing.T) {
	forking(t, func(t *testing.T, kind string, o Options) {
		o.ReadBufferSize, o.WriteBufferSize, o.LineLimit, o.MaxPacketSize = 1001, 1002, 1003, 1004
		o.IOTimeout, o.SuppressEmptyReply = 105*time.Second, true
		s := openFork(t, kind, o)
		serve(t, s)
		for i := range 3 {
			c := client(t, s)
			who := c.LocalAddr().String()
			if kind == "unix" {
				who = s.Addr().String() // as in the parent: the client has no name
			}
			length := 0
			if datagram(kind) {
				length = len("about\n")
			}
			want := fmt.Sprint(s.URL(), " ", s.Addr().Network(), " ", s.Addr(), " ", who, " ", i+2, " false ", length, " -1 0 <nil> <nil>")
			if got := ask(t, c, "about\n"); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		want := fmt.Sprint(1001, 1002, 1003, 1004, 105*time.Second, true)
		if got := ask(t, client(t, s), "options\n"); got != want {
			t.Errorf("options are %s, want %s", got, want)
		}
		if got := ask(t, client(t, s), "await\n"); got != "awaited" {
			t.Errorf("got %q", got)
		}
	})
}

// On every backend, and for IPv6.
func TestForkingEverywhere(t *testing.T) {
	for _, backend := range iomux.Backends() {
		for _, kind := range kinds {
			t.Run(string(backend)+"/"+kind, func(t *testing.T) {
				leaktest.Check(t)
				s := openFork(t, kind, Options{Mode: Forking, Child: "probe", Reactor: reactor.Options{Backend: backend}})
				serve(t, s)
				if got := ask(t, client(t, s), "echo here\n"); got != "here" {
					t.Errorf("got %q", got)
				}
			})
		}
	}
	for _, kind := range []string{"tcp", "udp"} {
		t.Run(kind+"6", func(t *testing.T) {
			leaktest.Check(t)
			s, err := New(kind+"://[::1]:0", unused, Options{Mode: Forking, Child: "probe"})
			if err != nil {
				t.Skip(err)
			}
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			serve(t, s)
			c := client(t, s)
			if got := ask(t, c, "about\n"); !strings.Contains(got, " "+c.LocalAddr().String()+" ") {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestForkingNeedsAChild(t *testing.T) {
	for _, name := range []string{"", "nobody"} {
		_, err := New("tcp://127.0.0.1:0", unused, Options{Mode: Forking, Child: name})
		if !errors.Is(err, reactor.ErrOption) || !strings.Contains(err.Error(), "Child is "+strconv.Quote(name)) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := New("tcp://127.0.0.1:0", unused, Options{Mode: Forking, Child: "probe", ChildTimeout: -1}); !errors.Is(err, reactor.ErrOption) {
		t.Errorf("a negative ChildTimeout: %v", err)
	}
	for _, name := range []string{"", "probe"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q could be registered", name)
				}
			}()
			Register(name, func() (Handler, Options) { return nil, Options{} })
		}()
	}
}

// A datagram as long as they are, and an answer that is.
func TestForkingLongDatagrams(t *testing.T) {
	bothWays(t, func(t *testing.T, pool bool) {
		for _, kind := range []string{"udp", "unixgram"} {
			s := openFork(t, kind, Options{Mode: Forking, Child: "probe", Pool: pool, MaxPacketSize: 65507})
			serve(t, s)
			c := client(t, s)
			text := strings.Repeat("0123456789", 6000)
			if got := ask(t, c, "echo "+text+"\n"); got != "" && kind == "" || len(got) != 60000 || got != text {
				t.Errorf("%s: %d bytes came back", kind, len(got))
			}
		}
	})
}

// The rest of a datagram is lost as it is without children, and an empty answer is sent.
func TestForkingDatagrams(t *testing.T) {
	bothWays(t, func(t *testing.T, pool bool) {
		s := openFork(t, "udp", Options{Mode: Forking, Child: "probe", Pool: pool, MaxPacketSize: 8, MaxChildren: 2})
		serve(t, s)
		if got := ask(t, client(t, s), "about 789"); !strings.Contains(got, " true 8 ") {
			t.Errorf("got %s", got)
		}
		if got := ask(t, client(t, s), "echo\n"); got != "" {
			t.Errorf("got %q", got)
		}
	})
}

// readingHooks read and write in the parent, and wait there.
type readingHooks struct {
	Base
	how string
}

func (h readingHooks) GetRequest(r *Request) error {
	var err error
	switch h.how {
	case "line":
		_, err = r.ReadLine()
	case "recv":
		_, err = r.Recv(3)
	case "conn":
		_, err = r.Conn().Read(make([]byte, 3))
	case "await":
		err = r.Await(func() error { time.Sleep(20 * time.Millisecond); return nil })
	case "sleep":
		err = r.Sleep(20 * time.Millisecond)
	case "write":
		_, err = r.WriteString("hello ")
	case "some":
		_, err = r.Conn().Write([]byte("hello "))
	}
	return err
}

// What a hook has read in the parent and not used is the child's, and what it has written
// comes before what the child writes.
func TestHooksUseTheConnection(t *testing.T) {
	long := strings.Repeat("0123456789", 20000)
	for _, test := range []struct{ how, send, want string }{
		{"", "all 1 " + "\n" + long, "1 " + long},
		{"line", "first\nall 2 \n" + long, "2 " + long},
		{"recv", "123all 3 \n" + long, "3 " + long},
		{"conn", "123all 4 \n" + long, "4 " + long},
		{"await", "all 5 \n" + long, "5 " + long},
		{"sleep", "all 6 \n" + long, "6 " + long},
		{"write", "all 7 \n" + long, "hello 7 " + long},
		{"some", "echo 8\n", "hello 8"},
		{"line", "first\necho 9\n", "9"},
	} {
		t.Run(test.how, func(t *testing.T) {
			bothWays(t, func(t *testing.T, pool bool) {
				for _, kind := range []string{"tcp", "unix"} {
					s := openFork(t, kind, Options{Mode: Forking, Child: "probe", Pool: pool, MaxChildren: 1, Hooks: readingHooks{how: test.how}, WriteBufferSize: 100})
					serve(t, s)
					for range 3 {
						c := client(t, s)
						if _, err := io.WriteString(c, test.send); err != nil {
							t.Fatal(err)
						}
						if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
							t.Fatal(err)
						}
						if got := answer(t, c); got != test.want {
							t.Errorf("%s: got %.50q, %d bytes, want %.50q, %d bytes", kind, got, len(got), test.want, len(test.want))
						}
					}
				}
			})
		})
	}
}

// Close ends a hook that waits for the client.
func TestForkingCloseEndsHooks(t *testing.T) {
	bothWays(t, func(t *testing.T, pool bool) {
		for _, kind := range []string{"tcp", "unix"} {
			s := openFork(t, kind, Options{Mode: Forking, Child: "probe", Pool: pool, MaxChildren: 1, Hooks: readingHooks{how: "line"}})
			stop := serve(t, s)
			c := asking(t, s, "no end")
			for reads := false; !reads; await(t) {
				s.mu.Lock()
				reads = len(s.children.reading) == 1
				s.mu.Unlock()
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			expectCut(t, c)
		}
	})
}

// refusal is more than the client is sent at once.
var refusal = strings.Repeat("you are not wanted ", 100000)

// refusing says so.
type refusing struct{ Base }

func (refusing) VerifyRequest(r *Request) bool {
	_, err := r.WriteString(refusal)
	return err != nil
}

// A client that is refused gets to know why, whatever it has sent.
func TestForkingRefuses(t *testing.T) {
	leaktest.Check(t)
	for _, kind := range []string{"tcp", "unix"} {
		s := openFork(t, kind, Options{Mode: Forking, Child: "probe", MaxChildren: 1, Hooks: refusing{}})
		serve(t, s)
		for range 3 {
			c := client(t, s)
			if got := ask(t, c, strings.Repeat("much ", 10000)); got != refusal {
				t.Errorf("got %d bytes", len(got))
			}
			_ = c.Close() // else the server waits a moment for it to
		}
	}
}

// A connection of another kind cannot be given away.
func TestForkingRefusesSetConn(t *testing.T) {
	leaktest.Check(t)
	told := make(chan error, 1)
	s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Hooks: replacing{told: told}})
	serve(t, s)
	if got := answer(t, client(t, s)); got != "" {
		t.Errorf("got %q", got)
	}
	if err := receive(t, told); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("HandleError was told %v", err)
	}
}

// replacing puts something else in the place of the connection.
type replacing struct {
	Base
	told chan error
}

func (h replacing) GetRequest(r *Request) error       { r.SetConn(struct{ net.Conn }{r.Conn()}); return nil }
func (h replacing) HandleError(_ *Request, err error) { h.told <- err }

// A client that sends more than the handler reads gets all of the answer.
func TestForkingReadsWhatIsNotWanted(t *testing.T) {
	bothWays(t, func(t *testing.T, pool bool) {
		for _, kind := range []string{"tcp", "unix"} {
			s := openFork(t, kind, Options{Mode: Forking, Child: "probe", Pool: pool, MaxChildren: 4})
			serve(t, s)
			for range 5 {
				c := client(t, s)
				if _, err := io.WriteString(c, "big 100000\n"+strings.Repeat("too much ", 10000)); err != nil {
					t.Fatal(err)
				}
				if got := answer(t, c); got != strings.Repeat("x", 100000) {
					t.Errorf("got %d bytes", len(got))
				}
				_ = c.Close()
			}
		}
	})
}

// A handler may end its connection in other ways.
func TestForkingHandlerCloses(t *testing.T) {
	bothWays(t, func(t *testing.T, pool bool) {
		s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: pool, MaxChildren: 1})
		serve(t, s)
		if got := ask(t, client(t, s), "close\n"); got != "" {
			t.Errorf("got %q", got)
		}
		c := client(t, s)
		if _, err := io.WriteString(c, "reset\nmore"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) && !errors.Is(err, io.EOF) {
			t.Errorf("got %v", err)
		}
		if got := ask(t, client(t, s), "echo on\n"); got != "on" {
			t.Errorf("got %q", got)
		}
	})
}

// An answer waits for a Unix client whose queue is full. That of one which is connected
// to the server never is.
func TestForkingWaitsForAFullClient(t *testing.T) {
	p, err := os.ReadFile("/proc/sys/net/unix/max_dgram_qlen")
	if err != nil {
		t.Skip(err)
	}
	queue, err := strconv.Atoi(strings.TrimSpace(string(p)))
	if err != nil || queue > 100 {
		t.Skip("the queues of this system are too long to fill them: ", queue, err)
	}
	bothWays(t, func(t *testing.T, pool bool) {
		s := openFork(t, "unixgram", Options{Mode: Forking, Child: "probe", Pool: pool, MaxChildren: 4})
		serve(t, s)
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "client"), Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		for i := range queue + 8 { // the last of these wait in the server's own queue
			if _, err := c.WriteTo([]byte(fmt.Sprintf("echo %d\n", i)), s.Addr()); err != nil {
				t.Fatal(err)
			}
		}
		for s.taken() < queue+3 { // the client's has room for one more than it says
			await(t)
		}
		var got []string
		for range queue + 8 {
			got = append(got, answer(t, c))
		}
		slices.Sort(got)
		if got = slices.Compact(got); len(got) != queue+8 {
			t.Errorf("got %q", got)
		}
	})
}

// A connection stays as long as the client has not got everything, though not for ever.
func TestLinger(t *testing.T) {
	leaktest.Check(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	pair := func() (server *os.File, client *net.TCPConn) {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		a, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		fd := -1
		raw, err := a.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(n uintptr) { fd, _ = sys.Dup(int(n)) }); err != nil || fd < 0 {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		f := os.NewFile(uintptr(fd), "")
		t.Cleanup(func() { _ = f.Close() })
		return f, c.(*net.TCPConn)
	}

	f, c := pair()
	if err := c.SetReadBuffer(4 << 10); err != nil { // so that its kernel does not make room meanwhile
		t.Fatal(err)
	}
	much, wrote := make([]byte, 1<<20), 0
	for wrote < 1<<16 { // the deadline may be over before the first is written
		if err := f.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		for range 64 {
			n, err := f.Write(much)
			if wrote += n; errors.Is(err, os.ErrDeadlineExceeded) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	began := time.Now()
	linger(f, false)
	if took := time.Since(began); took < lingerLimit {
		t.Errorf("it has waited for %v, while much was to be sent", took)
	}
	_ = c.Close()

	f, c = pair()
	if _, err := f.WriteString("all"); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	linger(f, false)
	if p, err := io.ReadAll(c); string(p) != "all" || err != nil {
		t.Errorf("got %q, %v", p, err)
	}
}

// expectCut expects a connection to end without a word.
func expectCut(t *testing.T, c net.Conn) {
	t.Helper()
	if p, err := io.ReadAll(c); len(p) != 0 || err != nil && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("got %q, %v", p, err)
	}
}

// held is a file: as long as it is there, children that were told "until" go on.
func held(t *testing.T) (path string, release func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "held")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// pidOf has a server's child begin what lasts until the file is gone, and returns its
// number.
func pidOf(t *testing.T, c net.Conn, path string) int {
	t.Helper()
	if _, err := io.WriteString(c, "until "+path+"\n"); err != nil {
		t.Fatal(err)
	}
	return readPid(t, c)
}

func readPid(t *testing.T, c net.Conn) int {
	t.Helper()
	var digits []byte
	for one := make([]byte, 1); ; digits = append(digits, one...) {
		if _, err := io.ReadFull(c, one); err != nil {
			t.Fatal(err)
		}
		if one[0] == ' ' {
			break
		}
	}
	pid, err := strconv.Atoi(string(digits))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// More clients than MaxChildren wait, and each is served when there is a child for it.
func TestMaxChildren(t *testing.T) {
	bothWays(t, func(t *testing.T, pool bool) {
		path, release := held(t)
		s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: pool, MaxChildren: 2})
		serve(t, s)
		first, second := client(t, s), client(t, s)
		a, b := pidOf(t, first, path), pidOf(t, second, path)
		if a == b || a == os.Getpid() {
			t.Errorf("children %d and %d of %d", a, b, os.Getpid())
		}
		waits := client(t, s)
		if _, err := io.WriteString(waits, "pid\n"); err != nil {
			t.Fatal(err)
		}
		for range 3 { // turns of the loop, in which it could be accepted
			<-s.look()
		}
		s.mu.Lock()
		if s.number != 2 || !s.held || s.requests != 0 {
			t.Errorf("%d requests were taken, %d run, held: %v", s.number, s.requests, s.held)
		}
		s.mu.Unlock()
		release()
		for _, c := range []net.Conn{first, second} {
			if got := answer(t, c); got != "done" {
				t.Errorf("got %q", got)
			}
		}
		got := answer(t, waits)
		if repeats := got == strconv.Itoa(a) || got == strconv.Itoa(b); repeats != pool {
			t.Errorf("the children were %d, %d and %s", a, b, got)
		}
	})
}

// A program that cannot be started costs the request, and nothing else.
func TestForkingCannotStart(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			leaktest.Check(t)
			told := make(chan error, 10)
			s := openFork(t, kind, Options{Mode: Forking, Child: "probe", MaxChildren: 1, Hooks: fails{told: told}})
			serve(t, s)
			use := func(program string) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.children.program = program
			}
			use(filepath.Join(t.TempDir(), "none"))
			for range 5 {
				c := client(t, s)
				_, _ = io.WriteString(c, "echo x\n") // it may be closed already
				if err := receive(t, told); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("HandleError was told %v", err)
				}
				if !datagram(kind) {
					expectCut(t, c)
				}
			}
			use("")
			if got := ask(t, client(t, s), "echo again\n"); got != "again" {
				t.Errorf("got %q", got)
			}
		})
	}
}

// With a pool clients wait until its processes can be started.
func TestPoolCannotStart(t *testing.T) {
	leaktest.Check(t)
	log := &logBuffer{}
	s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: true, MaxChildren: 3, Logger: slog.New(slog.NewTextHandler(log, nil))})
	s.children.program = filepath.Join(t.TempDir(), "none")
	serve(t, s)
	c := client(t, s)
	if _, err := io.WriteString(c, "echo late\n"); err != nil {
		t.Fatal(err)
	}
	for log.count("cannot start a child") == 0 {
		await(t)
	}
	s.mu.Lock()
	s.children.program = ""
	s.mu.Unlock()
	if got := answer(t, c); got != "late" {
		t.Errorf("got %q", got)
	}
	if n := log.count("cannot start a child"); n > 2 {
		t.Errorf("logged %d times", n)
	}
}

// Close does not wait for a process that cannot be had, nor for a pause.
func TestPoolEndsThatCannotStart(t *testing.T) {
	leaktest.Check(t)
	log := &logBuffer{}
	s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: true, MaxChildren: 1, Logger: slog.New(slog.NewTextHandler(log, nil))})
	s.children.program = filepath.Join(t.TempDir(), "none")
	serve(t, s)
	for log.count("cannot start a child") == 0 {
		await(t)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A child that takes longer than it may is killed, with what it has started.
func TestChildTimeout(t *testing.T) {
	bothWays(t, func(t *testing.T, pool bool) {
		testChildTimeout(t, Options{Mode: Forking, Child: "probe", Pool: pool, MaxChildren: 1})
	})
}

func testChildTimeout(t *testing.T, o Options) {
	t.Helper()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	// On a busy machine a child may not get as far as to start anything in time.
	for o.ChildTimeout = 50 * time.Millisecond; !killedInTime(t, pipe, o); {
		o.ChildTimeout *= 3
	}
}

// killedInTime has a child start something that holds a pipe open, and reports whether it
// got so far.
func killedInTime(t *testing.T, pipe string, o Options) bool {
	t.Helper()
	log := &logBuffer{}
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	s := openFork(t, "tcp", o)
	serve(t, s)
	f, err := os.OpenFile(pipe, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	expectCut(t, asking(t, s, fmt.Sprintf("sh exec 9>%s; echo started >&9; sleep 1000\n", pipe)))
	p, err := io.ReadAll(f) // until nobody has it open any more
	if err != nil || len(p) > 0 && string(p) != "started\n" {
		t.Errorf("the child's child: %q, %v", p, err)
	}
	for log.count("took too long") == 0 {
		await(t)
	}
	return len(p) > 0
}

// The clock of one request is not that of the next.
func TestChildTimeoutOfEach(t *testing.T) {
	bothWays(t, func(t *testing.T, pool bool) {
		s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: pool, MaxChildren: 1, ChildTimeout: time.Hour})
		serve(t, s)
		path, release := held(t)
		c := client(t, s)
		pid := pidOf(t, c, path)
		var child *process
		s.mu.Lock()
		for p := range s.children.running {
			child = p
		}
		if child.pid != pid || child.clock == nil || !child.clock.Reset(time.Hour) {
			t.Errorf("no clock runs while a request does: %+v", child)
		}
		s.mu.Unlock()
		release()
		if got := answer(t, c); got != "done" {
			t.Errorf("got %q", got)
		}
		for free := false; !free; await(t) {
			s.mu.Lock()
			free = s.room() == 1
			s.mu.Unlock()
		}
		s.mu.Lock()
		if child.clock != nil {
			t.Error("a clock runs while no request does")
		}
		s.mu.Unlock()
	})
}

// The log tells how children end: nothing where all is well, and little of errors, which
// they have told of themselves.
func TestChildExitCodes(t *testing.T) {
	leaktest.Check(t)
	t.Setenv(noteVariable, filepath.Join(t.TempDir(), "notes"))
	for _, test := range []struct{ child, send, want string }{
		{"probe", "echo\n", ""},
		{"probe", "exit 0\n", ""},
		{"probe", "exit 1\n", "level=DEBUG msg=\"a child has failed\""},
		{"probe", "exit 3\n", "level=WARN msg=\"a child has broken down\""},
		{"failing", "fail\n", "level=DEBUG msg=\"a child has failed\""},
		{"failing", "panic\n", "level=DEBUG msg=\"a child has failed\""},
		{"failing", "abort\n", "level=DEBUG msg=\"a child has failed\""},
		{"failing", "goexit\n", "level=DEBUG msg=\"a child has failed\""},
		{"nil", "\n", "level=WARN msg=\"a child has broken down\""},
	} {
		log := &logBuffer{}
		s := openFork(t, "tcp", Options{Mode: Forking, Child: test.child, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		stop := serve(t, s)
		c := asking(t, s, test.send)
		_, _ = io.ReadAll(c) // with a reset, if the child has not read
		_ = c.Close()
		if err := errors.Join(stop(), s.Close()); err != nil {
			t.Error(err)
		}
		if n := log.count("a child has"); n > 1 || (n == 1) != (test.want != "") || n == 1 && log.count(test.want) != 1 {
			t.Errorf("%s, %q: %d messages, want %q", test.child, test.send, n, test.want)
		}
	}
}

// Close waits for children that are at work.
func TestForkingCloseWaits(t *testing.T) {
	forking(t, func(t *testing.T, kind string, o Options) {
		path, release := held(t)
		s := openFork(t, kind, o)
		stop := serve(t, s)
		c := client(t, s)
		if _, err := io.WriteString(c, "until "+path+"\n"); err != nil {
			t.Fatal(err)
		}
		if !datagram(kind) {
			readPid(t, c)
		}
		for s.taken() == 0 {
			await(t)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		closed := make(chan error, 1)
		go func() { closed <- s.Close() }()
		for !s.over() {
			await(t)
		}
		select {
		case err := <-closed:
			t.Errorf("Close has returned %v", err)
		default:
		}
		release()
		if got := answer(t, c); !strings.HasSuffix(got, "done") {
			t.Errorf("got %q", got)
		}
		_ = c.Close()
		if err := receive(t, closed); err != nil {
			t.Error(err)
		}
	})
}

// taken is how many requests a server has begun.
func (s *Server) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.number
}

func (s *Server) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// When there is no more patience, children are killed.
func TestForkingCloseWithin(t *testing.T) {
	bothWays(t, func(t *testing.T, pool bool) {
		s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: pool, MaxChildren: 3})
		stop := serve(t, s)
		path, _ := held(t)
		a, b := client(t, s), client(t, s)
		pidOf(t, a, path)
		pidOf(t, b, path)
		if err := stop(); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		if err := s.CloseWithin(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		expectCut(t, a)
		expectCut(t, b)
		if n := running(s); n != 0 {
			t.Errorf("%d children are left", n)
		}
	})
}

// With DaemonThreads Close leaves children alone, which go on.
func TestForkingDaemonThreads(t *testing.T) {
	bothWays(t, func(t *testing.T, pool bool) {
		path, release := held(t)
		s := openFork(t, "tcp", Options{Mode: Forking, Child: "probe", Pool: pool, MaxChildren: 3, DaemonThreads: true})
		stop := serve(t, s)
		c := client(t, s)
		pidOf(t, c, path)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		release()
		if got := answer(t, c); got != "done" {
			t.Errorf("got %q", got)
		}
		for running(s) > 0 {
			await(t)
		}
	})
}

// beChild refuses what no parent gives.
func TestChildRefuses(t *testing.T) {
	leaktest.Check(t)
	for _, test := range [][2]string{{"request", "nobody"}, {"request", "nil"}, {"request", "bad"}, {"nothing", "probe"}} {
		if code := beChild(test[0], test[1]); code != exitBroken {
			t.Errorf("%v: exit code %d", test, code)
		}
	}
}

func TestJobFrames(t *testing.T) {
	odd := "@\x00\xff not text\n"
	for _, client := range []net.Addr{
		nil,
		&net.TCPAddr{IP: net.IPv4(1, 2, 3, 4).To4(), Port: 5},
		&net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 5, Zone: "2"},
		&net.UDPAddr{IP: net.ParseIP("::1"), Port: 65535},
		&net.UnixAddr{Name: odd, Net: "unixgram"},
		&net.UnixAddr{Name: "/path", Net: "unix"},
		&net.UnixAddr{Net: "unix"},
	} {
		for _, body := range []string{"", "x", strings.Repeat("long", 100000)} {
			j := &job{URL: "u", Client: nameOf(client), Number: 7, Stream: true, IOTimeout: time.Second, body: []byte(body)}
			frame, err := j.frame()
			if err != nil {
				t.Fatal(err)
			}
			got, err := readJob(strings.NewReader(string(frame) + "and more"))
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprintf("%#v", got.Client.addr()) != fmt.Sprintf("%#v", client) && fmt.Sprint(got.Client.addr()) != fmt.Sprint(client) {
				t.Errorf("%#v became %#v", client, got.Client.addr())
			}
			if string(got.body) != body || got.Number != 7 || !got.Stream || got.URL != "u" || got.IOTimeout != time.Second {
				t.Errorf("got %+v", got)
			}
			for _, n := range []int{0, 1, 7, 8, 9, len(frame) - 1} {
				if _, err := readJob(strings.NewReader(string(frame[:n]))); err == nil {
					t.Errorf("%d bytes of %d are enough", n, len(frame))
				}
			}
		}
	}
	for _, nonsense := range []string{"\xff\xff\xff\xff\x00\x00\x00\x00", "\x00\x00\x00\x02\xff\xff\xff\xff{}", "\x00\x00\x00\x02\x00\x00\x00\x00[]"} {
		if _, err := readJob(strings.NewReader(nonsense)); err == nil {
			t.Errorf("%q is a job", nonsense)
		}
	}
}
