//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gobwas/ws"

	"example.com/iomux/adapters/websocket"
	"example.com/iomux/servers/chat"
)

// A page of another site does not get in, unless it is one of --origins.
func TestChatOrigin(t *testing.T) {
	p := startChat(t, "--origins", "https://friend.example")
	for origin, want := range map[string]int{
		"":                           0, // no browser
		strings.Trim(p.page, "/"):    0,
		"https://friend.example":     0,
		"https://foe.example":        http.StatusForbidden,
		"null":                       http.StatusForbidden,
		"https://friend.example.foe": http.StatusForbidden,
	} {
		conn, _, err := dialChat(p.page, origin, nil)
		if err == nil {
			conn.Close()
		}
		var refused ws.StatusError
		_ = errors.As(err, &refused) // or it was not refused
		if int(refused) != want {
			t.Errorf("%q: %v", origin, err)
		}
	}
}

// A page whose name leads here by a trick (DNS rebinding) gets nothing: neither pages
// nor the chat.
func TestChatHosts(t *testing.T) {
	p := startChat(t, "--hosts", "chat.example,Other.example", "--admin", "127.0.0.1:0")
	_, port, err := net.SplitHostPort(strings.Trim(strings.TrimPrefix(p.page, "http://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		"127.0.0.1:" + port: 200, "localhost:" + port: 200, "LOCALHOST.": 200, "[::1]:" + port: 200,
		"chat.example": 200, "other.example:80": 200,
		"foe.example": 421, "foe.example:" + port: 421, "127.0.0.1.foe.example": 421,
	} {
		header := http.Header{"Host": {host}}
		if status, body := get(t, p.page, header); status != want {
			t.Errorf("%s: %d, %.100s", host, status, body)
		}
		if status, body := get(t, p.admin+"connections.json", header); status != want {
			t.Errorf("%s at --admin: %d, %.100s", host, status, body)
		}
		// Behind a proxy the page comes by https.
		conn, _, err := dialChat(p.page, "https://"+host, header)
		if err == nil {
			conn.Close()
		}
		if (err == nil) != (want == 200) {
			t.Errorf("%s: WebSocket: %v", host, err)
		}
	}
	open := startChat(t, "--web", "0.0.0.0:0")
	header := http.Header{"Host": {"any.example"}}
	if status, body := get(t, strings.Replace(open.page, "0.0.0.0", "127.0.0.1", 1), header); status != 200 {
		t.Errorf("for all: %d, %.100s", status, body)
	}
}

func TestCallNames(t *testing.T) {
	for _, c := range []struct {
		url  string
		more []string
		want callNames
	}{
		{"tcp://127.0.0.1:1", nil, callNames{"localhost", "127.0.0.1", "::1", "127.0.0.1"}},
		{"tcp://[::1]:1", nil, callNames{"localhost", "127.0.0.1", "::1", "::1"}},
		{"tcp://0.0.0.0:1", nil, nil},
		{"tcp://0.0.0.0:1", []string{"A.example"}, callNames{"localhost", "127.0.0.1", "::1", "0.0.0.0", "a.example"}},
		{"unix:///x", nil, nil},
		{"unix:///x", []string{"a.example"}, callNames{"localhost", "127.0.0.1", "::1", "a.example"}},
	} {
		if got := newCallNames(c.url, c.more); !slices.Equal(got, c.want) {
			t.Errorf("%s, %v: %v", c.url, c.more, got)
		}
	}
}

// What a proxy says counts, and nobody else's word.
func TestSpeaksFor(t *testing.T) {
	proxies := networks{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		peer, forwarded, want string
	}{
		{"192.0.2.1", "", "192.0.2.1"},
		{"192.0.2.1", "198.51.100.7", "192.0.2.1"},
		{"::ffff:192.0.2.1", "", "192.0.2.1"},
		{"10.0.0.1", "198.51.100.7", "198.51.100.7"},
		{"10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"}, // the first one anybody can write
		{"10.0.0.1", "203.0.113.9, 198.51.100.7, 10.9.9.9", "198.51.100.7"},
		{"10.0.0.1", "198.51.100.7:4711", "198.51.100.7"},
		{"10.0.0.1", "[2001:db8::1]:80", "2001:db8::1"},
		{"10.0.0.1", "[2001:db8::1]", "2001:db8::1"},
		{"fd00::1", "2001:db8::1", "2001:db8::1"},
		{"10.0.0.1", "", ""},
		{"10.0.0.1", "unknown", ""},
		{"10.0.0.1", "198.51.100.7, unknown", ""},
		{"10.0.0.1", "10.0.0.2", ""},
		{"unix", "198.51.100.7", "198.51.100.7"},
		{"unix", "", ""},
	} {
		var peer net.Addr = &net.UnixAddr{Net: "unix"}
		if c.peer != "unix" {
			peer = net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(c.peer), 1))
		}
		h := http.Header{}
		if c.forwarded != "" {
			h.Set("X-Forwarded-For", c.forwarded)
		}
		var want netip.Addr
		if c.want != "" {
			want = netip.MustParseAddr(c.want)
		}
		if got := speaksFor(peer, h, proxies); got != want {
			t.Errorf("%s with %q: %v, want %v", c.peer, c.forwarded, got, want)
		}
	}
}

