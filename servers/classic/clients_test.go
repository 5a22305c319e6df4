//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"example.com/iomux/servers/socketserver"
)

// talk is what one says to a server of connections, and what it answers.
type talk struct {
	server, flags string
	opens         string // what it says first
	ask, answer   string // a message and its answer
	ends          bool   // behind the answer it ends
	silent        string // what a client hears that ends without a word
	asMany        string // an answer to three messages in one, with no word behind
	pieces        bool   // a message may come in pieces
	streams       bool   // there may be any number of messages
}

const (
	greets = "connection <SERVER-HOST>:<SERVER-PORT> at <CTIME> succeed!"
	packed = "\x01\x00\x00\x00ab\x00\x00\xcd\xcc\x2c\x40"
)

var talks = []talk{
	{server: "bare", ends: true},
	{server: "binary", ask: packed, ends: true, pieces: true},
	{server: "chat", ask: "hi\n", answer: "hi\n", asMany: "hi\nhi\nhi\n", pieces: true, streams: true},
	{server: "echo", ask: "hello", answer: "hello", asMany: "hellohellohello", pieces: true, streams: true},
	{server: "fork", ask: "hello", answer: "<PID>: hello", ends: true, silent: "<PID>: ", asMany: "<PID>: hellohellohello"},
	{server: "greeting", opens: greets, ask: "one\n", answer: "one\n", asMany: "one\none\none\n", pieces: true, streams: true},
	{server: "greeting", flags: "-nl", opens: greets + "\n", ask: "one\n", answer: "one\n", asMany: "one\none\none\n", pieces: true, streams: true},
	{server: "logged", ask: "hello", answer: "hello", ends: true, asMany: "hellohellohello"},
	{server: "menu", opens: menuGreeting, ask: "0\r\n", answer: menuHuman, asMany: menuHuman + menuHuman + menuHuman, pieces: true, streams: true},
	{server: "menu", flags: "-exact", opens: menuGreeting, ask: "0", answer: menuHuman, asMany: menuAgain, streams: true},
	{server: "quit", ask: "hello\n", answer: "hello\n", asMany: "hello\nhello\nhello\n", pieces: true, streams: true},
	{server: "thread", ask: "hello", answer: "Thread-<N>: hello", ends: true, silent: "Thread-<N>: ", asMany: "Thread-<N>: hellohellohello"},
	{server: "timestamp", ask: "hello\n", answer: "[<CTIME>] hello\n", ends: true, silent: "[<CTIME>] ", asMany: "[<CTIME>] hello\n", pieces: true},
	{server: "timestamp", flags: "-py3repr", ask: "hello\n", answer: `[<CTIME>] b'hello\n'`, ends: true, silent: "[<CTIME>] b''", asMany: `[<CTIME>] b'hello\n'`, pieces: true},
	{server: "upper", ask: "hello\n", answer: "HELLO", ends: true, asMany: "HELLO", pieces: true},
	{server: "upper", flags: "-exact", ask: "hello\n", answer: "HELLO", ends: true, asMany: "HELLO\nHELLO\nHELLO"},
}

// eachTalk runs a test of all servers of connections, everywhere.
func eachTalk(t *testing.T, test func(t *testing.T, w talk, s *Server, m socketserver.Mode)) {
	for _, w := range talks {
		t.Run(w.server+w.flags, func(t *testing.T) {
			everywhere(t, w.server, func(t *testing.T, o Options) {
				test(t, w, begin(t, w.server, o, strings.Fields(w.flags)...), o.Mode)
			})
		})
	}
}

// good says the message and hears the answer, and the end that one of both makes.
func (w talk) good(t *testing.T, s *Server) {
	t.Helper()
	c := dial(t, s, 0)
	if w.ask != "" {
		say(t, c, w.ask)
	}
	if !w.ends {
		closeWrite(t, c)
	}
	hearAll(t, c, w.opens+w.answer)
	_ = c.Close() // what matters was heard
}

func TestGoodClients(t *testing.T) {
	eachTalk(t, func(t *testing.T, w talk, s *Server, _ socketserver.Mode) {
		for range 3 {
			w.good(t, s)
		}
	})
}

// A client that ends without a word is a client like others.
func TestSilentClients(t *testing.T) {
	eachTalk(t, func(t *testing.T, w talk, s *Server, _ socketserver.Mode) {
		c := dial(t, s, 0)
		closeWrite(t, c)
		hearAll(t, c, w.opens+w.silent)
		_ = c.Close()
		w.good(t, s)
	})
}

