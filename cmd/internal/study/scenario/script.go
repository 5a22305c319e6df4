//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"example.com/iomux/cmd/internal/study/trace"
)

// script is a client at work. Each of its steps ends when the loop has dealt with it
// and waits again.
type script struct {
	ctx      context.Context
	rec      *trace.Recorder
	server   server
	address  net.Addr
	deadline time.Time
	undo     []func() // what a script that is given up has left behind
}

// end takes back what is left of a script.
func (s *script) end() {
	for _, f := range s.undo {
		f()
	}
}

// stop is how a step ends the script.
type stop struct{ err error }

// do runs a script; what goes wrong in a step is its error.
func (s *script) do(f func(*script)) (err error) {
	defer func() {
		if v := recover(); v != nil {
			over, ours := v.(stop)
			if !ours {
				panic(v)
			}
			err = over.err
		}
	}()
	f(s)
	return nil
}

func (s *script) must(what string, err error) {
	if err != nil {
		panic(stop{fmt.Errorf("the client cannot %s: %w", what, err)})
	}
}

// step says what the client does and does it, and waits until the loop has taken that
// in: it waits again, and the state is as also wants it.
func (s *script) step(note string, f func(), also func(trace.State) bool) {
	before := s.rec.State().Waits
	s.rec.Note(note)
	f()
	s.await(func(st trace.State) bool { return st.Waits > before && also(st) })
}

// await waits until the loop waits, with no wake-up on its way, and ok is true.
func (s *script) await(ok func(trace.State) bool) {
	err := s.rec.Await(s.ctx, func(st trace.State) bool { return st.Waiting && st.Wakes == 0 && ok(st) })
	s.must("see the loop come to rest", err)
}

// any state will do.
func any(trace.State) bool { return true }

// hold keeps the loop in a function until release: what happens meanwhile it finds all
// at once.
func (s *script) hold() (release func()) {
	held, free := make(chan struct{}), make(chan struct{})
	release = sync.OnceFunc(func() { close(free) })
	s.undo = append(s.undo, release)
	s.must("hold the loop", s.server.post(func() {
		close(held)
		<-free
	}))
	<-held
	return release
}

// client is one connection of the script.
type client struct {
	s    *script
	name string
	net.Conn
}

// connect is a step.
func (s *script) connect(name string) (c *client) {
	accepted := s.rec.State().Accepted
	s.step(name+" connects", func() { c = s.dial(name) }, func(st trace.State) bool { return st.Accepted > accepted })
	return c
}

func (s *script) dial(name string) *client {
	d := net.Dialer{Deadline: s.deadline}
	conn, err := d.DialContext(s.ctx, s.address.Network(), s.address.String())
	s.must("connect", err)
	s.undo = append(s.undo, func() { _ = conn.Close() }) // mostly it is closed already
	s.must("set a deadline", conn.SetDeadline(s.deadline))
	return &client{s, name, conn}
}

// send is no step of its own.
func (c *client) send(text string) {
	_, err := io.WriteString(c, text)
	c.s.must("send", err)
}

// want reads as many bytes as want has, which must be the same.
func (c *client) want(want string) {
	got := make([]byte, len(want))
	_, err := io.ReadFull(c, got)
	c.s.must("read the answer", err)
	if string(got) != want {
		c.s.must("go on", fmt.Errorf("the answer is not what was expected: %.40q", got))
	}
}

// wantEnd reads the end of file.
func (c *client) wantEnd() {
	var b [1]byte
	if n, err := c.Read(b[:]); !errors.Is(err, io.EOF) {
		c.s.must("read the end", fmt.Errorf("%d bytes: %w", n, err))
	}
}

// leave closes the connection, as a step.
func (c *client) leave() {
	open := c.s.rec.State().Open
	c.s.step(c.name+" closes its connection", func() { c.s.must("close", c.Close()) }, func(st trace.State) bool { return st.Open < open })
}

// letters is n bytes of text.
func letters(n int) string { return strings.Repeat("abcdefghijklmnopqrstuvwxyz", n/26+1)[:n] }
