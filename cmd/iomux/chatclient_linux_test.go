package main

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/servers/chat"
)

var (
	black    = []string{"NO_COLOR=", "TERM=dumb"}
	coloured = []string{"NO_COLOR=", "TERM=xterm"}
)

// onChat runs the client on a terminal without colours, as ann.
func onChat(t *testing.T, url string, args ...string) *terminal {
	t.Helper()
	term := onTerminalIn(t, black, nil, append([]string{"connect", "--nick", "ann", url}, args...)...)
	term.shows("ann@lobby> ")
	return term
}

// The prompt shows who and where one is; a line that comes does not tear the one being
// edited; what is typed is sent.
func TestChatClientOnATerminal(t *testing.T) {
	url, _ := hostChat(t, chat.Options{})
	term := onTerminalIn(t, black, nil, "connect", url)
	term.shows("guest1@lobby> ")
	bob := joinLines(t, url)
	bob.say("/nick bob")
	bob.hear("you are called bob")
	term.types("/nick ann\r")
	term.shows("ann@lobby> ")
	term.types("hel")
	term.shows("l")
	bob.say("good morning")
	term.shows("[lobby] bob: good morning\r\nann@lobby> hel")
	term.types("lo\r")
	bob.hear("[lobby] ann: hello")
	term.types("\x1b[A!\r") // up
	bob.hear("[lobby] ann: hello!")
	term.types("/join work\r")
	term.shows("ann@work> ")
	term.types("/jo\tLOB\t\r") // where one is already
	term.types("b\tyes?\r")
	bob.hear("[lobby] ann: bob: yes?")
	term.types("/login ann secret\r")
	term.shows("nothing to log in to")
	term.types("\x1b[A\r") // not the login
	bob.hear("[lobby] ann: bob: yes?")
	term.types("/m\t")
	term.shows("-- me msg\r\n")
	term.types("\x15\x04")
	bob.hear("ann has left")
	term.ends(0)
	term.shows("-- the connection has ended\r\n")
	if strings.Contains(term.screen.String(), "\x1b[2m") || strings.Contains(term.screen.String(), "\a") {
		t.Errorf("there are colours, or a bell: %q", term.screen.String())
	}
}

// One Ctrl-C empties the line, two leave.
func TestChatClientInterrupted(t *testing.T) {
	url, _ := hostChat(t, chat.Options{})
	bob := joinLines(t, url)
	bob.hear("you are in the room")
	term := onChat(t, url)
	term.types("nonsense\x03")
	term.shows("-- Ctrl-C once more, or Ctrl-D, leaves\r\n")
	term.types("sense\r")
	bob.hear("[lobby] ann: sense")
	term.types("\x03\x03")
	bob.hear("ann has left")
	term.ends(0)
}

func TestChatClientQuits(t *testing.T) {
	url, _ := hostChat(t, chat.Options{})
	bob := joinLines(t, url)
	bob.hear("you are in the room")
	term := onChat(t, url)
	term.types("/QUIT tired\r")
	bob.hear("ann has left: tired")
	term.ends(0)
	term.shows("-- the connection has ended\r\n")
}

// A server that nobody has asked to go, and goes, is a failure.
func TestChatClientAtTheEnd(t *testing.T) {
	url, end := hostChat(t, chat.Options{})
	term := onChat(t, url)
	end()
	term.shows("iomux connect: ")
	term.ends(1)

	url = "chat" + strings.TrimPrefix(serveOne(t, func(conn *net.TCPConn) {
		if _, err := io.WriteString(conn, "** bye\r\n"); err != nil {
			t.Error(err)
		}
	}), "tcp")
	term = onTerminalIn(t, black, nil, "connect", url)
	term.shows("** bye\r\n")
	term.shows("iomux connect: the server has ended the connection")
	term.ends(1)
}

// A line that is too long for the server is not sent: it would end the connection.
func TestChatClientLongLine(t *testing.T) {
	url, _ := hostChat(t, chat.Options{})
	term := onChat(t, url)
	term.types(strings.Repeat("ä", 2100) + "\r")
	term.shows("-- not sent: a line may have 4096 bytes, and that one has 4200\r\n")
	term.types("/who\r")
	term.shows("here are 1: ann")
	term.types("\x04")
	term.ends(0)
}

