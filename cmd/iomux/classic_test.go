//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"example.com/iomux/servers/classic"
)

// free are the addresses of a server, at ports of the kernel's choice.
func free(e classic.Entry) (flags []string) {
	for _, url := range e.Listen {
		flags = append(flags, "--listen", url[:strings.LastIndexByte(url, ':')]+":0")
	}
	return flags
}

// startServe runs iomux serve and waits until it accepts, at free ports unless args say
// where.
func startServe(t *testing.T, name string, args ...string) *process {
	t.Helper()
	e, ok := classic.Find(name)
	if !ok {
		t.Fatalf("there is no server %s", name)
	}
	if !slices.Contains(args, "--listen") {
		args = append(args, free(e)...)
	}
	listeners := 0
	for _, a := range args {
		if a == "--listen" {
			listeners++
		}
	}
	return start(t, program(t, append([]string{"serve", name}, args...)...), listeners)
}

// stop ends a server, which must do so in order, and returns what it still printed.
func (p *process) stop() (rest string) {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	status, rest := p.wait()
	if status != 0 {
		p.t.Errorf("exit status %d; log:\n%s", status, p.log.String())
	}
	return rest
}

// The list has a line for each server, with where it listens.
func TestServeLists(t *testing.T) {
	r := call(t, "", "serve")
	if r.status != 0 || r.stderr != "" {
		t.Errorf("%+v", r)
	}
	lines := strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n")
	all := classic.Servers()
	if len(lines) != len(all)+1 {
		t.Fatalf("it prints:\n%s", r.stdout)
	}
	for i, e := range all {
		line := lines[i+1]
		if !strings.HasPrefix(line, e.Name+" ") || !strings.HasSuffix(line, e.About) {
			t.Errorf("%s: %s", e.Name, line)
		}
		for _, url := range e.Listen {
			scheme, at, _ := strings.Cut(url, "://")
			_, port, _ := net.SplitHostPort(at)
			if !strings.Contains(line, ":"+port+" ") || !strings.Contains(line, " "+scheme+" ") {
				t.Errorf("%s is not in: %s", url, line)
			}
		}
	}
	if r := call(t, "", "serve", "multi", "--help"); !strings.Contains(r.stdout, "127.0.0.1:9999 :21567 :10000 (tcp)") {
		t.Errorf("%s", r.stdout)
	}
}

// What is wrong with a call is said in a line, and ends it with 2.
func TestServeBadCalls(t *testing.T) {
	for _, test := range []struct {
		args string
		says []string
	}{
		{"nobody", []string{`unknown server "nobody"`, "want bare, ", "timestamp or upper"}},
		{"echo surplus", []string{`"surplus"`}},
		{"echo --mode sync", []string{"--mode", "iomux serve echo --help"}},
		{"chat --exact", []string{"--exact"}},
		{"chat --takeover /tmp/x", []string{"--takeover"}},
		{"pair --listen tcp://127.0.0.1:0", []string{"--listen", "want --backend"}},
		{"multicast --max-conns 3", []string{"--max-conns"}},
		{"multicast --listen udp://127.0.0.1:0", []string{"group of IPv4"}},
		{"fork --mode loop", []string{`"loop"`, "want fork"}},
		{"upper --mode fast", []string{`"fast"`, "want loop, sync, thread or fork"}},
		{"timestamp --mode sync --loops 2", []string{"--loops is for --mode loop"}},
		{"timestamp --max-threads 2", []string{"--max-threads is for --mode thread"}},
		{"timestamp --mode thread --max-children 2", []string{"--max-children is for --mode fork"}},
		{"chat --listen udp://127.0.0.1:0", []string{"udp://127.0.0.1:0", "tcp"}},
		{"chat --listen 127.0.0.1:0", []string{"127.0.0.1:0"}},
		{"echo --idle 1s", []string{"idle is about the transcript"}},
		{"echo --chunk 16x", []string{"16x"}},
		{"multi --listen tcp://127.0.0.1:0", []string{"want 3"}},
		{"upper --low-water 2MiB", []string{"--low-water 2MiB"}},
		{"upper --io-timeout soon", []string{"soon", "30s"}},
	} {
		r := call(t, "", append([]string{"serve"}, strings.Fields(test.args)...)...)
		if r.status != 2 || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.HasPrefix(r.stderr, "iomux serve") {
			t.Errorf("%s: %+v", test.args, r)
		}
		for _, says := range test.says {
			if !strings.Contains(r.stderr, says) {
				t.Errorf("%s: no %q in %s", test.args, says, r.stderr)
			}
		}
	}
}

