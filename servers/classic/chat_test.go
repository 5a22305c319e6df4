//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
)

// overLoops runs a test of the chat with one loop and with several, on every backend.
func overLoops(t *testing.T, test func(t *testing.T, o Options)) {
	for _, backend := range iomux.Backends() {
		for _, loops := range []int{1, 2, 3} {
			t.Run(fmt.Sprintf("%s/%d", backend, loops), func(t *testing.T) {
				leaktest.Check(t)
				test(t, Options{Reactor: reactor.Options{Backend: backend, Loops: loops}})
			})
		}
	}
}

// enter connects a member and waits until it is one, which those who are there already
// notice too.
func enter(t *testing.T, s *Server, others ...net.Conn) net.Conn {
	t.Helper()
	c := dial(t, s, 0)
	say(t, c, "hello\n")
	for _, member := range append(others, c) {
		hear(t, member, "hello\n")
	}
	return c
}

// The members of all loops hear each other, and a member that leaves takes nobody with
// it.
func TestChatRoom(t *testing.T) {
	overLoops(t, func(t *testing.T, o Options) {
		s := begin(t, "chat", o)
		a := enter(t, s)
		b := enter(t, s, a)
		c := enter(t, s, a, b)
		say(t, a, " two words \r\n\n \n")
		for _, member := range []net.Conn{a, b, c} {
			hear(t, member, "two words\n")
		}
		say(t, a, "the last\nquit\nnot said\n")
		hearAll(t, a, "the last\n")
		say(t, b, "without")
		say(t, b, " a\n")
		for _, member := range []net.Conn{b, c} {
			hear(t, member, "the last\nwithout a\n")
		}
		say(t, b, "no newline")
		closeWrite(t, b)
		hearAll(t, b, "no newline\n")
		say(t, c, "\xff\x00\n")
		hear(t, c, "no newline\n\xff\x00\n")
		closeWrite(t, c)
		hearAll(t, c, "")
	})
}

// All hear everything in the same order, whoever says it on whatever loop, and each
// hears what it has said in the order in which it did.
func TestChatOrder(t *testing.T) {
	const members, messages = 6, 200
	overLoops(t, func(t *testing.T, o Options) {
		s := begin(t, "chat", o)
		var all []net.Conn
		for range members {
			all = append(all, enter(t, s, all...))
		}
		heard := make(chan string, members)
		for i, c := range all {
			go func() {
				for n := range messages {
					if _, err := fmt.Fprintf(c, "%d says %d\n", i, n); err != nil {
						t.Error(err)
					}
				}
			}()
			go func() {
				buf := make([]byte, 0, 1<<16)
				for strings.Count(string(buf), "\n") < members*messages {
					n, err := c.Read(buf[len(buf):cap(buf)])
					if err != nil {
						t.Error(err)
						break
					}
					buf = buf[:len(buf)+n]
				}
				heard <- string(buf)
			}()
		}
		first := <-heard
		for range members - 1 {
			if other := <-heard; other != first {
				t.Error("two members heard something else, or in another order")
			}
		}
		lines := strings.Split(strings.TrimSuffix(first, "\n"), "\n")
		for i := range members {
			said := slices.Clone(lines)
			said = slices.DeleteFunc(said, func(l string) bool { return !strings.HasPrefix(l, fmt.Sprint(i, " ")) })
			for n, l := range said {
				if l != fmt.Sprintf("%d says %d", i, n) {
					t.Fatalf("message %d of member %d is %q", n, i, l)
				}
			}
		}
	})
}

// A member that never reads is dropped, and delays nobody.
func TestChatSlowMember(t *testing.T) {
	overLoops(t, func(t *testing.T, o Options) {
		log := &paper{}
		o.Reactor.Logger = slog.New(slog.NewTextHandler(log, nil))
		o.Reactor.WriteLimit, o.Reactor.HighWater, o.Reactor.LowWater = 64<<10, 32<<10, 16<<10
		o.Socket.Socket.WriteBuffer = 16 << 10
		s := begin(t, "chat", o)
		slow := enter(t, s).(*net.TCPConn)
		if err := slow.SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		a := enter(t, s)
		b := enter(t, s, a)
		line := strings.Repeat("x", 2000) + "\n"
		for n := 0; !strings.Contains(log.String(), "a member of the chat is dropped"); n++ {
			if n > 20_000 {
				t.Fatal("a member that never reads is never dropped")
			}
			say(t, a, line)
			hear(t, a, line)
			hear(t, b, line)
		}
		if !strings.Contains(log.String(), slow.LocalAddr().String()) {
			t.Errorf("another one was dropped:\n%s", log.String())
		}
		enter(t, s, a, b)
	})
}

