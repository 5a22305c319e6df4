//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// chatting is a running iomux chat.
type chatting struct {
	*process
	page, admin, join string
}

// startChat runs iomux chat at free ports: a listener of lines and the page, unless args
// say otherwise.
func startChat(t *testing.T, args ...string) *chatting {
	t.Helper()
	return runChat(t, program(t, chatArgs(args...)...))
}

func chatArgs(args ...string) []string {
	all := append([]string{"chat"}, args...)
	if !slices.Contains(args, "--listen") {
		all = append(all, "--listen", "tcp://127.0.0.1:0")
	}
	if !slices.Contains(args, "--web") {
		all = append(all, "--web", "127.0.0.1:0")
	}
	return all
}

// runChat waits until a chat has said where it is. The last word is how to join.
func runChat(t *testing.T, cmd *exec.Cmd) *chatting {
	t.Helper()
	c := &chatting{process: start(t, cmd, 0)}
	for c.join == "" {
		line, err := c.out.ReadString('\n')
		if err != nil {
			t.Fatalf("it ended with %q, %v; log:\n%s", line, err, c.log.String())
		}
		line = strings.TrimSuffix(line, "\n")
		what, rest, _ := strings.Cut(line, " ")
		switch what {
		case "fingerprint":
			c.fingerprint = rest
		case "listening":
			c.urls = append(c.urls, rest)
		case "page":
			c.page = rest
		case "admin":
			c.admin = rest
		default:
			c.join = line
		}
	}
	return c
}

// talker is a client of lines.
type talker struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func joinLines(t *testing.T, url string) *talker {
	t.Helper()
	_, address, _ := strings.Cut(url, "://")
	conn := dial(t, address)
	return &talker{t, conn, bufio.NewReader(conn)}
}

func (c *talker) say(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

// hear waits for a line that has a text.
func (c *talker) hear(text string) string {
	c.t.Helper()
	var before strings.Builder
	for {
		line, err := c.in.ReadString('\n')
		if strings.Contains(line, text) {
			return strings.TrimRight(line, "\r\n")
		}
		before.WriteString(line)
		if err != nil {
			c.t.Fatalf("%q never came, %v; but\n%s", text, err, before.String())
		}
	}
}

// ends waits for the end.
func (c *talker) ends() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.in); err != nil {
		c.t.Errorf("not closed in order: %q, %v", rest, err)
	}
}

// surfer is a WebSocket client.
type surfer struct {
	t    *testing.T
	conn net.Conn
	in   io.ReadWriter
}

// dialChat connects to the page's WebSocket, as a browser on a page of origin would.
func dialChat(page, origin string, more http.Header) (net.Conn, io.Reader, error) {
	h := http.Header{}
	if origin != "" {
		h.Set("Origin", origin)
	}
	for name, values := range more {
		h[name] = values
	}
	d := ws.Dialer{Timeout: patience, Header: ws.HandshakeHeaderHTTP(h), TLSConfig: &tls.Config{InsecureSkipVerify: true}}
	url := "ws" + strings.TrimPrefix(page, "http") + "chat"
	host := h.Get("Host")
	if host != "" {
		h.Del("Host")
		d.Host = host
	}
	conn, buffered, _, err := d.Dial(context.Background(), url)
	if err != nil {
		return nil, nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, nil, err
	}
	var in io.Reader = conn
	if buffered != nil {
		in = buffered // what has come behind the answer
	}
	return conn, in, nil
}

func surf(t *testing.T, page string, more http.Header) *surfer {
	t.Helper()
	conn, in, err := dialChat(page, strings.TrimSuffix(page, "/"), more)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &surfer{t, conn, struct {
		io.Reader
		io.Writer
	}{in, conn}}
}

func (c *surfer) say(object string) {
	c.t.Helper()
	if err := wsutil.WriteClientText(c.conn, []byte(object)); err != nil {
		c.t.Fatal(err)
	}
}

// spoken is an object of the chat's, as docs/chat.md has them.
type spoken struct {
	Ev, Room, Nick, Text, Code, By, To string
	Seq                                uint64
	Old                                bool
}

// hear waits for an object that is right.
func (c *surfer) hear(right func(spoken) bool) spoken {
	c.t.Helper()
	for {
		p, err := wsutil.ReadServerText(c.in)
		if err != nil {
			c.t.Fatalf("what was waited for never came: %v", err)
		}
		var s spoken
		if err := json.Unmarshal(p, &s); err != nil || strings.HasSuffix(string(p), "\n") {
			c.t.Fatalf("%v: %q", err, p)
		}
		if right(s) {
			return s
		}
	}
}

