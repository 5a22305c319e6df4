//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/socketserver"
)

// Whatever a client writes, a program gets words, and nothing else is run.
func TestCommandInjection(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		dir := t.TempDir()
		proof := filepath.Join(dir, "proof")
		touch := "touch " + proof
		tutorial := NewCommandClient(dialCommand(t, serveCommands(t, o, commandArgs(t)...)), false)
		framed := NewCommandClient(dialCommand(t, serveCommands(t, o, commandArgs(t, "-v2", "-dir", dir)...)), true)
		for _, x := range []struct {
			text string
			args []string // nil: it is refused
		}{
			{"; " + touch, []string{";", "touch", proof}},
			{"x;" + touch, []string{"x;touch", proof}},
			{"| " + touch, []string{"|", "touch", proof}},
			{"&& " + touch, []string{"&&", "touch", proof}},
			{"& " + touch + " &", []string{"&", "touch", proof, "&"}},
			{"|| " + touch, []string{"||", "touch", proof}},
			{"$(" + touch + ")", []string{"$(touch", proof + ")"}},
			{"`" + touch + "`", []string{"`touch", proof + "`"}},
			{"\"$(" + touch + ")\"", []string{"$(" + touch + ")"}},
			{"\"`" + touch + "`\"", []string{"`" + touch + "`"}},
			{"x\n" + touch, []string{"x", "touch", proof}},
			{"x\r\n" + touch + "\r\n", []string{"x", "touch", proof}},
			{"> " + proof, []string{">", proof}},
			{">>" + proof, []string{">>" + proof}},
			{"< /etc/passwd", []string{"<", "/etc/passwd"}},
			{"<(" + touch + ")", []string{"<(touch", proof + ")"}},
			{"../../bin/" + touch, []string{"../../bin/touch", proof}},
			{"--flag --flag=x -rf -- -", []string{"--flag", "--flag=x", "-rf", "--", "-"}},
			{"$HOME ${PATH} $0 $$ ~ ~root", []string{"$HOME", "${PATH}", "$0", "$$", "~", "~root"}},
			{"* ? [a-z] {a,b} !!", []string{"*", "?", "[a-z]", "{a,b}", "!!"}},
			{"# x", []string{"#", "x"}},
			{"a=b x", []string{"a=b", "x"}},
			{"%s %n %d", []string{"%s", "%n", "%d"}},
			{"'a b' \"c d\" e\\ f", []string{"a b", "c d", "e f"}},
			{"'' \"\" ''''", []string{"", "", ""}},
			{"a'b'\"c\"d", []string{"abcd"}},
			{"'\\' \"\\\" \\\\ \\x\" \\'", []string{"\\", "\" \\ \\x", "'"}},
			{"'; " + touch + "'", []string{"; " + touch}},
			{"a\u00a0b\u2003c\u3000d\u2028e\u0085f\u200bg", []string{"a\u00a0b\u2003c\u3000d\u2028e\u0085f\u200bg"}}, // no blanks
			{"\u202e\u2066x", []string{"\u202e\u2066x"}},
			{"a\vb\fc\x1b[2Jd\be", []string{"a\vb\fc\x1b[2Jd\be"}},
			{"\t a \t", []string{"a"}},
			{"x\x00; " + touch, nil},
			{"x '\x00'", nil},
			{"x \\\x00", nil},
			{"'" + touch, nil},
			{"\"" + touch, nil},
			{touch + " \\", nil},
			{strings.Repeat("x ", 100), nil},
		} {
			text := "argv " + x.text
			for _, c := range []*CommandClient{tutorial, framed} {
				out, status, err := c.Run(text)
				var got []string
				switch {
				case err != nil:
					t.Fatalf("%q: %v", text, err)
				case x.args == nil:
					if status != CommandRefused && c.framed || status == CommandOK {
						t.Errorf("%q: %v, %q", text, status, out)
					}
				case json.Unmarshal(out, &got) != nil || !slices.Equal(got, x.args) || status != CommandOK:
					t.Errorf("%q: got %q, %v, want %q", text, out, status, x.args)
				}
			}
			if x.args != nil {
				runCommand(t, framed, "echo "+x.text, strings.Join(x.args, " ")+"\n", CommandOK)
			}
			// And where the command stands itself.
			for _, c := range []*CommandClient{tutorial, framed} {
				if _, status, err := c.Run(x.text); err != nil || status == CommandOK || status == CommandFailed {
					t.Errorf("%q: %v, %v", x.text, status, err)
				}
			}
		}
		if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
			t.Errorf("something was run: %v, %v", list, err)
		}
		tutorial.conn.Close()
		framed.conn.Close()
	})
}

