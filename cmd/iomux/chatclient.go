//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"example.com/iomux/cmd/internal/harmless"
)

// chatClient is a client of a chat's lines.
type chatClient struct {
	over      string // the address
	trust     *trustFlags
	nick      string
	room      string
	login     string
	secret    string
	reconnect bool
	paint     painter
}

// talkTo has a conversation with the chat at over, on a terminal, or copies lines in a
// pipe.
func (f *chatFlags) talkTo(over string, trust *trustFlags, stdin, stdout *os.File) error {
	screen := term.IsTerminal(int(stdin.Fd())) && term.IsTerminal(int(stdout.Fd()))
	if f.reconnect && !screen {
		return usagef("--reconnect is for a terminal: what had come of the input in a pipe, nobody would know")
	}
	c := &chatClient{
		over: over, trust: trust, reconnect: f.reconnect,
		nick: string(f.nick), room: string(f.room), login: string(f.login),
		paint: painter{colors: f.colors(screen)},
	}
	if c.login != "" {
		var err error
		if c.secret, err = askSecret(stdin, c.login); err != nil {
			return err
		}
	}
	l, err := c.dial()
	if err != nil {
		return err
	}
	if screen {
		return c.converse(l, stdin, stdout)
	}
	return errors.Join(c.relay(l, stdin, stdout), l.close())
}

// dial connects.
func (c *chatClient) dial() (*link, error) {
	l, err := openLink(c.over, 0)
	if err == nil && isTLS(c.over) {
		if err = c.trust.secure(l); err != nil {
			return nil, errors.Join(err, l.close())
		}
	}
	return l, err
}

// loginLine is what logs in; it is never shown.
func (c *chatClient) loginLine() string { return "/login " + c.login + " " + c.secret }

// loginDone reports whether a line is what comes of a login, and whether that is good.
func loginDone(l *chatLine) (done, good bool) {
	good = l.kind == lineNotice && l.where == "" && strings.HasPrefix(l.text, "you are logged in")
	return good || l.kind == lineFailed, good
}

// introduce has the server know who one wants to be, and where.
func introduce(l *link, nick string, rooms ...string) error {
	if nick != "" {
		if err := sendLine(l, "/nick "+nick); err != nil {
			return err
		}
	}
	for _, room := range rooms {
		if room == "" {
			continue
		}
		if err := sendLine(l, "/join "+room); err != nil {
			return err
		}
	}
	return nil
}

// sendTime bounds how long a server may not read: while a line is on its way no other
// key is looked at.
const sendTime = 10 * time.Second

// sendLine sends a line. After an error nothing more can be sent.
func sendLine(l *link, line string) error {
	err := l.SetWriteDeadline(time.Now().Add(sendTime))
	if err == nil {
		err = l.send(line)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("connection lost: the server has not read for %v", sendTime)
	}
	if err != nil {
		return l.lost(cause(err))
	}
	return nil
}

// piece is a line of the server in harmless form, or a part of one that is too long, or
// does not come to its end.
type piece struct {
	text string
	ends bool // the line is over
}

const (
	// pieceSize is how long a line may be to be one piece.
	pieceSize = 16 << 10
	// pieceTime is how long the rest of a line may stay away on a screen before its
	// beginning is shown.
	pieceTime = time.Second
)

// readChat calls f with what the server sends, until its end of file. On a screen the
// beginning of a line is a piece when its rest does not come.
func readChat(l *link, screen bool, f func([]piece) error) error {
	var pending bytes.Buffer
	clean := harmless.NewWriter(&pending)
	buf := make([]byte, 4<<10)
	for {
		if screen {
			var until time.Time
			if pending.Len() > 0 {
				until = time.Now().Add(pieceTime)
			}
			if err := l.SetReadDeadline(until); err != nil {
				return l.lost(cause(err))
			}
		}
		n, err := l.Read(buf)
		_, _ = clean.Write(buf[:n]) // into memory
		late := screen && errors.Is(err, os.ErrDeadlineExceeded)
		if err != nil && !late {
			_ = clean.Flush() // into memory
		}
		var list []piece
		for i := bytes.IndexByte(pending.Bytes(), '\n'); i >= 0; i = bytes.IndexByte(pending.Bytes(), '\n') {
			list = append(list, piece{string(pending.Next(i)), true})
			pending.Next(1)
		}
		if pending.Len() > pieceSize || pending.Len() > 0 && err != nil {
			list = append(list, piece{string(pending.Next(pending.Len())), false})
		}
		if len(list) > 0 {
			if err := f(list); err != nil {
				return err
			}
		}
		switch {
		case err == nil, late:
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			return l.lost(cause(err))
		}
	}
}
