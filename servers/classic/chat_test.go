//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
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

// What a member has said and a busy loop has not taken is bounded: the member is not
// read any more. Of those who have left nothing stays behind.
func TestChatBound(t *testing.T) {
	leaktest.Check(t)
	o, err := Options{Listen: []string{"tcp://127.0.0.1:0"}, Reactor: reactor.Options{Loops: 2}}.complete(chat)
	if err != nil {
		t.Fatal(err)
	}
	o.Socket.Balance = reactor.RoundRobin
	var r *room
	s, err := onLoops(o, func(_ *Server, g *reactor.Group) handlers {
		r = newRoom(g.Loops(), false)
		return handlers{conns: lines{&chatting{room: r, log: o.Reactor.Logger}}}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer end(t, s)
	a := enter(t, s)
	b := enter(t, s, a)
	var away *member // the one that is not at home
	for l, h := range r.halls {
		if h != r.home {
			found := make(chan *member)
			if err := l.Post(func() { found <- h.members[0] }); err != nil {
				t.Fatal(err)
			}
			away = <-found
		}
	}
	talker, other := a, b
	if away.conn.RemoteAddr().String() == b.LocalAddr().String() {
		talker, other = b, a
	}
	busy, stopped := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(busy) })
	defer release()
	if err := r.home.loop.Post(func() { close(stopped); <-busy }); err != nil {
		t.Fatal(err)
	}
	<-stopped
	const size = 16 << 20 // more than kernels hold
	go func() {
		line := strings.Repeat("z", 1023) + "\n"
		for range size / len(line) {
			if _, err := io.WriteString(talker, line); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for flying := 0; flying <= flyingLimit; {
		looked := make(chan int)
		if err := away.hall.loop.Post(func() { looked <- away.flying }); err != nil {
			t.Fatal(err)
		}
		flying = <-looked
	}
	for range 100 { // whatever it does now, it is read no more
		looked := make(chan int)
		if err := away.hall.loop.Post(func() { looked <- away.flying }); err != nil {
			t.Fatal(err)
		}
		if flying := <-looked; flying > 2*flyingLimit {
			t.Fatalf("%d bytes are on their way", flying)
		}
	}
	release()
	heard := make(chan int64, 1)
	go func() {
		n, _ := io.CopyN(io.Discard, talker, size) // an error shows in n
		heard <- n
	}()
	if n, err := io.CopyN(io.Discard, other, size); n != size {
		t.Errorf("the other one has heard %d bytes, %v", n, err)
	}
	if n := <-heard; n != size {
		t.Errorf("it has heard %d bytes of its own", n)
	}
	for _, c := range []net.Conn{a, b} {
		closeWrite(t, c)
		hearAll(t, c, "")
		_ = c.Close()
	}
	for l, h := range r.halls {
		end := time.Now().Add(patience)
		for left := 1; left > 0; {
			looked := make(chan int)
			if err := l.Post(func() { looked <- len(h.members) }); err != nil {
				t.Fatal(err)
			}
			if left = <-looked; time.Now().After(end) {
				t.Fatalf("%d members are left", left)
			}
		}
	}
}

// Members may leave in any order, and some before they were admitted.
func TestChatHall(t *testing.T) {
	r, h := &room{}, &hall{}
	var all []*member
	for range 5 {
		m := &member{hall: h, place: notIn}
		h.admit(m)
		all = append(all, m)
	}
	early := &member{hall: h, place: notIn}
	r.exit(early)
	h.admit(early)
	for i, next := range []int{1, 4, 0, 3, 2} {
		r.exit(all[next])
		if len(h.members) != len(all)-i-1 {
			t.Fatalf("%d members are left", len(h.members))
		}
		for place, m := range h.members {
			if m.place != place || m.gone {
				t.Fatalf("member %d: %+v", place, m)
			}
		}
	}
}
