//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"example.com/iomux/reactor"
)

// A conversation through all that a connection tells of itself.
func TestConversation(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		ends := make(chan error, 1)
		l := serve(t, o, reactor.ListenOptions{}, handler{
			opened: func(c *Conn) {
				c.SetContext("mine")
				echo(c, true, []byte(c.Request().URL.RawQuery+" "+c.Request().Header.Get("Cookie")+" "+c.Subprotocol()))
			},
			message: func(c *Conn, text bool, p []byte) {
				echo(c, text, append(p, c.Context().(string)...))
			},
			closed: func(c *Conn, err error) {
				if err := c.Write(true, []byte("x")); !errors.Is(err, reactor.ErrClosed) {
					t.Errorf("Write in Closed: %v", err)
				}
				ends <- err
			},
		}, Options{Path: "/chat", Subprotocols: []string{"b", "a"}})
		c := l.dial(t)
		// What comes behind the request is frames already.
		c.send(ask("/chat?x=1", "Cookie: k=v", "Sec-WebSocket-Protocol: z, a", "Sec-WebSocket-Protocol: b") + masked(ws.OpText, true, "hi "))
		if got := c.upgraded().Get("Sec-WebSocket-Protocol"); got != "a" {
			t.Errorf("subprotocol %q, want a", got)
		}
		c.expect("text x=1 k=v a", "text hi mine")
		c.send(masked(ws.OpBinary, true, "\x00"))
		c.expect("binary \x00mine")
		c.send(closing(4001, "enough"))
		c.expect("close 4001")
		c.expectEnd()
		c.Close()
		var e *CloseError
		if err := receive(t, ends); !errors.As(err, &e) || e.Code != 4001 || e.Reason != "enough" || !strings.Contains(e.Error(), "enough") {
			t.Errorf("Closed got %v", err)
		}
		l.deserted(t)
	})
}

// This side closes: nothing more comes, nothing more can be sent, and the peer's answer
// ends it.
func TestClose(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		for _, answer := range []string{closing(4000, ""), masked(ws.OpText, true, "late") + closing(1000, ""), closing(0, ""), ""} {
			ends := make(chan error, 1)
			messages := 0
			l := serve(t, o, reactor.ListenOptions{}, handler{
				message: func(c *Conn, text bool, p []byte) {
					messages++
					c.Close(4000, "that is all")
					c.Close(4001, "again")
					if err := c.Write(text, p); !errors.Is(err, reactor.ErrClosed) {
						t.Errorf("Write after Close: %v", err)
					}
					if err := c.WriteFrames(AppendText(nil, p)); !errors.Is(err, reactor.ErrClosed) {
						t.Errorf("WriteFrames after Close: %v", err)
					}
				},
				closed: func(_ *Conn, err error) { ends <- err },
			}, Options{})
			c := l.open(t)
			c.send(masked(ws.OpText, true, "a") + masked(ws.OpText, true, "b"))
			c.expect("close 4000 that is all")
			c.send(answer)
			if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			c.expectEnd()
			if err := receive(t, ends); err != nil {
				t.Errorf("Closed got %v, want nil", err)
			}
			if messages != 1 {
				t.Errorf("%d messages, want 1", messages)
			}
		}
	})
}

// A peer that goes without a word, in order or not; and this side.
func TestEnds(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		opened, ends := make(chan *Conn, 1), make(chan error, 1)
		l := serve(t, o, reactor.ListenOptions{}, handler{
			opened:  func(c *Conn) { opened <- c },
			message: echo,
			closed:  func(_ *Conn, err error) { ends <- err },
		}, Options{})
		c := l.open(t)
		c.text("the last")
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		c.expect("text the last")
		c.expectEnd()
		receive(t, opened)
		if err := receive(t, ends); !errors.Is(err, io.EOF) {
			t.Errorf("after the peer's end Closed got %v", err)
		}
		c = l.open(t)
		s := receive(t, opened)
		l.onLoop(t, func() { s.Abort(); s.Abort(); s.Close(1000, ""); s.PauseReading(); s.ResumeReading() })
		c.expectEnd()
		if err := receive(t, ends); err != nil {
			t.Errorf("after Abort Closed got %v", err)
		}
	})
}