// A member that floods the room is heard whole, and read no faster than the room takes
// it.
func TestChatFlood(t *testing.T) {
	overLoops(t, func(t *testing.T, o Options) {
		s := begin(t, "chat", o)
		b := enter(t, s)
		a := enter(t, s, b)
		line := strings.Repeat("y", 1000) + "\n"
		const lines = 5000
		said := make(chan error, 1)
		go func() {
			for range lines {
				if _, err := io.WriteString(a, line); err != nil {
					said <- err
					return
				}
			}
			said <- a.(*net.TCPConn).CloseWrite()
		}()
		heard := make(chan int64, 1)
		go func() {
			n, _ := io.Copy(io.Discard, a) // an error shows in n
			heard <- n
		}()
		for range lines {
			hear(t, b, line)
		}
		if err := <-said; err != nil {
			t.Error(err)
		}
		if n := <-heard; n != int64(lines*len(line)) {
			t.Errorf("it has heard %d bytes of its own %d", n, lines*len(line))
		}
	})
}

// Who does not want to hear itself does not.
func TestChatNoSelf(t *testing.T) {
	overLoops(t, func(t *testing.T, o Options) {
		s := begin(t, "chat", o, "--no-self")
		a, b := dial(t, s, 0), dial(t, s, 0)
		heard := make(chan error, 1)
		go func() {
			_, err := io.ReadFull(b, make([]byte, 1))
			heard <- err
		}()
		for talking := true; talking; { // until the other one is there
			say(t, a, "x\n")
			select {
			case err := <-heard:
				if err != nil {
					t.Fatal(err)
				}
				talking = false
			case <-time.After(time.Millisecond):
			}
		}
		closeWrite(t, a)
		hearAll(t, a, "")
	})
}

// What a read brings is a message in the tutorial, of 1024 bytes at most, and nothing
// but white space a goodbye.
func TestChatCompat(t *testing.T) {
	leaktest.Check(t)
	s := begin(t, "chat", Options{}, "-compat")
	a := dial(t, s, 0)
	say(t, a, strings.Repeat("z", chunk)+" more ")
	hear(t, a, strings.Repeat("z", chunk)+"more")
	b := dial(t, s, 0)
	say(t, b, "b")
	hear(t, b, "b")
	hear(t, a, "b")
	say(t, a, "\t\r\n")
	hearAll(t, a, "")
	say(t, b, "\x0b quit \x0c")
	hearAll(t, b, "")
	c := dial(t, s, 0)
	say(t, c, "\u00a0") // no space to bytes in Python
	hear(t, c, "\u00a0")
}

// The end of the server lets a member hear what it has said, and ends it.
func TestChatDrains(t *testing.T) {
	overLoops(t, func(t *testing.T, o Options) {
		s := begin(t, "chat", o)
		a := enter(t, s)
		b := enter(t, s, a)
		done := make(chan struct{})
		go func() {
			defer close(done)
			end(t, s)
		}()
		for _, c := range []net.Conn{a, b} {
			if _, err := io.ReadAll(c); err != nil {
				t.Error(err)
			}
			_ = c.Close()
		}
		<-done
	})
}

// The transcript names who says what.
func TestChatTranscript(t *testing.T) {
	leaktest.Check(t)
	out := &paper{}
	s := begin(t, "chat", Options{Transcript: out})
	a := dial(t, s, 0)
	say(t, a, "hi\n\x1b[31mred\nquit\n")
	hearAll(t, a, "hi\n\x1b[31mred\n")
	host, port, _ := net.SplitHostPort(a.LocalAddr().String())
	want := fmt.Sprintf("%s-%s: hi\n%[1]s-%[2]s: \\x1b[31mred\n", host, port)
	out.wants(t, want)
}
