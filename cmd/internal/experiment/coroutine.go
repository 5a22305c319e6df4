//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package experiment

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"example.com/iomux/reactor"
)

var coroutine = Experiment{
	Name:    "coroutine",
	Shows:   "blocking style on one loop: a read that waits gives way to the other client",
	Expects: "client 2 was answered while the code for client 1 stood in the middle of a line, on one loop, without a lock",
	run: func(l *lab) string {
		l.step("a reactor with one loop, and a handler that reads a line and answers it, as a blocking one does")
		g, err := reactor.Open(reactor.Options{Loops: 1})
		l.must("reactor.Open", err)
		d := &dialogue{}
		l.later(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			_ = g.Shutdown(ctx) // what could not end by then is cut off
		})
		ln, err := g.Listen("tcp://127.0.0.1:0", reactor.Blocking(d.serve), reactor.ListenOptions{})
		l.must("Listen", err)
		l.note(`serve(s): line = s.ReadSlice('\n', 64); s.Write("you said " + line)`)

		l.step("client 1 sends half a line")
		one := l.client(ln, "1 he")
		l.await("client 1 to be read", func() bool { return g.Stats().BytesIn >= uint64(len("1 he")) })
		l.note("the handler of client 1 stands in ReadSlice; the loop does not")

		l.step("client 2 sends a whole line, and is answered")
		two := l.client(ln, "2 hello\n")
		second := l.answer(two, 2)

		l.step("client 1 sends the other half, and is answered, by the call that had stood there")
		_, err = io.WriteString(one, "llo\n")
		l.must("send", err)
		l.call(`client 1 sends "llo\n"`, "4")
		first := l.answer(one, 1)

		l.step("the handlers have written down, in one slice and without a lock, when they began and ended")
		one.Close()
		two.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		l.must("Shutdown", g.Shutdown(ctx))
		l.note("%s", strings.Join(d.log, ", "))
		want := "a handler begins, a handler begins, 2 hello answered, 1 hello answered"
		if second == "you said 2 hello\n" && first == "you said 1 hello\n" && strings.Join(d.log, ", ") == want {
			return "client 2 was answered while the code for client 1 stood in the middle of a line, on one loop, without a lock"
		}
		return fmt.Sprintf("%q, %q, %v", second, first, d.log)
	},
}

// dialogue is the server's side. All handlers run on one loop, one at a time, so the log
// needs no lock.
type dialogue struct{ log []string }

func (d *dialogue) serve(s *reactor.Stream) error {
	d.log = append(d.log, "a handler begins")
	line, err := s.ReadSlice('\n', 64)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s, "you said %s", line)
	d.log = append(d.log, strings.TrimSpace(string(line))+" answered")
	return err
}

// client connects and sends a text, which begins with its number.
func (l *lab) client(ln *reactor.Listener, text string) net.Conn {
	c, err := net.DialTimeout("tcp", ln.Addr().String(), patience)
	l.must("connect", err)
	l.later(func() { c.Close() })
	l.must("set a deadline", c.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(c, text)
	l.must("send", err)
	l.call(fmt.Sprintf("client %s connects and sends %q", text[:1], text), fmt.Sprint(len(text)))
	return c
}

// answer reads a line, or what there is before the end.
func (l *lab) answer(c net.Conn, number int) string {
	var text strings.Builder
	for buf := make([]byte, 1); !strings.HasSuffix(text.String(), "\n"); {
		if _, err := c.Read(buf); err != nil {
			break // what is missing shows
		}
		text.Write(buf)
	}
	l.call(fmt.Sprintf("client %d reads", number), fmt.Sprintf("%q", text.String()))
	return text.String()
}