// shot is what /connections.json shows.
type shot struct {
	Members []struct {
		Nick, Addr         string
		LoggedIn, Operator bool
		Rooms              []string
	}
	Rooms []struct{ Name string }
}

// connections waits until there are so many members.
func (c *chatting) connections(n int) (s shot) {
	c.t.Helper()
	for {
		status, body := get(c.t, c.admin+"connections.json", nil)
		if err := json.Unmarshal([]byte(strings.ReplaceAll(body, "logged_in", "LoggedIn")), &s); err != nil || status != 200 {
			c.t.Fatalf("%d, %v: %s", status, err, body)
		}
		if len(s.Members) == n {
			return s
		}
		s = shot{}
		if c.t.Context().Err() != nil {
			c.t.FailNow()
		}
	}
}

// Behind proxies members have the addresses that these say.
func TestChatProxies(t *testing.T) {
	p := startChat(t, "--proxies", "127.0.0.1", "--admin", "127.0.0.1:0")
	line := joinLines(t, p.urls[0])
	line.say("PROXY TCP4 192.0.2.7 192.0.2.8 4711 7000\r")
	line.hear("Welcome")
	web := surf(t, p.page, http.Header{"X-Forwarded-For": {"203.0.113.9, 198.51.100.7"}})
	web.say(`{"do":"hello","nick":"web"}`)
	web.hear(ev("entered", ""))
	s := p.connections(2)
	if s.Members[0].Addr != "192.0.2.7" || s.Members[1].Addr != "198.51.100.7" {
		t.Errorf("%+v", s)
	}
	p = startChat(t, "--web-proxies", "127.0.0.0/8", "--admin", "127.0.0.1:0")
	line = joinLines(t, p.urls[0]) // no PROXY header is wanted here
	line.hear("Welcome")
	web = surf(t, p.page, http.Header{"X-Forwarded-For": {"198.51.100.7"}})
	web.say(`{"do":"hello","nick":"web"}`)
	web.hear(ev("entered", ""))
	if s := p.connections(2); s.Members[0].Addr != "127.0.0.1" || s.Members[1].Addr != "198.51.100.7" {
		t.Errorf("%+v", s)
	}
	p = startChat(t, "--admin", "127.0.0.1:0")
	surf(t, p.page, http.Header{"X-Forwarded-For": {"198.51.100.7"}}).say(`{"do":"hello","nick":"web"}`)
	if s := p.connections(1); s.Members[0].Addr != "127.0.0.1" {
		t.Errorf("anybody may say who he is: %+v", s)
	}
}