// A client that resets its connection ends nothing else, at whatever point it does.
func TestResets(t *testing.T) {
	eachTalk(t, func(t *testing.T, w talk, s *Server, _ socketserver.Mode) {
		for n := range len(w.ask) + 1 {
			if w.server == "chat" && n == len(w.ask) {
				break // all would hear it
			}
			c := dialTCP(t, s)
			if n > 0 {
				say(t, c, w.ask[:n])
			}
			reset(t, c)
		}
		c := dialTCP(t, s)
		if w.ends {
			// The answer may be on its way.
			if w.ask != "" {
				say(t, c, w.ask)
			}
			reset(t, c)
		} else {
			closeWrite(t, c)
			reset(t, c)
		}
		w.good(t, s)
	})
}

// The network cuts messages as it likes.
func TestPieces(t *testing.T) {
	eachTalk(t, func(t *testing.T, w talk, s *Server, _ socketserver.Mode) {
		if !w.pieces {
			t.Skip("each read is a message")
		}
		c := dialTCP(t, s)
		for i := range w.ask {
			say(t, c, w.ask[i:i+1])
		}
		if !w.ends {
			closeWrite(t, c)
		}
		hearAll(t, c, w.opens+w.answer)
	})
}

// Messages may come faster than their answers go.
func TestPipelined(t *testing.T) {
	eachTalk(t, func(t *testing.T, w talk, s *Server, _ socketserver.Mode) {
		c := dial(t, s, 0)
		if w.ask != "" {
			say(t, c, strings.Repeat(w.ask, 3))
		}
		if !w.ends {
			closeWrite(t, c)
		}
		hearAll(t, c, w.opens+w.asMany)
		_ = c.Close()
		w.good(t, s)
	})
}

// Who sends without reading holds up nobody but itself.
func TestSlowReaders(t *testing.T) {
	eachTalk(t, func(t *testing.T, w talk, s *Server, m socketserver.Mode) {
		switch {
		case !w.streams:
			t.Skip("a client says one thing only")
		case m == socketserver.Sync:
			t.Skip("this mode has one client at a time")
		case w.server == "chat":
			t.Skip("what it says goes to others, too")
		}
		c := dial(t, s, 0)
		over := make(chan struct{})
		go func() {
			defer close(over)
			for chunk := strings.Repeat(w.ask, 1<<12); ; {
				if _, err := io.WriteString(c, chunk); err != nil {
					return // it is closed
				}
			}
		}()
		for range 3 {
			w.good(t, s)
		}
		_ = c.Close()
		<-over
	})
}

// Many clients at once all get what is theirs.
func TestHundredClients(t *testing.T) {
	eachTalk(t, func(t *testing.T, w talk, s *Server, m socketserver.Mode) {
		if w.server == "chat" {
			t.Skip("each hears all the others")
		}
		clients := 100
		if m == socketserver.Forking {
			clients = 8 // and as many processes
		}
		var all sync.WaitGroup
		for range clients {
			c := dial(t, s, 0)
			all.Go(func() {
				if w.ask != "" {
					if _, err := io.WriteString(c, w.ask); err != nil {
						t.Error(err)
					}
				}
				if !w.ends {
					if err := c.(*net.TCPConn).CloseWrite(); err != nil {
						t.Error(err)
					}
				}
				checkAll(t, c, w.opens+w.answer)
			})
		}
		all.Wait()
	})
}

// Whoever never ends its line is let go, and has no answer; one that just fits has.
func TestLongLines(t *testing.T) {
	for _, test := range []struct {
		server, flags string
		limit         int // with the end of the line
		answer        func(line string) string
	}{
		{"timestamp", "", lineLimit, func(line string) string { return "[<CTIME>] " + line }},
		{"upper", "", lineLimit, func(line string) string { return strings.ToUpper(strings.TrimSpace(line)) }},
		{"chat", "", saidLimit + 1, func(line string) string { return line }},
	} {
		t.Run(test.server, func(t *testing.T) {
			everywhere(t, test.server, func(t *testing.T, o Options) {
				s := begin(t, test.server, o)
				line := strings.Repeat("x", test.limit-1) + "\n"
				c := dial(t, s, 0)
				say(t, c, line)
				closeWrite(t, c)
				hearAll(t, c, test.answer(line))
				for _, long := range []string{"x" + line, strings.Repeat("x", 4*test.limit)} {
					c = dial(t, s, 0)
					_, _ = io.WriteString(c, long) // it may be closed before that has ended
					hearNothing(t, c)
				}
			})
		})
	}
}
