//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// errLogin: the server has not let one in.
var errLogin = errors.New("the login has failed")

// plain is a chat in a pipe.
type plain struct {
	*chatClient
	l     *link
	in    io.Reader
	out   *outcome
	sent  chan error // nil: nothing is sent yet
	scene *scene
	cut   bool // the last piece was not a line's end
	err   error
}

// relay sends lines as they are and shows what comes as lines, until the server's end of
// file. The end of the input is passed on.
func (c *chatClient) relay(l *link, in io.Reader, out io.Writer) error {
	p := &plain{chatClient: c, l: l, in: in, out: &outcome{w: out}, scene: newScene()}
	if err := p.begin(); err != nil {
		return err
	}
	err := readChat(l, false, p.show)
	switch {
	case p.err != nil:
		return p.err
	case p.out.err != nil:
		return p.out.explain()
	case err != nil:
		return err
	case p.sent == nil:
		return errors.New("the server has ended the connection before one was logged in")
	}
	return notSent(p.sent)
}

// begin sends what comes before the input: that is not to be said by somebody else, so
// a login must be over.
func (p *plain) begin() error {
	if p.login != "" {
		return sendLine(p.l, p.loginLine())
	}
	return p.start()
}

// start begins to send the input.
func (p *plain) start() error {
	if err := introduce(p.l, p.nick, p.room); err != nil {
		return err
	}
	if err := p.l.SetWriteDeadline(time.Time{}); err != nil {
		return p.l.lost(cause(err))
	}
	p.sent = make(chan error, 1)
	go func() {
		_, err := io.Copy(p.l.Conn, p.in)
		p.l.endInput()
		p.sent <- err
	}()
	return nil
}

// show writes pieces, and looks for what comes of the login.
func (p *plain) show(list []piece) error {
	var b strings.Builder
	for _, s := range list {
		l := chatLine{text: s.text}
		if s.ends && !p.cut {
			l = parseChatLine(s.text)
		}
		p.cut = !s.ends
		p.scene.see(&l)
		b.WriteString(p.paint.line(&l, p.scene.nick))
		if s.ends {
			b.WriteByte('\n')
		}
		if p.sent != nil || p.err != nil {
			continue
		}
		if done, good := loginDone(&l); good {
			p.err = p.start()
		} else if done {
			p.err = fmt.Errorf("%w: %s", errLogin, l.text)
		}
	}
	if _, err := io.WriteString(p.out, b.String()); err != nil {
		return err
	}
	return p.err
}