// --admin shows who is there and how much is done, and nothing of it is at --web.
func TestChatAdmin(t *testing.T) {
	p := startChat(t, "--admin", "127.0.0.1:0")
	c := joinLines(t, p.urls[0])
	c.hear("you are in the room")
	if s := p.connections(1); s.Members[0].Nick != "guest1" || !slices.Equal(s.Members[0].Rooms, []string{"lobby"}) || s.Rooms[0].Name != "lobby" {
		t.Errorf("%+v", s)
	}
	_, body := get(t, p.admin+"metrics", nil)
	for _, want := range []string{"iomux_chat_members 1\n", "iomux_chat_members_logged_in 0\n", "iomux_chat_rooms 1\n", "iomux_connections_opened_total", "go_goroutines", `iomux_syscalls_total{call="read"}`} {
		if !strings.Contains(body, want) {
			t.Errorf("the metrics have no %s:\n%.2000s", want, body)
		}
	}
	for _, path := range []string{"healthz", "readyz"} {
		for _, base := range []string{p.page, p.admin} {
			if status, _ := get(t, base+path, nil); status != 200 {
				t.Errorf("%s%s: %d", base, path, status)
			}
		}
	}
	for _, url := range []string{p.page + "metrics", p.page + "connections.json", p.page + "debug/pprof/", p.admin + "debug/pprof/", p.admin} {
		if status, _ := get(t, url, nil); status != 404 {
			t.Errorf("%s: %d", url, status)
		}
	}
	if conn, _, err := dialChat(p.admin, "", nil); err == nil {
		conn.Close()
		t.Error("there is WebSocket at --admin")
	}
	p = startChat(t, "--admin", "127.0.0.1:0", "--pprof")
	if status, body := get(t, p.admin+"debug/pprof/goroutine?debug=1", nil); status != 200 || !strings.Contains(body, "goroutine profile") {
		t.Errorf("%d, %.100s", status, body)
	}
	if status, _ := get(t, p.page+"debug/pprof/", nil); status != 404 {
		t.Errorf("profiles for all: %d", status)
	}
}

// Without a URL the settings say where the chat is.
func TestChatHealth(t *testing.T) {
	socket := "unix://" + filepath.Join(t.TempDir(), "web")
	startChat(t, "--web", socket)
	plain, secure := startChat(t), startChat(t, "--tls-self-signed")
	port := func(p *chatting) string {
		u, err := url.Parse(p.page)
		if err != nil {
			t.Fatal(err)
		}
		return u.Port()
	}
	file := filepath.Join(t.TempDir(), "chat.toml")
	ask := func(web, more string) result {
		t.Helper()
		if err := os.WriteFile(file, fmt.Appendf(nil, "web = %q\nhistory = 7\n%s", web, more), 0o600); err != nil {
			t.Fatal(err)
		}
		return call(t, "", "chat", "health", "--config", file)
	}
	const secret = "tls-self-signed = true\n"
	for web, more := range map[string]string{
		socket:                      "",
		"127.0.0.1:" + port(plain):  "",
		"0.0.0.0:" + port(plain):    "",
		"127.0.0.1:" + port(secure): secret,
	} {
		if r := ask(web, more); r != (result{0, "200 OK\n", ""}) {
			t.Errorf("%q: %+v", web, r)
		}
	}
	check(t, ask("127.0.0.1:"+port(secure), ""), 1, []string{port(secure), "/healthz"})
	check(t, ask("off", ""), 2, []string{"--web is off", "URL"})
	check(t, ask("127.0.0.1:0", ""), 2, []string{"127.0.0.1:0", "URL"})
	check(t, ask(socket, "web-site = 1\n"), 2, []string{file, "web-site"})
	t.Setenv("IOMUX_CHAT_WEB", "127.0.0.1:"+port(plain))
	if r := ask("off", ""); r != (result{0, "200 OK\n", ""}) {
		t.Errorf("a variable comes before the file: %+v", r)
	}
}