func TestChatClientColors(t *testing.T) {
	url, _ := hostChat(t, chat.Options{})
	for _, c := range []struct {
		name    string
		env     []string
		args    []string
		colours bool
	}{
		{"of a terminal", coloured, nil, true},
		{"NO_COLOR", []string{"NO_COLOR=1", "TERM=xterm"}, nil, false},
		{"a dumb one", black, nil, false},
		{"never", coloured, []string{"--color", "never"}, false},
		{"always", []string{"NO_COLOR=1", "TERM=dumb"}, []string{"--color", "always"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			bob := joinLines(t, url)
			bob.say("/nick bob")
			bob.hear("called bob")
			term := onTerminalIn(t, c.env, nil, append([]string{"connect", "--nick", "ann", url}, c.args...)...)
			term.shows("ann@lobby> ")
			bob.say("hello Ann! \x1b[31m")
			term.types("/frob\r")
			p := painter{colors: c.colours}
			for _, line := range []string{"[lobby] bob: hello Ann! [31m", "** !! there is no command frob; /help lists them", "** you are called ann now"} {
				l := parseChatLine(line)
				term.shows(p.line(&l, "ann") + "\r\n")
			}
			term.types("\x04")
			bob.hear("ann has left")
			term.ends(0)
			bob.say("/quit")
			bob.ends()
		})
	}
}

// Nothing that a server sends does anything to the terminal, is it in a name that goes
// into the prompt or in a line that does not end.
func TestChatClientAbused(t *testing.T) {
	attack := "\x1b]0;owned\a\u009b31m\u202egnp.exe"
	url := "chat" + strings.TrimPrefix(serveOne(t, func(conn *net.TCPConn) {
		lines := "** Welcome to x. You are " + attack + "; /nick\r\n" +
			"** you are called " + attack + " now\r\n[" + attack + "] ** you are in the room, with 1 other: " + attack + ". /part leaves it.\r\n" +
			"[lobby] " + attack + ": " + attack + "\r\n-> " + attack + ", from " + attack + ": x\r\n"
		if _, err := io.WriteString(conn, lines+strings.Repeat("\x1b[5m", 100_000)); err != nil {
			t.Error(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Error(err)
		}
	}), "tcp")
	term := onTerminalIn(t, coloured, nil, "connect", url)
	for range 2 {
		term.shows(`\x1b]0;owned\x07\u009b31m\u202egnp.exe`)
		term.shows(`\x1b[5m\x1b[5m` + "\\\r\n") // cut
	}
	term.types("\x04")
	term.ends(0)
	screen := term.screen.String()
	if n := strings.Count(screen, `\x1b[5m`); n < 99_900 { // but for those that a piece ends in
		t.Errorf("%d of 100000 came", n)
	}
	for _, bad := range []string{"\x1b]", "\a", "\u009b", "\u202e", "\x1b[5m", "\x1b[31m"} {
		if strings.Contains(screen, bad) {
			t.Errorf("%q got through", bad)
		}
	}
}

// The beginning of a line whose end does not come is shown, and what comes then is no
// line of its own.
func TestChatClientShowsPartialLines(t *testing.T) {
	shown := make(chan struct{})
	url := "chat" + strings.TrimPrefix(serveOne(t, func(conn *net.TCPConn) {
		if _, err := io.WriteString(conn, "[lobby] eve: a"); err != nil {
			t.Error(err)
		}
		<-shown
		if _, err := io.WriteString(conn, "** you are called fool now\r\n** bye\r\n"); err != nil {
			t.Error(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Error(err)
		}
	}), "tcp")
	term := onTerminalIn(t, black, nil, "connect", url)
	term.shows("[lobby] eve: a\\\r\n")
	close(shown)
	term.shows("** bye\r\n> ") // and not fool>
	term.types("\x04")
	term.ends(0)
}

func TestChatClientResized(t *testing.T) {
	url, _ := hostChat(t, chat.Options{})
	bob := joinLines(t, url)
	bob.hear("you are in the room")
	term := onChat(t, url)
	term.types(strings.Repeat("x", 30))
	term.shows("xxx")
	before := len(term.screen.String())
	if err := unix.IoctlSetWinsize(int(term.slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 5, Col: 20}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); !strings.Contains(term.screen.String()[before:], "ann@lobby> "+strings.Repeat("x", 9)+"\r\n"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the line was not drawn for its new width: %q", term.screen.String()[before:])
		}
	}
	term.types("\r")
	bob.hear("ann: " + strings.Repeat("x", 30))
	term.types("\x04")
	term.ends(0)
}

// A secret is asked for where nobody sees it, and one is in before one says who else one
// wants to be, and where.
func TestChatClientLogin(t *testing.T) {
	url, _ := hostChat(t, chat.Options{Auth: onlyAnn{}, RequireLogin: true})
	for _, c := range []struct {
		name, secret string
		stdin        io.Reader
		shows        string
		status       int
	}{
		{"on a terminal", "open sesame\r", nil, "ann@work> ", 0},
		{"in a pipe", "open sesame\r", strings.NewReader("/who\n"), "[work] ** here are 1: ann\r\n", 0},
		{"with a wrong one", "open barley\r", nil, "** !! wrong name or secret", 0},
		{"with a wrong one in a pipe", "open barley\r", strings.NewReader("/who\n"), "the login has failed: wrong name or secret", 1},
		{"with none", "\r", nil, "no secret was typed", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			term := onTerminalIn(t, black, c.stdin, "connect", "--login", "ann", "--room", "work", url)
			term.shows("Secret for ann: ")
			hidden(t, term)
			term.types(c.secret)
			term.shows(c.shows)
			if c.stdin == nil && c.status == 0 {
				term.types("\x04")
			}
			term.ends(c.status)
			if screen := term.screen.String(); strings.Contains(screen, "sesame") || strings.Contains(screen, "barley") || c.status == 1 && strings.Contains(screen, "here are") {
				t.Errorf("the terminal got %q", screen)
			}
		})
	}
}