// Messages that were read with the one that paused wait for ResumeReading.
func TestPauseReading(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		messages := make(chan string, 10)
		var conn *Conn
		l := serve(t, o, reactor.ListenOptions{}, handler{
			opened: func(c *Conn) { conn = c },
			message: func(c *Conn, text bool, p []byte) {
				messages <- string(p)
				c.PauseReading()
				c.PauseReading()
			},
		}, Options{})
		c := l.open(t)
		large := strings.Repeat("x", 40_000)
		all := []string{"a", "b", large, "c", "d"}
		in := ""
		for _, s := range all[:4] {
			in += masked(ws.OpText, true, s)
		}
		c.send(in + masked(ws.OpText, false, "") + masked(0, true, all[4]))
		for _, want := range all {
			if got := receive(t, messages); got != want {
				t.Fatalf("got %.10q, want %.10q", got, want)
			}
			for range 3 { // whatever was on its way has come
				l.onLoop(t, func() {})
			}
			if len(messages) > 0 {
				t.Fatalf("%.10q came while reading was paused", <-messages)
			}
			l.onLoop(t, func() { conn.ResumeReading(); conn.ResumeReading() })
		}
		// Close while paused: the peer's answer, behind messages, is read.
		c.text("paused here")
		receive(t, messages)
		c.send(masked(ws.OpText, true, "unread") + closing(1000, ""))
		l.onLoop(t, func() { conn.Close(1000, "") })
		c.expect("close 1000")
		c.expectEnd()
		if len(messages) > 0 {
			t.Errorf("%q came after Close", <-messages)
		}
	})
}

// One buffer goes to many.
func TestWriteFrames(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		var members []*Conn
		l := serve(t, o, reactor.ListenOptions{}, handler{
			opened: func(c *Conn) { members = append(members, c); echo(c, true, nil) },
			message: func(_ *Conn, _ bool, p []byte) {
				frames := AppendBinary(AppendText(nil, p), p)
				for _, m := range members {
					if err := m.WriteFrames(frames); err != nil {
						t.Error(err)
					}
				}
			},
		}, Options{})
		var clients []*client
		for range 5 {
			c := l.open(t)
			c.expect("text ")
			clients = append(clients, c)
		}
		large := strings.Repeat("x", 60_000)
		for _, p := range []string{"hello", large} {
			clients[0].text(p)
			for _, c := range clients {
				c.expect("text "+p, "binary "+p)
			}
		}
	})
}

// A silent peer is asked, and stays if it answers; one that does not is given up.
func TestPing(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		ends := make(chan error, 1)
		h := handler{closed: func(_ *Conn, err error) { ends <- err }}
		c := serve(t, o, reactor.ListenOptions{}, h, Options{PingEvery: time.Millisecond, PongWait: patience}).open(t)
		for range 5 {
			c.expect("ping ")
			c.send(masked(ws.OpPong, true, ""))
		}
		c.send(closing(1000, ""))
		for got := ""; got != bye; got = c.next() {
		}
		var peer *CloseError
		if err := receive(t, ends); !errors.As(err, &peer) {
			t.Errorf("Closed got %v", err)
		}
		c = serve(t, o, reactor.ListenOptions{}, h, Options{PingEvery: time.Millisecond, PongWait: time.Millisecond}).open(t)
		c.expect("ping ")
		c.expectEnd()
		if err := receive(t, ends); !errors.Is(err, reactor.ErrTimeout) {
			t.Errorf("Closed got %v, want ErrTimeout", err)
		}
	})
}

