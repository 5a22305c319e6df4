//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
	golden "example.com/iomux/internal/transcript"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/socketserver"
)

// commandWait bounds what must happen in the end.
const commandWait = 60 * time.Second

// eachCommandMode runs a test in each mode.
func eachCommandMode(t *testing.T, f func(t *testing.T, o Options)) {
	for _, mode := range command.Modes {
		t.Run(string(mode), func(t *testing.T) {
			leaktest.Check(t)
			f(t, Options{Mode: mode})
		})
	}
}

// commandArgs are flags that allow the programs of this test binary, with up to 99
// arguments each. The memory has no limit: the race detector wants terabytes.
func commandArgs(t *testing.T, more ...string) []string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := []string{"-as-root", "-memory", "0", "-processes", "0", "-time-limit", commandWait.String()}
	for _, name := range []string{"argv", "spew", "fill", "hang", "until", "fork", "quiet", "fail", "escape"} {
		link := filepath.Join(dir, name) // by which it knows what it is
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-allow", name+"="+link+":99")
	}
	return append(args, more...)
}

// startCommand starts a server with flags of its own.
func startCommand(t *testing.T, o Options, args ...string) (*Server, error) {
	t.Helper()
	flags := flag.NewFlagSet("command", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	start := command.Setup(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	if len(o.Listen) == 0 {
		o.Listen = []string{"tcp://127.0.0.1:0"}
	}
	if o.Reactor.Logger == nil {
		o.Reactor.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	return start(o)
}

// serveCommands does so until the test ends, and returns the URL.
func serveCommands(t *testing.T, o Options, args ...string) string {
	t.Helper()
	s, err := startCommand(t, o, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endCommands(t, s) })
	return s.URLs()[0]
}

func endCommands(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandWait)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// serveSession serves by a commandServer that a test has changed.
func serveSession(t *testing.T, o Options, change func(*commandServer), args ...string) string {
	t.Helper()
	f := &commandFlags{}
	flags := flag.NewFlagSet("command", flag.ContinueOnError)
	f.add(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	o.Listen = []string{"tcp://127.0.0.1:0"}
	if o.Reactor.Logger == nil {
		o.Reactor.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	c, err := f.server(o)
	if err != nil {
		t.Fatal(err)
	}
	change(c)
	s, err := onRequests(o, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endCommands(t, s) })
	return s.URLs()[0]
}

func dialCommand(t *testing.T, url string) net.Conn {
	t.Helper()
	network, address, err := reactor.SplitURL(url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(commandWait)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func sayCommand(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

// hearCommand wants exactly this next.
func hearCommand(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("got %.200q, %v, want %.200q", got[:n], err, want)
	}
}

// hearEnd wants the end of the connection, and nothing before it. Input that was not
// read makes a reset of it.
func hearEnd(t *testing.T, conn net.Conn) {
	t.Helper()
	got, err := io.ReadAll(conn)
	if len(got) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("got %q, %v, want the end", got, err)
	}
}

// runCommand wants an output of a framed command.
func runCommand(t *testing.T, c *CommandClient, text string, want string, status CommandStatus) {
	t.Helper()
	got, s, err := c.Run(text)
	if err != nil || string(got) != want || s != status {
		t.Fatalf("%.100q: got %.200q, %v, %v, want %.200q, %v", text, got, s, err, want, status)
	}
}

// commandPIDs waits until so many processes have told who they are.
func commandPIDs(t *testing.T, path string, n int) []int {
	t.Helper()
	for end := time.Now().Add(commandWait); ; time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if lines := strings.Fields(string(text)); len(lines) >= n && (len(text) == 0 || text[len(text)-1] == '\n') {
			var pids []int
			for _, line := range lines {
				pid, err := strconv.Atoi(line)
				if err != nil {
					t.Fatal(err)
				}
				pids = append(pids, pid)
			}
			return pids
		}
		if time.Now().After(end) {
			t.Fatalf("%q, want %d processes", text, n)
		}
	}
}

// commandsGone waits until none of some processes runs.
func commandsGone(t *testing.T, pids []int) {
	t.Helper()
	for end := time.Now().Add(commandWait); slices.ContainsFunc(pids, commandRuns); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("of processes %v some still run", pids)
		}
	}
}

// commandRuns reports whether a process runs. One that nobody waits for stays as a
// zombie where there is no init.
func commandRuns(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		_, noProc := os.Stat("/proc/self/stat")
		return noProc != nil
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// The tutorial's exchange, byte for byte.
func TestCommandTranscript(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		network, address, err := reactor.SplitURL(serveCommands(t, o))
		if err != nil {
			t.Fatal(err)
		}
		golden.Play(t, network, address, commandTranscript(t, o.Mode))
	})
}