// hidden waits until a terminal does not show what is typed.
func hidden(t *testing.T, term *terminal) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		mode, err := unix.IoctlGetTermios(int(term.slave.Fd()), unix.TCGETS)
		if err != nil || time.Now().After(end) {
			t.Fatalf("%+v, %v", mode, err)
		}
		if mode.Lflag&unix.ECHO == 0 {
			return
		}
	}
}

// A signal while a secret is typed leaves a terminal that shows what is typed.
func TestChatClientLoginInterrupted(t *testing.T) {
	term := onTerminal(t, nil, "connect", "--login", "ann", "chat://"+deadPort(t))
	term.shows("Secret for ann: ")
	hidden(t, term)
	term.types("\x03")
	term.ends(1)
}

// A connection that is lost is made again, with the name and the rooms one had; a line
// that cannot be sent meanwhile is not lost silently.
func TestChatClientReconnects(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accept := func(lines string) (net.Conn, *bufio.Reader) {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, lines); err != nil {
			t.Fatal(err)
		}
		return conn, bufio.NewReader(conn)
	}
	hears := func(r *bufio.Reader, lines ...string) {
		t.Helper()
		for _, want := range lines {
			if line, err := r.ReadString('\n'); line != want+"\n" || err != nil {
				t.Fatalf("it sent %q, %v; want %q", line, err, want)
			}
		}
	}
	const (
		welcome = "** Welcome to x. You are guest1; /nick\r\n"
		lobby   = "[lobby] ** you are in the room, with nobody else. /part leaves it.\r\n"
		work    = "[work] ** you are in the room, with nobody else. /part leaves it.\r\n"
	)
	term := onTerminalIn(t, black, nil, "connect", "--reconnect", "--room", "work", "chat://"+l.Addr().String())
	conn, in := accept(welcome + lobby + work + "** you are called ann now\r\n")
	hears(in, "/join work")
	term.shows("ann@work> ")
	term.types("/join lobby\r")
	hears(in, "/join lobby")
	term.shows("ann@lobby> ")
	conn.Close()
	term.shows("-- the server has ended the connection; connecting again in ")
	term.types("hello\r")
	term.shows("-- not connected: that was not sent\r\n")
	conn, in = accept(welcome + lobby + work)
	defer conn.Close()
	term.shows("-- connected again\r\n")
	hears(in, "/nick ann", "/join work", "/join lobby")
	term.shows("[work] ** you are in the room, with nobody else. /part leaves it.\r\nguest1@lobby> ")
	term.types("here\r")
	hears(in, "here")
	conn.Close()
	term.shows("(not connected)> ")
	term.types("/quit\r")
	term.ends(0)
}