// No silence is asked about where it is not to be, and none of this side's making: a
// connection that is not read from cannot answer.
func TestNoPing(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		for name, every := range map[string]time.Duration{"never": -1, "paused": time.Millisecond} {
			conns := make(chan *Conn, 1)
			l := serve(t, o, reactor.ListenOptions{}, handler{opened: func(c *Conn) {
				if every > 0 {
					c.PauseReading()
				}
				conns <- c
			}}, Options{PingEvery: every, PongWait: time.Millisecond})
			c := l.open(t)
			conn, done := receive(t, conns), make(chan struct{})
			l.onLoop(t, func() { conn.raw.Loop().After(20*time.Millisecond, func() { close(done) }) })
			receive(t, done)
			l.onLoop(t, func() {
				if conn.stage != stageOpen || conn.asked {
					t.Errorf("%s: stage %d, asked %v", name, conn.stage, conn.asked)
				}
				conn.Close(1000, "")
			})
			c.expect(bye)
		}
	})
}

// A message must not be under way for ever, whatever comes in between.
func TestMessageTime(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		ends, conns := make(chan error, 1), make(chan *Conn, 1)
		h := handler{opened: func(c *Conn) { conns <- c }, message: echo, closed: func(_ *Conn, err error) { ends <- err }}
		for name, frame := range map[string]string{
			"fragment": masked(ws.OpContinuation, false, "b"),
			"pong":     masked(ws.OpPong, true, ""),
		} {
			c := serve(t, o, reactor.ListenOptions{}, h, Options{MessageTime: 1}).open(t)
			receive(t, conns)
			c.send(masked(ws.OpText, true, "whole"))
			c.expect("text whole")
			c.send(masked(ws.OpText, false, "a") + frame)
			if got := c.next(); !strings.HasPrefix(got, "close 1008") {
				t.Errorf("after a %s the server says %q, want close 1008", name, got)
			}
			c.expectEnd()
			if err := receive(t, ends); !errors.Is(err, reactor.ErrTimeout) {
				t.Errorf("Closed got %v, want ErrTimeout", err)
			}
		}
		for name, limit := range map[string]time.Duration{"for ever": -1, "patience": patience, "paused": 1} {
			l := serve(t, o, reactor.ListenOptions{}, h, Options{MessageTime: limit})
			c := l.open(t)
			conn := receive(t, conns)
			c.send(masked(ws.OpText, false, "a"))
			waitFor(t, l, func() bool { return conn.decoder.op != 0 })
			if name == "paused" {
				l.onLoop(t, func() { conn.PauseReading(); conn.ResumeReading() })
			}
			c.send(masked(ws.OpContinuation, false, "b"))
			waitFor(t, l, func() bool { return len(conn.decoder.message) == 2 })
			c.send(masked(ws.OpContinuation, true, "c") + closing(1000, ""))
			c.expect("text abc", bye)
			receive(t, ends)
		}
	})
}

// waitFor waits until something is true on the loop.
func waitFor(t *testing.T, l *listening, f func() bool) {
	t.Helper()
	for done := false; !done; runtime.Gosched() {
		l.onLoop(t, func() { done = f() })
	}
}

// More pings than are of use end the connection.
func TestPingFlood(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		ends := make(chan error, 1)
		l := serve(t, o, reactor.ListenOptions{}, handler{closed: func(_ *Conn, err error) { ends <- err }}, Options{})
		c := l.open(t)
		flood := strings.Repeat(masked(ws.OpPing, true, ""), 2000) // seconds would have to pass in the midst of it
		c.send(flood)
		pongs := 0
		got := c.next()
		for ; got == "pong "; got = c.next() {
			pongs++
		}
		if !strings.HasPrefix(got, "close 1008") || pongs < pingRate || pongs > 1500 {
			t.Errorf("after %d pongs: %q", pongs, got)
		}
		if err := receive(t, ends); !errors.Is(err, ErrFlood) {
			t.Errorf("Closed got %v", err)
		}
	})
}

