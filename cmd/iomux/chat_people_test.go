//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// addUser has iomux chat passwd make a user.
func addUser(t *testing.T, file, name, password string, more ...string) {
	t.Helper()
	args := append([]string{"chat", "passwd", file, name}, more...)
	if r := call(t, password+"\n", args...); r.status != 0 || !strings.HasPrefix(r.stdout, name+" ") || r.stderr != "" {
		t.Fatalf("%+v", r)
	}
}

// Users log in by what iomux chat passwd has written; operators may do what others may
// not; a file that has changed counts after SIGHUP.
func TestChatUsers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	addUser(t, file, "ann", "correct horse", "--operator")
	addUser(t, file, "bob", "battery staple")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	p := startChat(t, "--users", file, "--require-login")
	c := joinLines(t, p.urls[0])
	c.hear("Log in first")
	c.say("hello?")
	c.hear("!! log in first")
	c.say("/login ann wrong horse")
	c.hear("!!")
	c.say("/login ann correct horse")
	c.hear("you are in the room")
	web := surf(t, p.page, nil)
	web.say(`{"do":"hello"}`)
	web.hear(ev("welcome", ""))
	web.say(`{"do":"login","nick":"bob","secret":"battery staple"}`)
	web.hear(ev("entered", ""))
	web.say(`{"do":"wall","text":"hear me","id":"1"}`)
	if s := web.hear(ev("failed", "")); s.Code != "operator" {
		t.Errorf("bob got %+v", s)
	}
	c.say("/wall hear me")
	web.hear(ev("notice", "hear me"))

	addUser(t, file, "cid", "new at this")
	p.signal(syscall.SIGHUP)
	p.logged("the settings were loaded anew")
	c = joinLines(t, p.urls[0])
	c.say("/login cid new at this")
	c.hear("you are in the room")
}

// A token comes from a file or a variable, and is for all.
func TestChatToken(t *testing.T) {
	file := write(t, "token", "  open-sesame \nand more\n")
	cmd := program(t, chatArgs("--require-login", "--web", "off")...)
	cmd.Env = environment("IOMUX_CHAT_TOKEN=open-sesame")
	for _, p := range []*chatting{startChat(t, "--token-file", file, "--require-login", "--web", "off"), runChat(t, cmd)} {
		c := joinLines(t, p.urls[0])
		c.say("/login open-barley")
		c.hear("!!")
		c.say("/login open-sesame")
		c.hear("you are in the room")
	}
	cmd = program(t, "chat", "--token-file", file)
	cmd.Env = environment("IOMUX_CHAT_TOKEN=x")
	check(t, finish(t, cmd, ""), 2, []string{"--token-file and IOMUX_CHAT_TOKEN"})
}

// What cannot be a password or a name is not one.
func TestChatBadPasswd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	for _, c := range []struct {
		name, input string
		status      int
		says        string
	}{
		{"ann", "", 2, "first line"},
		{"ann", "\n", 2, "first line"},
		{"ann", "short\n", 2, "8 to 1024"},
		{"a b", "long enough\n", 2, "name"},
	} {
		check(t, call(t, c.input, "chat", "passwd", file, c.name), c.status, []string{c.says})
	}
	check(t, call(t, "long enough\n", "chat", "passwd", "/nowhere/users", "ann"), 1, []string{"/nowhere"})
	if _, err := os.Stat(file); err == nil {
		t.Error("it made a file")
	}
}

// What was said, and who is banned, outlives the server.
func TestChatStore(t *testing.T) {
	dir := t.TempDir()
	file, store := filepath.Join(dir, "users"), filepath.Join(dir, "chat.db")
	addUser(t, file, "ann", "correct horse", "--operator")
	args := []string{"--users", file, "--store", store}
	p := startChat(t, args...)
	check(t, call(t, "", chatArgs(args...)...), 1, []string{store})
	c := joinLines(t, p.urls[0])
	c.say("/login ann correct horse")
	c.hear("ann")
	c.say("/topic of fruit")
	c.say("remember this")
	c.say("/ban 203.0.113.0/24")
	c.say("/bans")
	c.hear("203.0.113.0/24")
	p.signal(syscall.SIGTERM)
	if status, _ := p.wait(); status != 0 {
		t.Fatalf("exit status %d; log:\n%s", status, p.log.String())
	}
	p = startChat(t, append(args, "--proxies", "127.0.0.1")...)
	c = joinLines(t, p.urls[0])
	c.say("PROXY TCP4 192.0.2.7 192.0.2.8 4711 7000\r")
	c.hear("of fruit")
	c.hear("ann: remember this")
	c = joinLines(t, p.urls[0])
	c.say("PROXY TCP4 203.0.113.7 192.0.2.8 4711 7000\r")
	c.hear("banned")
}

// A server that others can reach, and where anybody may talk, says so.
func TestChatWhenPublic(t *testing.T) {
	const warning = "other machines can connect, and nobody need log in"
	p := startChat(t, "--listen", "tcp://0.0.0.0:0")
	p.logged(warning)
	if !strings.HasPrefix(p.join, "join with: nc 127.0.0.1 ") {
		t.Errorf("it said %q", p.join)
	}
	p = startChat(t, "--listen", "tcp://0.0.0.0:0", "--require-login", "--token-file", write(t, "token", "open-sesame"), "--admin", "0.0.0.0:0", "--admin-anywhere")
	p.logged("other machines can see")
	const clear = "secrets come in the clear"
	p.logged(clear)
	if strings.Contains(p.log.String(), warning) || !strings.Contains(p.log.String(), "other machines can connect") {
		t.Errorf("log:\n%s", p.log.String())
	}
	p = startChat(t, "--listen", "tcp://0.0.0.0:0", "--require-login", "--token-file", write(t, "token", "open-sesame"), "--tls-self-signed")
	p.logged("other machines can connect")
	if strings.Contains(p.log.String(), clear) {
		t.Errorf("log:\n%s", p.log.String())
	}
	if p = startChat(t); p.log.String() != "" {
		t.Errorf("log:\n%s", p.log.String())
	}
}