// commandTranscript is the golden one. In mode Threading the loop reads ahead of the
// handler, so that what is not answered can become one with what comes next: that part
// is for TestCommandNotStarted.
func commandTranscript(t *testing.T, mode socketserver.Mode) *golden.Script {
	t.Helper()
	const path = "testdata/command.wire"
	if mode != socketserver.Threading {
		return golden.Load(t, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok1 := strings.Cut(string(text), "A> \"echo hi\"\nA< \"3\"\nA> \"nope\"\n")
	_, after, ok2 := strings.Cut(after, "A< \"again\\n\"\n")
	script, err := golden.Parse(path, before+after)
	if !ok1 || !ok2 || err != nil {
		t.Fatal(ok1, ok2, err)
	}
	return script
}

// The same over a Unix socket, where the client is asked who it is.
func TestCommandUnix(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		var log commandLog
		o.Reactor.Logger = slog.New(slog.NewTextHandler(&log, nil))
		path := filepath.Join(t.TempDir(), "s")
		o.Listen = []string{"unix://" + path}
		serveCommands(t, o)
		golden.Play(t, "unix", path, commandTranscript(t, o.Mode))
		if line := fmt.Sprintf("client=\"unix, process %d of user %d\"", os.Getpid(), os.Geteuid()); !strings.Contains(log.text(), line) {
			t.Errorf("no %s in\n%s", line, log.text())
		}
	})
}

// A few that the transcript does not have.
func TestCommandTutorial(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		url := serveCommands(t, o, commandArgs(t)...)
		for _, x := range []struct{ text, length, output string }{
			{" ", "0", " 命令不存在"},
			{"\n", "0", "\n命令不存在"},
			{"echo", "1", "\n"},
			{"echo hi\n", "3", "hi\n"}, // from nc
			{"exit\n", "0", "exit\n命令不存在"},
			{"exit 0", "0", "exit 0命令不存在"},
			{"lsstart", "0", "lsstart命令不存在"}, // two that have become one
			{"echo 'a  b' c", "7", "a  b c\n"},
			{"echo 'a", "0", "echo 'a命令不存在"},
			{"date now", "0", "date now命令不存在"},
			{"argv x", "6", "[\"x\"]\n"},
			{"quiet", "0", "quiet命令不存在"},
			{"fail", "7", "so far\n"}, // and not what goes to standard error
			{"argv" + strings.Repeat(" x", 100), "0", "argv" + strings.Repeat(" x", 100) + "命令不存在"},
			{"echo " + strings.Repeat("x", commandMax-5), "1020", strings.Repeat("x", commandMax-5) + "\n"},
		} {
			conn := dialCommand(t, url)
			sayCommand(t, conn, x.text)
			hearCommand(t, conn, x.length)
			sayCommand(t, conn, "start")
			hearCommand(t, conn, x.output)
			sayCommand(t, conn, "exit")
			hearEnd(t, conn)
		}
	})
}

// Whatever the word is, if it is not start nothing comes, and it is no command.
func TestCommandNotStarted(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		var said commandLog
		o.Transcript = &said
		conn := dialCommand(t, serveCommands(t, o))
		for i, word := range []string{"START", "start\n", "star", "starts", "exit", "echo no", strings.Repeat("start", 200)} {
			sayCommand(t, conn, "echo hi")
			hearCommand(t, conn, "3")
			sayCommand(t, conn, word)
			said.await(t, "开始收\n", i+2) // else this and the next may become one
		}
		sayCommand(t, conn, "echo yes")
		hearCommand(t, conn, "4")
		sayCommand(t, conn, "start")
		hearCommand(t, conn, "yes\n")
		conn.Close()
	})
}

// Output of any length arrives whole, and the next command is answered: also multiples
// of 1024, at which the tutorial's own client gets stuck.
func TestCommandOutputOfAnyLength(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		for _, framed := range []bool{false, true} {
			url := serveCommands(t, o, commandArgs(t, "-v2="+strconv.FormatBool(framed))...)
			c := NewCommandClient(dialCommand(t, url), framed)
			for _, n := range []int{1, 9, 10, 1023, 1024, 1025, 2048, 65536, 100 << 10, 1<<20 - 1, 1 << 20} {
				runCommand(t, c, fmt.Sprintf("fill %d", n), string(commandFilling(n)), CommandOK)
			}
			c.conn.Close()
		}
	})
}