// Fragments of all connections together are bounded, and forgotten with their
// connections.
func TestAssemblyLimit(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		ends := make(chan error, 100)
		l := serve(t, o, reactor.ListenOptions{}, handler{message: echo, closed: func(_ *Conn, err error) { ends <- err }},
			Options{MessageLimit: 100_000, AssemblyLimit: 500_000})
		part := masked(ws.OpText, false, strings.Repeat("x", 60_000)) + masked(ws.OpPing, true, "")
		var clients []*client
		for {
			c := l.open(t)
			c.send(part)
			got := c.next()
			if strings.HasPrefix(got, "close 1013") {
				break
			}
			if clients = append(clients, c); got != "pong " || len(clients) > 8 {
				t.Fatalf("client %d got %q", len(clients), got)
			}
		}
		if err := receive(t, ends); !errors.Is(err, reactor.ErrMemoryLimit) {
			t.Errorf("Closed got %v", err)
		}
		for _, c := range clients {
			c.Close()
		}
		l.deserted(t)
		if n := l.assembly.Load(); n != 0 {
			t.Errorf("%d bytes are counted, of nobody", n)
		}
	})
}

// A slow reader: a Write that is refused leaves the stream of frames whole; one that
// ends the connection is the last that its handler hears of.
func TestWriteLimit(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		large := strings.Repeat("x", 1<<20)
		for _, overflow := range []reactor.Overflow{reactor.Refuse, reactor.CloseSlow} {
			o.Overflow, o.WriteLimit, o.HighWater = overflow, 3<<19, 3<<19
			ends, sent := make(chan error, 1), make(chan int, 1)
			messages := 0
			l := serve(t, o, reactor.ListenOptions{}, handler{
				message: func(c *Conn, text bool, p []byte) {
					messages++
					for n := 0; ; n++ {
						// Small ones are gathered, so that they fill what there is to the brim.
						err := c.Write(true, []byte(large[:1000]))
						if err == nil {
							continue
						}
						if !errors.Is(err, reactor.ErrWriteLimit) {
							t.Errorf("Write: %v", err)
						}
						sent <- n
						return
					}
				},
				closed: func(_ *Conn, err error) { ends <- err },
			}, Options{})
			c := l.open(t)
			c.send(masked(ws.OpText, true, "a") + masked(ws.OpPong, true, "") + masked(ws.OpText, true, "b"))
			n := receive(t, sent)
			if overflow == reactor.CloseSlow {
				if err := receive(t, ends); !errors.Is(err, reactor.ErrWriteLimit) || messages != 1 {
					t.Errorf("Closed got %v after %d messages", err, messages)
				}
				continue
			}
			for range n {
				c.expect("text " + large[:1000])
			}
			n = receive(t, sent)
			for range n {
				c.expect("text " + large[:1000])
			}
		}
	})
}

// Shutdown says 1001 to each and waits for its answer.
func TestShutdown(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		ends := make(chan error, 10)
		l := serve(t, o, reactor.ListenOptions{}, handler{closed: func(_ *Conn, err error) { ends <- err }}, Options{})
		clients := []*client{l.open(t), l.open(t)}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := l.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown with no time: %v", err)
		}
		done := make(chan error, 1)
		go func() { done <- l.Shutdown(context.Background()) }()
		for _, c := range clients {
			c.expect("close 1001")
			c.send(closing(1001, ""))
			c.expectEnd()
			if err := receive(t, ends); err != nil {
				t.Errorf("Closed got %v", err)
			}
		}
		if err := receive(t, done); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		late := l.dial(t)
		late.send(ask("/"))
		if r, err := http.ReadResponse(late.r, nil); err != nil || r.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("a late upgrade got %v, %v", r, err)
		}
		if err := l.group.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// A peer that does not answer a close frame is not waited for long.