// Every server starts as its examples say, but for its ports, and a signal ends it.
func TestServeExamples(t *testing.T) {
	walk(newServe(), func(cmd *cobra.Command) {
		e, ok := classic.Find(cmd.Name())
		if !ok {
			return // TestExamples has them
		}
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimSpace(line)
			t.Run(line, func(t *testing.T) {
				t.Parallel()
				args := append(strings.Fields(line)[1:], free(e)...)
				if len(e.Listen) == 0 || slices.Contains(args, "--send") {
					r := call(t, "", strings.Fields(strings.Replace(strings.Join(args, " "), ":0", ":10000", 1))...)
					if r.status != 0 || r.stderr != "" || r.stdout == "" {
						t.Errorf("%+v", r)
					}
					return
				}
				p := start(t, program(t, args...), len(e.Listen))
				if rest := p.stop(); rest != "" && !slices.Contains(args, "--transcript") {
					t.Errorf("it also printed %q", rest)
				}
			})
		}
	})
}

// With a transcript the lines of the original stand behind those that say where it is.
func TestServeTranscript(t *testing.T) {
	for _, mode := range []string{"loop", "sync", "thread", "fork"} {
		p := startServe(t, "timestamp", "--mode", mode, "--transcript")
		c := dial(t, p.address())
		if _, err := io.WriteString(c, "hello\n"); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if err != nil || !strings.HasSuffix(string(got), "] hello\n") {
			t.Errorf("got %q, %v", got, err)
		}
		_, port, _ := net.SplitHostPort(c.LocalAddr().String())
		if got, want := p.stop(), "等待连接……\n连接来自于: ('127.0.0.1', "+port+")\n"; got != want {
			t.Errorf("%s: it printed %q, want %q", mode, got, want)
		}
	}
}

// The lines of all processes come together, in the order of Python's.
func TestServeForkTranscript(t *testing.T) {
	p := startServe(t, "logged", "--mode", "fork", "--transcript")
	c := dial(t, p.address())
	if _, err := io.WriteString(c, "Hello, world"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); err != nil || string(got) != "Hello, world" {
		t.Errorf("got %q, %v", got, err)
	}
	var lines []string
	for line := range strings.Lines(p.stop()) {
		line, _, _ = strings.Cut(line, "(<")
		lines = append(lines, strings.TrimSpace(line))
	}
	// The parent closes its connection when the child has it, and the child when it is done.
	const closes, child = "EchoServer: close_request", "EchoServer: finish_request"
	before := len(lines)
	lines = slices.DeleteFunc(lines, func(l string) bool { return l == closes })
	if before-len(lines) != 2 {
		t.Errorf("the connection is closed %d times", before-len(lines))
	}
	want := []string{
		"EchoServer: __init__", "EchoServer: server_activate", "EchoServer: waiting for request",
		"EchoServer: Handling requests, press <Ctrl-C> to quit", "EchoServer: verify_request", "EchoServer: process_request",
		child, "EchoRequestHandler: __init__", "EchoRequestHandler: setup", "EchoRequestHandler: handle",
		"EchoRequestHandler: recv()->\"b'Hello, world'\"", "EchoRequestHandler: finish",
		"EchoServer: shutdown()", "EchoServer: server_close",
	}
	// The server may be told to end before the last process has said everything.
	if !slices.Equal(slices.Sorted(slices.Values(lines)), slices.Sorted(slices.Values(want))) {
		t.Errorf("got  %q\nwant %q", lines, want)
	}
}

// In mode fork a request has a process, which knows the flags.
func TestServeFork(t *testing.T) {
	p := startServe(t, "fork")
	pids := map[string]bool{strconv.Itoa(p.cmd.Process.Pid): true}
	for range 3 {
		c := dial(t, p.address())
		if _, err := io.WriteString(c, "hello"); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		pid, said, ok := strings.Cut(string(got), ": ")
		if err != nil || !ok || said != "hello" || pids[pid] {
			t.Errorf("got %q, %v; before: %v", got, err, pids)
		}
		pids[pid] = true
	}
	p.stop()
	p = startServe(t, "quit", "--mode", "fork", "--exact", "--max-children", "2")
	c := dial(t, p.address())
	exchange(t, c, "quit\n")
	if _, err := io.WriteString(c, "quit"); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Errorf("got %q, %v", rest, err)
	}
	p.stop()
}

// One that ends by itself ends the program.
func TestServeOnce(t *testing.T) {
	p := startServe(t, "echo", "--once")
	c := dial(t, strings.TrimPrefix(p.urls[0], "tcp://"))
	exchange(t, c, "hello")
	c.Close()
	if status, rest := p.wait(); status != 0 || rest != "" {
		t.Errorf("exit status %d, %q; log:\n%s", status, rest, p.log.String())
	}
}

