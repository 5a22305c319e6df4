//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"

	"example.com/iomux/reactor"
	"example.com/iomux/servers/chat"
)

// hostChat is a chat in this process, and how to end it.
func hostChat(t *testing.T, o chat.Options) (url string, end func()) {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	group, err := reactor.Open(reactor.Options{Loops: 1, Logger: o.Logger})
	if err != nil {
		t.Fatal(err)
	}
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		// Who does not leave is put out.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = group.Shutdown(ctx) // it says that some were
	}
	t.Cleanup(end)
	server, err := chat.New(group, o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := group.Listen("tcp://127.0.0.1:0", server.Handler(chat.Lines{}), reactor.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return "chat://" + l.Addr().String(), end
}

// onlyAnn lets ann in, whose secret is "open sesame".
type onlyAnn struct{}

func (onlyAnn) Check(name, secret string) (chat.Account, error) {
	if name == "ann" && secret == "open sesame" {
		return chat.Account{Name: "ann"}, nil
	}
	return chat.Account{}, chat.ErrLogin
}

func (onlyAnn) Reserved(nick string) bool { return nick == "ann" }

// In a pipe the answer to what is sent is what is printed, and nothing else.
func TestChatClientInAPipe(t *testing.T) {
	url, _ := hostChat(t, chat.Options{})
	const entered = "[lobby] ** you are in the room, with nobody else. /part leaves it.\n"
	r := call(t, "/who\n", "connect", url)
	want := "** Welcome to iomux. You are guest1; /nick NAME changes that, /help lists what there is.\n" +
		entered + "[lobby] ** here are 1: guest1\n"
	if r != (result{0, want, ""}) {
		t.Errorf("%+v, want %q", r, want)
	}

	r = call(t, "/who", "connect", "--nick", "ann", "--room", "#work", url)
	for _, want := range []string{"** you are called ann now\n", "[work] ** you are in the room, ", "[work] ** here are 1: ann\n"} {
		if r.status != 0 || r.stderr != "" || !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in %+v", want, r)
		}
	}
	if r = call(t, "/nick bob\nhello\n/quit", "connect", "--color", "always", url); r.status != 0 || !strings.Contains(r.stdout, "\x1b[2m** you are called bob now\x1b[0m\n") {
		t.Errorf("with colours: %+v", r)
	}
}

// What comes does nothing to whoever looks at it later, and a line need not end.
func TestChatClientInAPipeIsHarmless(t *testing.T) {
	for _, c := range []struct{ color, want string }{
		{"auto", `[lobby] eve: \x1b[2J\u202egnp` + "\n" + `** !! \x07` + "\nend"},
		{"always", "\x1b[2m[lobby] \x1b[0m" + nickColor("eve") + `eve` + "\x1b[0m" + `: \x1b[2J\u202egnp` + "\n\x1b[31m" + `** !! \x07` + "\x1b[0m\nend"},
	} {
		url := serveOne(t, func(conn *net.TCPConn) {
			if _, err := io.WriteString(conn, "[lobby] eve: \x1b[2J\u202egnp\r\n** !! \a\r\nend"); err != nil {
				t.Error(err)
			}
			if in, err := io.ReadAll(conn); err != nil || string(in) != "\x00as it is\r\n" {
				t.Errorf("it got %q, %v", in, err)
			}
		})
		url = "chat" + strings.TrimPrefix(url, "tcp")
		if r := call(t, "\x00as it is\r\n", "connect", "--color", c.color, url); r != (result{0, c.want, ""}) {
			t.Errorf("%s: %+v, want %q", c.color, r, c.want)
		}
	}
}

func TestChatClientOverTLS(t *testing.T) {
	p := startChat(t, "--tls-self-signed")
	url := "chats" + strings.TrimPrefix(p.urls[0], "tls")
	r := call(t, "/who\n", "connect", "--fingerprint", p.fingerprint, url)
	if r.status != 0 || r.stderr != "" || !strings.HasSuffix(r.stdout, "[lobby] ** here are 1: guest1\n") {
		t.Errorf("%+v", r)
	}
	check(t, call(t, "", "connect", url), 1, []string{"cannot speak TLS", "--fingerprint"})
}

// Without a terminal there is nobody to ask for a secret, and the input is not it.
func TestChatClientLoginWithoutATerminal(t *testing.T) {
	cmd := program(t, "connect", "--login", "ann", "chat://127.0.0.1:1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	check(t, finish(t, cmd, "open sesame\n"), 2, []string{"--login", "/login NAME SECRET"})
}