// yes is killed when it has written as much as it may.
func TestCommandOutputLimit(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		file := filepath.Join(t.TempDir(), "pids")
		yes := strings.Repeat("y\n", 1<<19)
		for _, framed := range []bool{false, true} {
			url := serveCommands(t, o, commandArgs(t, fmt.Sprintf("-v2=%v", framed))...)
			c := NewCommandClient(dialCommand(t, url), framed)
			status := CommandOK
			if framed {
				status = CommandCut
			}
			runCommand(t, c, "spew "+file, yes, status)
			c.conn.Close()
		}
		c := NewCommandClient(dialCommand(t, serveCommands(t, o, commandArgs(t, "-v2", "-output-limit", "5")...)), true)
		runCommand(t, c, "spew "+file, "y\ny\ny", CommandCut)
		runCommand(t, c, "fill 5", string(commandFilling(5)), CommandOK)
		runCommand(t, c, "fill 6", string(commandFilling(5)), CommandCut)
		runCommand(t, c, "echo 123456", "123456\n", CommandOK) // its own is no program's
		commandsGone(t, commandPIDs(t, file, 3))
		c.conn.Close()
	})
}

// A program that does not end is killed, with all it has started.
func TestCommandTimeLimit(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		file := filepath.Join(t.TempDir(), "pids")
		// Time enough for the programs to begin, also on a busy machine.
		url := serveCommands(t, o, commandArgs(t, "-v2", "-time-limit", "2s")...)
		var clients []*CommandClient
		for range 2 {
			clients = append(clients, NewCommandClient(dialCommand(t, url), true))
		}
		if o.Mode == socketserver.Sync {
			clients = clients[:1]
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if len(clients) > 1 {
				clients[1].Run("fork " + file)
			}
		}()
		out, status, err := clients[0].Run("hang " + file)
		if err != nil || status != CommandLate || string(out) != "begun\n" && string(out) != "" {
			t.Errorf("%q, %v, %v", out, status, err)
		}
		<-done
		commandsGone(t, commandPIDs(t, file, 0))
		runCommand(t, clients[0], "argv", "[]\n", CommandOK)
		for _, c := range clients {
			c.conn.Close()
		}
	})
}

// A program ends when its client goes, however that does, with all it has started.
func TestCommandClientGone(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		for name, leave := range map[string]func(*net.TCPConn){
			"close": func(c *net.TCPConn) { c.Close() },
			"reset": func(c *net.TCPConn) { c.SetLinger(0); c.Close() },
			"half":  func(c *net.TCPConn) { c.CloseWrite() },
			"flood": func(c *net.TCPConn) { c.Write(make([]byte, 3*commandAhead)) },
			"exit":  func(c *net.TCPConn) { c.Write([]byte("exit")); c.Close() },
		} {
			var log commandLog
			o.Reactor.Logger = slog.New(slog.NewTextHandler(&log, nil))
			file := filepath.Join(t.TempDir(), "pids-"+name)
			conn := dialCommand(t, serveCommands(t, o, commandArgs(t)...))
			sayCommand(t, conn, "fork "+file)
			pids := commandPIDs(t, file, commandFamily)
			leave(conn.(*net.TCPConn))
			commandsGone(t, pids)
			log.await(t, "result=\"client gone\"", 1)
			conn.Close()
		}
	})
}

// What a client sends while its program runs is kept for when it has ended.
func TestCommandSentAhead(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		file := filepath.Join(t.TempDir(), "pids")
		conn := dialCommand(t, serveCommands(t, o, commandArgs(t)...))
		sayCommand(t, conn, "until "+file+" "+file+".end")
		commandPIDs(t, file, 1)
		sayCommand(t, conn, "start")
		time.Sleep(2 * commandSlice) // so that it is seen meanwhile; if not, no harm is done
		commandTell(file + ".end")
		hearCommand(t, conn, "5done\n")
		sayCommand(t, conn, "echo x")
		hearCommand(t, conn, "2")
		conn.Close()
	})
}