// The end is announced to balancers, with time for them to see it.
func TestChatReadiness(t *testing.T) {
	p := startChat(t, "--drain-delay", "1m", "--admin", "127.0.0.1:0")
	if status, _ := get(t, p.page+"readyz", nil); status != 200 {
		t.Errorf("not ready: %d", status)
	}
	if r := call(t, "", "chat", "health", p.page+"readyz"); r != (result{0, "200 OK\n", ""}) {
		t.Errorf("%+v", r)
	}
	p.signal(syscall.SIGTERM)
	p.logged("not ready any more")
	check(t, call(t, "", "chat", "health", p.page+"readyz"), 1, []string{p.page + "readyz", "503"})
	for _, base := range []string{p.page, p.admin} {
		if status, _ := get(t, base+"readyz", nil); status != 503 {
			t.Errorf("%s: still ready: %d", base, status)
		}
		if status, _ := get(t, base+"healthz", nil); status != 200 {
			t.Errorf("%s: not healthy: %d", base, status)
		}
	}
	joinLines(t, p.urls[0]).hear("Welcome") // it still serves
	p.signal(syscall.SIGTERM)
	if status, _ := p.wait(); status != 1 && status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// A Unix socket for who runs the server is for nobody else, whatever those for members
// are.
func TestChatAdminSocket(t *testing.T) {
	dir := shortDir(t)
	p := startChat(t, "--mode", "0666", "--listen", "unix://"+dir+"/chat.sock", "--admin", "unix://"+dir+"/admin.sock")
	if p.admin != "unix://"+dir+"/admin.sock" {
		t.Errorf("it said %q", p.admin)
	}
	for name, want := range map[string]fs.FileMode{"chat.sock": 0o666, "admin.sock": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// A client that takes its time to ask is not waited for.
func TestChatHandshakeTimeout(t *testing.T) {
	p := startChat(t, "--handshake-timeout", "200ms", "--listen-json", "tcp://127.0.0.1:0")
	web := dial(t, strings.Trim(strings.TrimPrefix(p.page, "http://"), "/"))
	if _, err := io.WriteString(web, "GET / HTTP/1.1\r\nHo"); err != nil {
		t.Fatal(err)
	}
	object := joinLines(t, p.urls[1])
	line := joinLines(t, p.urls[0])
	closed(t, dial(t, strings.Trim(strings.TrimPrefix(p.page, "http://"), "/")))
	closed(t, web)
	closed(t, object.conn)
	line.say("still here")
	line.hear("you are in the room")
}

// The page's port speaks TLS as all others do, and says so.
func TestChatTLS(t *testing.T) {
	p := startChat(t, "--tls-self-signed")
	if !strings.HasPrefix(p.page, "https://127.0.0.1:") || !strings.HasPrefix(p.urls[0], "tls://") {
		t.Fatalf("it said %q, %q", p.page, p.urls)
	}
	if want := fmt.Sprintf("join with: iomux connect --fingerprint %s %s", p.fingerprint, strings.Replace(p.urls[0], "tls://", "chats://", 1)); p.join != want {
		t.Errorf("it said %q", p.join)
	}
	if status, body := get(t, p.page, nil); status != 200 || !strings.Contains(body, "<title>") {
		t.Errorf("%d, %.100s", status, body)
	}
	c := surf(t, p.page, nil)
	c.say(`{"do":"hello","nick":"ann"}`)
	c.hear(ev("entered", ""))
	r := call(t, "/quit\n", "connect", "--fingerprint", p.fingerprint, p.urls[0])
	if r.status != 0 || !strings.Contains(r.stdout, "Welcome") {
		t.Errorf("%+v", r)
	}
}

// What the chat has for WebSocket clients are frames of an object each.
func TestFramed(t *testing.T) {
	e := &chat.Event{Kind: chat.Said, Room: "lobby", Nick: "ann", Text: "hello"}
	object := strings.TrimSuffix(string(chat.JSON{}.Encode(nil, e)), "\n")
	if got, want := (framed{}).Encode([]byte("x"), e), websocket.AppendText([]byte("x"), []byte(object)); string(got) != string(want) {
		t.Errorf("got %q, want %q", got, want)
	}
	c, used, err := framed{}.Decode([]byte(`{"do":"say","text":"hello"}`), false)
	if err != nil || c.Name != "say" || c.Text != "hello" || used == 0 {
		t.Errorf("%+v, %d, %v", c, used, err)
	}
	if traits := (framed{}).Traits(); !traits.Alive || !traits.Echo || !traits.Hello {
		t.Errorf("%+v", traits)
	}
}

// A browser's requests come behind each other on one connection.
func TestChatKeepsConnections(t *testing.T) {
	p := startChat(t)
	conn := dial(t, strings.Trim(strings.TrimPrefix(p.page, "http://"), "/"))
	in := bufio.NewReader(conn)
	for _, path := range []string{"/healthz", "/", "/favicon.ico", "/readyz"} {
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode >= 500 {
			t.Errorf("%s: %s, %v", path, answer.Status, err)
		}
	}
}