// The end of the stream is an end, wherever it comes.
func TestCommandEndOfStream(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		half := func(conn net.Conn) { conn.(*net.TCPConn).CloseWrite() }
		url := serveCommands(t, o)
		conn := dialCommand(t, url)
		half(conn)
		hearEnd(t, conn)

		conn = dialCommand(t, url)
		sayCommand(t, conn, "echo hi")
		half(conn)
		hearCommand(t, conn, "3")
		hearEnd(t, conn)

		url = serveCommands(t, o, "-v2")
		for _, part := range []string{"\x00", "\x00\x00\x00", "\x00\x00\x00\x07", "\x00\x00\x00\x07echo h"} {
			conn = dialCommand(t, url)
			sayCommand(t, conn, part)
			half(conn)
			hearEnd(t, conn)
		}
		conn = dialCommand(t, url)
		sayCommand(t, conn, "\x00\x00\x00\x07echo hi\x00\x00\x00\x06echo x")
		half(conn)
		hearCommand(t, conn, "\x00\x00\x00\x04\x00hi\n\x00\x00\x00\x03\x00x\n")
		hearEnd(t, conn)
	})
}

// A client that does not go on is not waited for.
func TestCommandHandshakeTimeout(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		soon := func(c *commandServer) { c.handshake = time.Millisecond }
		conn := dialCommand(t, serveSession(t, o, soon))
		sayCommand(t, conn, "echo hi")
		hearCommand(t, conn, "3")
		hearEnd(t, conn)
		conn = dialCommand(t, serveSession(t, o, soon, "-v2"))
		sayCommand(t, conn, "\x00\x00\x00\x05echo")
		hearEnd(t, conn)
	})
}

// A command longer than a read is not executed, nor is its end taken for another.
func TestCommandTooLong(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		var log commandLog
		o.Reactor.Logger = slog.New(slog.NewTextHandler(&log, nil))
		for _, n := range []int{commandMax + 1, 2 * commandMax, 5000} {
			text := "echo " + strings.Repeat("x", n-5)
			conn := dialCommand(t, serveCommands(t, o))
			sayCommand(t, conn, text)
			hearEnd(t, conn)
			conn.Close()

			conn = dialCommand(t, serveCommands(t, o, "-v2"))
			frame := append([]byte{0, 0, byte(n >> 8), byte(n)}, text...)
			sayCommand(t, conn, string(frame[:commandMax])) // its head is enough
			hearCommand(t, conn, "\x00\x00\x00\x0f\x02it is too long")
			hearEnd(t, conn)
		}
		conn := dialCommand(t, serveCommands(t, o, "-v2"))
		sayCommand(t, conn, "GET / HTTP/1.1\r\n\r\n")
		hearCommand(t, conn, "\x00\x00\x00\x0f\x02it is too long")
		hearEnd(t, conn)
		if strings.Contains(log.text(), "result=ok") || !strings.Contains(log.text(), "refused: it is too long") {
			t.Error(log.text())
		}
	})
}

// Framed commands may come all at once, or a byte at a time.
func TestCommandFramed(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		url := serveCommands(t, o, commandArgs(t, "-v2", "-allow", "none="+commandTrue(t))...)
		conn := dialCommand(t, url)
		all := "\x00\x00\x00\x07echo hi" + "\x00\x00\x00\x06argv x" + "\x00\x00\x00\x00" + "\x00\x00\x00\x05quiet" + "\x00\x00\x00\x04fail" + "\x00\x00\x00\x01x"
		want := "\x00\x00\x00\x04\x00hi\n" + "\x00\x00\x00\x07\x00[\"x\"]\n" + "\x00\x00\x00\x10\x01命令不存在" + "\x00\x00\x00\x01\x00" +
			"\x00\x00\x00\x08\x03so far\n" + "\x00\x00\x00\x11\x01x命令不存在"
		sayCommand(t, conn, all)
		hearCommand(t, conn, want)
		for _, b := range all {
			sayCommand(t, conn, string(b))
		}
		hearCommand(t, conn, want)
		c := NewCommandClient(conn, true)
		runCommand(t, c, "none", "", CommandOK)
		runCommand(t, c, "none x", "it takes at most 0 arguments", CommandRefused)
		runCommand(t, c, "date x", "it takes no such arguments", CommandRefused)
		runCommand(t, c, "echo '", errCommandQuotes.Error(), CommandRefused)
		sayCommand(t, conn, "\x00\x00\x00\x04exit")
		hearEnd(t, conn)
	})
}