// No more programs run than may; others wait for their turn.
func TestCommandsWaitForTheirTurn(t *testing.T) {
	for _, mode := range []socketserver.Mode{socketserver.Loop, socketserver.Threading} {
		t.Run(string(mode), func(t *testing.T) {
			leaktest.Check(t)
			var log commandLog
			o := Options{Mode: mode}
			o.Reactor.Logger = slog.New(slog.NewTextHandler(&log, nil))
			url := serveCommands(t, o, commandArgs(t, "-v2")...)
			file := filepath.Join(t.TempDir(), "pids")
			var hang []net.Conn
			for range 4 {
				conn := dialCommand(t, url)
				text := "hang " + file
				sayCommand(t, conn, "\x00\x00\x00"+string(rune(len(text)))+text)
				hang = append(hang, conn)
			}
			commandPIDs(t, file, 4)
			answered := make(chan struct{})
			c := NewCommandClient(dialCommand(t, url), true)
			go func() {
				defer close(answered)
				if out, status, err := c.Run("argv x"); string(out) != "[\"x\"]\n" || status != CommandOK || err != nil {
					t.Errorf("%q, %v, %v", out, status, err)
				}
			}()
			// Its own commands need no turn.
			runCommand(t, NewCommandClient(dialCommand(t, url), true), "echo x", "x\n", CommandOK)
			log.await(t, "echo x", 1)
			if strings.Contains(log.text(), "argv x") {
				t.Error("a fifth program was run")
			}
			hang[2].Close()
			<-answered
			for _, conn := range hang {
				conn.Close()
			}
			commandsGone(t, commandPIDs(t, file, 4))
			c.conn.Close()
		})
	}
}

// One that waits too long for its turn is not run, nor is one for which too many wait.
func TestCommandBusy(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		for _, queue := range []func(*commandServer) chan struct{}{
			func(c *commandServer) chan struct{} { return c.turns },
			func(c *commandServer) chan struct{} { return c.held },
		} {
			var full chan struct{}
			url := serveSession(t, o, func(c *commandServer) {
				c.timeLimit = time.Millisecond
				full = queue(c)
				for len(full) < cap(full) {
					full <- struct{}{}
				}
			}, commandArgs(t, "-v2")...)
			c := NewCommandClient(dialCommand(t, url), true)
			runCommand(t, c, "argv", "", CommandBusy)
			runCommand(t, c, "echo x", "x\n", CommandOK)
			c.conn.Close()
		}
	})
}

// Programs that have been answered make room for others.
func TestCommandRoom(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		var server *commandServer
		url := serveSession(t, o, func(c *commandServer) { server = c }, commandArgs(t, "-v2", "-max-running", "1")...)
		c := NewCommandClient(dialCommand(t, url), true)
		for range commandHeld + 5 {
			runCommand(t, c, "argv", "[]\n", CommandOK)
		}
		c.conn.Close()
		if len(server.turns) > 0 || cap(server.turns) != 1 {
			t.Errorf("%d of %d run", len(server.turns), cap(server.turns))
		}
	})
}

// Who has moved out of the program's session and holds its output open does not hold up
// the answer.
func TestCommandEscape(t *testing.T) {
	leaktest.Check(t)
	file := filepath.Join(t.TempDir(), "pids")
	c := NewCommandClient(dialCommand(t, serveCommands(t, Options{}, commandArgs(t, "-v2")...)), true)
	runCommand(t, c, "escape "+file, "left\n", CommandOK)
	c.conn.Close()
	for _, pid := range commandPIDs(t, file, 1) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Errorf("process %d: %v", pid, err)
		}
	}
}

// A server that ends does not wait for programs.
func TestCommandShutdown(t *testing.T) {
	eachCommandMode(t, func(t *testing.T, o Options) {
		file := filepath.Join(t.TempDir(), "pids")
		s, err := startCommand(t, o, commandArgs(t, "-time-limit", "1h")...)
		if err != nil {
			t.Fatal(err)
		}
		conn := dialCommand(t, s.URLs()[0])
		sayCommand(t, conn, "fork "+file)
		pids := commandPIDs(t, file, commandFamily)
		endCommands(t, s)
		commandsGone(t, pids)
		hearEnd(t, conn)
		conn.Close()
	})
}