func TestCloseUnanswered(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		ends := make(chan error, 1)
		l := serve(t, o, reactor.ListenOptions{}, handler{
			message: func(c *Conn, _ bool, _ []byte) { c.Close(1000, "") },
			closed:  func(_ *Conn, err error) { ends <- err },
		}, Options{})
		l.onLoop(t, func() { l.closeWait = time.Millisecond })
		c := l.open(t)
		c.text("x")
		c.expect("close 1000")
		c.expectEnd()
		c.Close()
		if err := receive(t, ends); err != nil {
			t.Errorf("Closed got %v", err)
		}
	})
}

// A callback that panics ends its connection and no other, and leaves nothing behind.
func TestPanics(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		ends := make(chan error, 1)
		l := serve(t, o, reactor.ListenOptions{}, handler{
			opened: func(c *Conn) {
				if c.Request().URL.RawQuery != "" {
					panic("in Opened")
				}
			},
			message: func(c *Conn, text bool, p []byte) {
				if string(p) == "panic" {
					panic("in Message")
				}
				echo(c, text, p)
			},
			closed: func(_ *Conn, err error) { ends <- err },
		}, Options{})
		other := l.open(t)
		c := l.open(t)
		c.send(masked(ws.OpText, false, "pan") + masked(0, true, "ic"))
		c.expectEnd()
		if err := receive(t, ends); !errors.Is(err, reactor.ErrPanic) {
			t.Errorf("Closed got %v", err)
		}
		c = l.dial(t)
		c.send(ask("/?panic"))
		if err := receive(t, ends); !errors.Is(err, reactor.ErrPanic) {
			t.Errorf("Closed got %v", err)
		}
		other.text("x")
		other.expect("text x")
		if n := l.assembly.Load(); n != 0 {
			t.Errorf("%d bytes of fragments are counted, of nobody", n)
		}
	})
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"FrameLimit":   {FrameLimit: -1},
		"MessageLimit": {FrameLimit: 10, MessageLimit: 9},
		"HTTPWorkers":  {HTTPWorkers: -1},
		"PongWait":     {PongWait: -1},
		"Path":         {Path: "chat"},
		"query":        {Path: "/chat?x"},
		"an origin":    {Origins: []string{"example.org"}},
		"SCHEME":       {Origins: []string{"https://example.org/"}},
		"subprotocol":  {Subprotocols: []string{"a,b"}},
	} {
		if _, err := New(handler{}, o); !errors.Is(err, reactor.ErrOption) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(nil, Options{}); !errors.Is(err, reactor.ErrOption) {
		t.Errorf("no handler: %v", err)
	}
	origins := []string{"*"}
	s, err := New(NopHandler{}, Options{FrameLimit: 5 << 20, Origins: origins})
	if err != nil || s.options.MessageLimit != 5<<20 || s.options.Path != "/" {
		t.Errorf("%v, %+v", err, s)
	}
	if origins[0] = "x"; !slices.Equal(s.options.Origins, []string{"*"}) {
		t.Error("Origins are the caller's")
	}
}

// In steady state a message costs no allocation: neither whole nor in fragments.
func TestEchoAllocatesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		l := serve(t, o, reactor.ListenOptions{}, handler{message: echo}, Options{})
		for name, in := range map[string]string{
			"whole":     masked(ws.OpText, true, strings.Repeat("ä", 100)),
			"fragments": masked(ws.OpText, false, strings.Repeat("ä", 50)) + masked(0, true, strings.Repeat("ä", 50)),
		} {
			c := l.open(t)
			out, back := []byte(in), make([]byte, 2+2+200)
			message := func() {
				if _, err := c.Write(out); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(c.Conn, back); err != nil {
					t.Fatal(err)
				}
			}
			message() // buffers are made with the first
			if n := testing.AllocsPerRun(500, message); n != 0 {
				t.Errorf("%s: %v allocations a message, want 0", name, n)
			}
		}
	})
}