// commandTrue is the path of a program.
func commandTrue(t *testing.T) string {
	t.Helper()
	for _, path := range []string{"/usr/bin/true", "/bin/true"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Skip("there is no program true")
	return ""
}

// The commands that are always there tell nothing but what they are for.
func TestCommandBuiltIn(t *testing.T) {
	leaktest.Check(t)
	t.Setenv("SECRET", "of the server's")
	c := NewCommandClient(dialCommand(t, serveCommands(t, Options{}, commandArgs(t, "-v2")...)), true)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	runCommand(t, c, "hostname", host+"\n", CommandOK)
	runCommand(t, c, "echo $SECRET ~ * `id`", "$SECRET ~ * `id`\n", CommandOK)
	out, _, err := c.Run("date")
	if _, failed := time.Parse(time.UnixDate, strings.TrimSpace(string(out))); err != nil || failed != nil {
		t.Errorf("%q, %v, %v", out, err, failed)
	}
	out, _, err = c.Run("uptime")
	if d, failed := time.ParseDuration(strings.TrimSpace(strings.TrimPrefix(string(out), "up "))); err != nil || failed != nil || d < 0 {
		t.Errorf("%q, %v, %v", out, err, failed)
	}
	out, _, err = c.Run("help")
	if err != nil || !strings.HasSuffix(string(out), "\nuntil WORD…: a program, with at most 99 words\n") || strings.Count(string(out), "\n") != 6+9 {
		t.Errorf("%s, %v", out, err)
	}
	for _, name := range []string{"whoami", "env", "set", "pwd", "cat /etc/passwd", "sh", "./argv", "/bin/true", "../argv", "ARGV"} {
		runCommand(t, c, name, name+"命令不存在", CommandNotFound)
	}
	c.conn.Close()
}

// The original prints a line each time it waits for a command.
func TestCommandSays(t *testing.T) {
	leaktest.Check(t)
	var said commandLog
	conn := dialCommand(t, serveCommands(t, Options{Transcript: &said}))
	c := NewCommandClient(conn, false)
	runCommand(t, c, "echo 1", "1\n", CommandOK)
	runCommand(t, c, "echo 2", "2\n", CommandOK)
	sayCommand(t, conn, "exit")
	hearEnd(t, conn)
	if got := said.text(); got != "开始收\n开始收\n开始收\n" {
		t.Errorf("%q", got)
	}
}

// The client notices what is no answer.
func TestCommandClient(t *testing.T) {
	leaktest.Check(t)
	for _, framed := range []bool{false, true} {
		for _, text := range []string{"", "exit", strings.Repeat("x", commandMax+1)} {
			if _, _, err := NewCommandClient(nil, framed).Run(text); !errors.Is(err, reactor.ErrOption) {
				t.Errorf("%.20q: %v", text, err)
			}
		}
	}
	for _, x := range []struct {
		framed bool
		answer string
		want   error
	}{
		{false, "3x", ErrCommandAnswer},
		{false, "-1", ErrCommandAnswer},
		{false, "4000000000", ErrCommandAnswer},
		{false, "", io.EOF},
		{true, "\x00\x00\x00\x00\x00", ErrCommandAnswer},
		{true, "\xff\xff\xff\xff\x00", ErrCommandAnswer},
		{true, "\x00\x00\x00\x03\x00x", io.ErrUnexpectedEOF},
	} {
		client, server := net.Pipe()
		go func() {
			server.Read(make([]byte, 100))
			if x.answer != "" { // a pipe shows an empty write
				io.WriteString(server, x.answer)
			}
			server.Close()
		}()
		if _, _, err := NewCommandClient(client, x.framed).Run("x"); !errors.Is(err, x.want) {
			t.Errorf("%q: %v, want %v", x.answer, err, x.want)
		}
		client.Close()
	}
}

// commandLog is a log that a test can read.
type commandLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *commandLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *commandLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// await waits until something is there so many times.
func (l *commandLog) await(t *testing.T, what string, n int) {
	t.Helper()
	for end := time.Now().Add(commandWait); strings.Count(l.text(), what) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q, want %q %d times", l.text(), what, n)
		}
	}
}

var _ socketserver.Handler = (*commandServer)(nil)