// The log has a line for each command, and nothing in it that a terminal obeys.
func TestCommandAudit(t *testing.T) {
	leaktest.Check(t)
	var log commandLog
	o := Options{}
	o.Reactor.Logger = slog.New(rawHandler{&log})
	conn := dialCommand(t, serveCommands(t, o, commandArgs(t, "-v2")...))
	c := NewCommandClient(conn, true)
	c.Run("echo hi")
	c.Run("\x1b]52;c;x\a\x9b2J\u202e\u200b\r\nlevel=ERROR msg=forged\xff")
	c.Run("argv " + strings.Repeat("é", 300))
	c.Run("fail")
	c.Run("fill 2048")
	conn.Close()
	client := conn.LocalAddr().String()
	want := []string{
		`INFO command client=` + client + ` command=echo hi result=ok duration=D bytes=3`,
		`INFO command client=` + client + ` command=\x1b]52;c;x\a\x9b2J\u202e\u200b\r\nlevel=ERROR msg=forged\xff result=not found duration=D bytes=0`,
		`INFO command client=` + client + ` command=argv ` + strings.Repeat(`\u00e9`, 97) + `\xc3... and 405 bytes result=ok duration=D bytes=605`,
		`INFO command client=` + client + ` command=fail result=failed: exit status 3 duration=D bytes=7`,
		`INFO command client=` + client + ` command=fill 2048 result=ok duration=D bytes=2048`,
	}
	got := strings.Split(strings.TrimSpace(regexp.MustCompile(`duration=\S+`).ReplaceAllString(log.text(), "duration=D")), "\n")
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What cannot be executed any more fails, and only the log says why.
func TestCommandProgramGone(t *testing.T) {
	leaktest.Check(t)
	var log commandLog
	o := Options{}
	o.Reactor.Logger = slog.New(rawHandler{&log})
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("this is none\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := NewCommandClient(dialCommand(t, serveCommands(t, o, commandArgs(t, "-v2", "-allow", "it="+path)...)), true)
	runCommand(t, c, "it", "", CommandFailed)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	runCommand(t, c, "it", "", CommandFailed)
	c.conn.Close()
	for _, why := range []string{"exec format error", "no such file or directory"} {
		if !strings.Contains(log.text(), why) {
			t.Errorf("no %q in\n%s", why, log.text())
		}
	}
}

// here is asked of each connection, whatever the listener is.
func TestCommandHere(t *testing.T) {
	for _, x := range []struct {
		local net.Addr
		want  bool
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, true},
		{&net.TCPAddr{IP: net.IPv4(127, 9, 9, 9)}, true},
		{&net.TCPAddr{IP: net.IPv6loopback}, true},
		{&net.UnixAddr{Name: "/x", Net: "unix"}, true},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, false},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}, false},
		{&net.TCPAddr{}, false},
		{nil, false},
	} {
		s := &commandSession{conn: localConn{addr: x.local}}
		if got := s.here(); got != x.want {
			t.Errorf("%v: %v", x.local, got)
		}
	}
}

// localConn is a connection of which nothing is known but this side's address.
type localConn struct {
	net.Conn
	addr net.Addr
}

func (c localConn) LocalAddr() net.Addr { return c.addr }

// Over a Unix socket only the server's own user is let in.
func TestCommandPeer(t *testing.T) {
	c := &commandServer{}
	var o reactor.ListenOptions
	if err := c.mayListen("unix:///tmp/x", &o); err != nil {
		t.Fatal(err)
	}
	own := uint32(os.Geteuid())
	if o.AllowPeer == nil {
		t.Skip("this system does not say who connects")
	}
	if !o.AllowPeer(reactor.Credentials{UID: own}) || o.AllowPeer(reactor.Credentials{UID: own + 1}) {
		t.Error("the wrong ones are let in")
	}
	asked := reactor.ListenOptions{AllowPeer: func(reactor.Credentials) bool { return true }}
	if err := c.mayListen("unix:///tmp/x", &asked); err != nil || !asked.AllowPeer(reactor.Credentials{UID: own + 1}) {
		t.Error("what was asked for is not what is done", err)
	}
}