// The flags get through to the server.
func TestServeFlags(t *testing.T) {
	t.Run("permissions", func(t *testing.T) {
		path := shortDir(t) + "/s"
		p := startServe(t, "chat", "--listen", "unix://"+path, "--permissions", "0640")
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%v, %v", info, err)
		}
		p.stop()
	})
	t.Run("max-conns", func(t *testing.T) {
		p := startServe(t, "chat", "--max-conns", "1")
		exchange(t, dial(t, p.address()), "alone\n")
		if rest, err := io.ReadAll(dial(t, p.address())); len(rest) > 0 {
			t.Errorf("a second one hears %q, %v", rest, err)
		}
		p.stop()
	})
	t.Run("io-timeout", func(t *testing.T) {
		p := startServe(t, "upper", "--mode", "sync", "--io-timeout", "20ms")
		if rest, err := io.ReadAll(dial(t, p.address())); len(rest) > 0 || err != nil {
			t.Errorf("silence is answered with %q, %v", rest, err)
		}
		p.stop()
	})
	t.Run("idle-timeout", func(t *testing.T) {
		p := startServe(t, "echo", "--idle-timeout", "20ms")
		if rest, err := io.ReadAll(dial(t, strings.TrimPrefix(p.urls[0], "tcp://"))); len(rest) > 0 || err != nil {
			t.Errorf("silence is answered with %q, %v", rest, err)
		}
		p.stop()
	})
	t.Run("stats", func(t *testing.T) {
		p := startServe(t, "upper", "--stats", "100ms")
		line, err := p.out.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "stats conns=0 ") {
			t.Errorf("%q, %v", line, err)
		}
		p.stop()
	})
	t.Run("write-limit", func(t *testing.T) {
		p := startServe(t, "multicast", "--write-limit", "4KiB")
		p.stop()
	})
}

// Strangers are let in only where that is asked for, and then the log says so.
func TestServePublic(t *testing.T) {
	p := startServe(t, "upper", "--listen", "tcp://0.0.0.0:0", "--listen", "udp://127.0.0.1:0")
	p.logged("other machines can connect")
	p.stop()
	if n := strings.Count(p.log.String(), "other machines"); n != 1 {
		t.Errorf("it logs:\n%s", p.log.String())
	}
}

// What arrived before the signal is answered, and a second signal ends it at once.
func TestServeSignals(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		p := startServe(t, "quit", "--backend", backend)
		c := dial(t, p.address())
		exchange(t, c, "hello")
		if _, err := io.WriteString(c, "at the last moment"); err != nil {
			t.Fatal(err)
		}
		p.signal(syscall.SIGTERM)
		if rest, err := io.ReadAll(c); err != nil || string(rest) != "at the last moment" {
			t.Errorf("got %q, %v", rest, err)
		}
		c.Close()
		if status, _ := p.wait(); status != 0 {
			t.Errorf("exit status %d; log:\n%s", status, p.log.String())
		}
	})
	p := startServe(t, "quit", "--drain-timeout", "1h")
	c := dial(t, p.address())
	go func() {
		for chunk := make([]byte, 1<<16); ; { // and never reads: it cannot drain
			if _, err := c.Write(chunk); err != nil {
				return
			}
		}
	}()
	time.Sleep(200 * time.Millisecond) // its answers have filled all buffers by then; if not, the signal ends it as well
	p.signal(syscall.SIGTERM)
	p.logged("draining")
	time.Sleep(2 * sameSignal) // or else the next one counts as the same
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if status, _ := p.wait(); status != 1 && status != 0 {
		t.Errorf("exit status %d; log:\n%s", status, p.log.String())
	}
}

// What is off is off, and not the library's default.
func TestServeOptions(t *testing.T) {
	e, _ := classic.Find("quit")
	s := &classicServer{entry: e}
	cmd := &cobra.Command{}
	s.addFlags(cmd)
	if err := cmd.ParseFlags([]string{"--idle-timeout", "off", "--write-timeout", "off", "--io-timeout", "off", "--keepalive", "off", "--mode", "thread", "--max-threads", "7", "--backlog", "8"}); err != nil {
		t.Fatal(err)
	}
	o := s.options(io.Discard, nil)
	if o.IOTimeout >= 0 || !o.NoTimeouts || o.Reactor.Timeouts.Idle != 0 || o.Socket.Socket.KeepAlive.Idle != 0 || o.Transcript != nil {
		t.Errorf("%+v", o)
	}
	if o.Mode != "thread" || o.MaxThreads != 7 || o.Reactor.Backlog != 8 || o.Reactor.MaxConns != classic.MaxConns || !slices.Equal(o.Listen, e.Listen) {
		t.Errorf("%+v", o)
	}
}