func ev(kind, text string) func(spoken) bool {
	return func(s spoken) bool { return s.Ev == kind && strings.Contains(s.Text, text) }
}

// get is the page at a URL.
func get(t *testing.T, url string, more http.Header) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = more.Get("Host")
	for name, values := range more {
		r.Header[name] = values
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	answer, err := (&http.Client{Transport: transport, Timeout: patience}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// Clients of lines, of JSON and of WebSocket meet in one room, are told of the end, and
// the server says first where they find it.
func TestChatTogether(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		p := startChat(t, "--listen-json", "tcp://127.0.0.1:0", "--backend", backend, "--motd", "Be kind.", "--name", "cellar")
		if len(p.urls) != 2 || !strings.HasPrefix(p.page, "http://127.0.0.1:") || p.admin != "" {
			t.Fatalf("it said %+v", p)
		}
		if want := "join with: nc 127.0.0.1 " + p.urls[0][strings.LastIndexByte(p.urls[0], ':')+1:]; p.join != want {
			t.Errorf("it said %q, want %q", p.join, want)
		}
		if status, body := get(t, p.page, nil); status != http.StatusOK || !strings.Contains(body, "<title>cellar</title>") {
			t.Errorf("the page: %d, %.200s", status, body)
		}
		ann := joinLines(t, p.urls[0])
		ann.hear("Welcome to cellar")
		ann.hear("Be kind.")
		ann.say("/nick ann")
		ann.hear("ann")
		bob := surf(t, p.page, nil)
		bob.say("{\n  \"do\": \"hello\",\n  \"nick\": \"bob\"\n}")
		bob.hear(ev("welcome", "Be kind."))
		bob.hear(ev("entered", ""))
		ann.hear("bob has joined")
		cid := joinLines(t, p.urls[1])
		cid.say(`{"do":"hello","nick":"cid"}`)
		cid.hear(`"entered"`)
		bob.hear(ev("joined", ""))

		ann.say("hello from nc")
		bob.hear(ev("said", "hello from nc"))
		cid.hear("hello from nc")
		bob.say(`{"do":"say","room":"lobby","text":"hello from a page","id":"7f3"}`)
		if got := ann.hear("a page"); got != "[lobby] bob: hello from a page" {
			t.Errorf("ann heard %q", got)
		}
		bob.hear(ev("said", "a page")) // its own

		p.signal(syscall.SIGTERM)
		ann.hear(goodbye)
		cid.hear(goodbye)
		bob.hear(ev("notice", goodbye))
		_, err := wsutil.ReadServerText(bob.in)
		if closed := new(wsutil.ClosedError); !errors.As(err, closed) || closed.Code != ws.StatusGoingAway {
			t.Errorf("the page was hung up on with %v", err)
		}
		ann.ends()
		cid.ends()
		if status, rest := p.wait(); status != 0 || rest != "" {
			t.Errorf("exit status %d, %q; log:\n%s", status, rest, p.log.String())
		}
	})
}

// --compat is the chat of the tutorials, and --own-lines has one hear oneself.
func TestChatFormats(t *testing.T) {
	p := startChat(t, "--compat", "--web", "off")
	if p.page != "" {
		t.Errorf("there is a page: %s", p.page)
	}
	c := joinLines(t, p.urls[0])
	if _, err := io.WriteString(c.conn, "  all hear this \n"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len("all hear this"))
	if _, err := io.ReadFull(c.in, got); err != nil || string(got) != "all hear this" {
		t.Errorf("got %q, %v", got, err)
	}
	p = startChat(t, "--own-lines")
	c = joinLines(t, p.urls[0])
	c.say("an echo")
	c.hear("guest1: an echo")
}

// A WebSocket client that sends what is no text, too much or no JSON is told so.
func TestChatBadMessages(t *testing.T) {
	p := startChat(t)
	for _, c := range []struct {
		name string
		op   ws.OpCode
		text string
		code ws.StatusCode
	}{
		{"binary", ws.OpBinary, `{"do":"rooms"}`, ws.StatusUnsupportedData},
		{"too long", ws.OpText, strings.Repeat(" ", messageLimit+1), ws.StatusMessageTooBig},
		{"no JSON", ws.OpText, "hello", ws.StatusNormalClosure},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := surf(t, p.page, nil)
			if err := wsutil.WriteClientMessage(s.conn, c.op, []byte(c.text)); err != nil {
				t.Fatal(err)
			}
			for {
				_, err := wsutil.ReadServerText(s.in)
				if err == nil {
					continue
				}
				if closed := new(wsutil.ClosedError); !errors.As(err, closed) || closed.Code != c.code {
					t.Errorf("got %v, want %d", err, c.code)
				}
				return
			}
		})
	}
}