// Sockets from systemd are for what they are called; without a name, for lines. The
// defaults do not count then.
func TestChatInherited(t *testing.T) {
	lines, linesURL := listenHere(t, "tcp", "127.0.0.1:0")
	objects, objectsURL := listenHere(t, "tcp", "127.0.0.1:0")
	web, webURL := listenHere(t, "tcp", "127.0.0.1:0")
	admin, adminURL := listenHere(t, "tcp", "127.0.0.1:0")
	p := runChat(t, activated(t, []*os.File{web, objects, lines, admin}, "web:json:whatever:admin", "chat"))
	page := "http" + strings.TrimPrefix(webURL, "tcp") + "/"
	if got := fmt.Sprint(p.urls); got != fmt.Sprint([]string{objectsURL, linesURL}) || p.page != page || p.admin != "http"+strings.TrimPrefix(adminURL, "tcp")+"/" {
		t.Errorf("it said %v, %q, %q", got, p.page, p.admin)
	}
	joinLines(t, linesURL).hear("Welcome")
	c := joinLines(t, objectsURL)
	c.say(`{"do":"hello"}`)
	c.hear(`"welcome"`)
	if status, _ := get(t, page, nil); status != 200 {
		t.Errorf("the page: %d", status)
	}

	// What a flag names is for that, whatever it is called.
	p = runChat(t, activated(t, []*os.File{web, lines}, "a:b", "chat", "--web", strings.TrimPrefix(webURL, "tcp://")))
	if len(p.urls) != 1 || p.urls[0] != linesURL || p.page != page {
		t.Errorf("it said %v, %q", p.urls, p.page)
	}
	public, _ := listenHere(t, "tcp", "0.0.0.0:0")
	check(t, finish(t, activated(t, []*os.File{public}, "admin", "chat"), ""), 2, []string{"--admin-anywhere"})
	datagrams, _ := listenHere(t, "udp", "127.0.0.1:0")
	check(t, finish(t, activated(t, []*os.File{datagrams}, "x", "chat"), ""), 2, []string{"udp://", "tcp or unix"})
}

// A successor has all doors, and members are told before the predecessor goes.
func TestChatTakeover(t *testing.T) {
	dir := shortDir(t)
	args := []string{"--takeover", filepath.Join(dir, "takeover.sock"), "--admin", "127.0.0.1:0", "--listen", "unix://" + dir + "/chat.sock", "--listen", "tcp://127.0.0.1:0"}
	p := startChat(t, args...)
	if want := "join with: nc -U " + dir + "/chat.sock"; p.join != want {
		t.Errorf("it said %q", p.join)
	}
	c := joinLines(t, p.urls[1])
	c.hear("you are in the room")
	web := surf(t, p.page, nil)
	web.say(`{"do":"hello"}`)
	web.hear(ev("entered", ""))
	next := startChat(t, args...)
	if fmt.Sprint(next.urls) != fmt.Sprint(p.urls) || next.page != p.page || next.admin != p.admin {
		t.Errorf("%v, %q, %q became %v, %q, %q", p.urls, p.page, p.admin, next.urls, next.page, next.admin)
	}
	c.hear(goodbye)
	web.hear(ev("notice", goodbye))
	if status, _ := p.wait(); status != 0 {
		t.Errorf("exit status %d; log:\n%s", status, p.log.String())
	}
	joinLines(t, next.urls[1]).hear("Welcome")
	unix, err := net.Dial("unix", dir+"/chat.sock")
	if err != nil {
		t.Fatal(err)
	}
	unix.Close()
	if status, _ := get(t, next.page, nil); status != 200 {
		t.Errorf("the page: %d", status)
	}
}

// A second signal does not wait for --drain-delay, nor for what does not drain.
func TestChatSecondSignal(t *testing.T) {
	p := startChat(t, "--drain-delay", "1m", "--rate", "off", "--addr-rate", "off", "--write-limit", "64MiB")
	deaf := joinLines(t, p.urls[0])
	for asks := []byte(strings.Repeat("/help\n", 100)); ; {
		if err := deaf.conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := deaf.conn.Write(asks); err != nil {
			break // nothing moves any more
		}
	}
	p.signal(syscall.SIGTERM)
	p.logged("not ready any more")
	time.Sleep(sameSignal)
	p.signal(syscall.SIGINT)
	if status, _ := p.wait(); status != 1 || !strings.Contains(p.log.String(), "iomux chat: second signal (interrupt)") {
		t.Errorf("exit status %d; log:\n%s", status, p.log.String())
	}
}

// The default ports are the ones that the documents have, and one that is taken is
// explained.
func TestChatWebInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	check(t, call(t, "", "chat", "--listen", "tcp://127.0.0.1:0", "--web", taken.Addr().String()), 1, []string{taken.Addr().String(), "in use", "--web off"})
	check(t, nowhereToPrint(t, chatArgs()...), 1, []string{"cannot say where it listens"})
}
