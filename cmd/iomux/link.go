//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// dialTime is how long a connection may take to come about. The kernel alone
// would try for two minutes.
const dialTime = 30 * time.Second

// maxMessage is how long a datagram or message may be, in bytes. No kernel takes as
// much unless it is told to.
const maxMessage = 1 << 20

// link is a client's end of what connects it to a server: a stream, or messages.
type link struct {
	net.Conn
	url      string
	messages bool // each Write and each Read is one
	endless  bool // there is no end of file: it ends by silence
	wait     time.Duration
	ending   atomic.Bool // silence counts
	file     string      // directory of this side's own name; "" if there is none
}

// openLink connects to a server. Silence of so long ends what has no other end.
func openLink(url string, wait time.Duration) (*link, error) {
	network, address, err := target(url)
	if err != nil {
		return nil, err
	}
	l := &link{url: url, wait: wait, endless: isPacket(url)}
	l.messages = l.endless || network == "unixpacket"
	if network == "unixgram" {
		err = l.dialUnixgram(address)
	} else {
		l.Conn, err = net.DialTimeout(network, address, dialTime)
	}
	if err != nil {
		return nil, errors.Join(l.explain(err), l.clean())
	}
	return l, nil
}

// dialUnixgram connects to a socket whose server can only answer to a name, so this
// side makes one up.
func (l *link) dialUnixgram(address string) error {
	name := "@iomux-connect-" + rand.Text()
	if runtime.GOOS != "linux" && runtime.GOOS != "android" {
		var err error
		if name, err = l.makeFile(); err != nil {
			return err
		}
	}
	return l.dialFrom(name, address)
}

// makeFile makes a directory for this side's name, which is a file.
func (l *link) makeFile() (name string, err error) {
	if l.file, err = os.MkdirTemp("", "iomux"); err != nil {
		return "", err
	}
	return filepath.Join(l.file, "connect"), nil
}

func (l *link) dialFrom(name, address string) error {
	conn, err := net.DialUnix("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"}, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err == nil {
		l.Conn = conn
	}
	return err
}

// explain says what a failed connect means.
func (l *link) explain(err error) error {
	hint := ""
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		hint = ": nothing listens there"
	case errors.Is(err, syscall.EPROTOTYPE):
		hint = ": it is a socket of another kind (unix, unixpacket or unixgram)"
	case errors.Is(err, syscall.EAGAIN):
		hint = ": its queue is full"
	}
	return fmt.Errorf("cannot connect to %s: %w%s", l.url, cause(err), hint)
}

// lost says how it ended that should have gone on.
func (l *link) lost(err error) error {
	switch {
	case errors.Is(err, syscall.EMSGSIZE):
		return cause(err)
	case l.endless:
		return l.explain(err)
	}
	return fmt.Errorf("connection lost: %w", err)
}

// cause is an error without the addresses that package net puts before it.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// close ends the link.
func (l *link) close() error {
	_ = l.Close() // a socket has nothing left to lose
	return l.clean()
}

func (l *link) clean() error {
	if l.file == "" {
		return nil
	}
	return os.RemoveAll(l.file)
}

// send sends a line, which has no newline.
func (l *link) send(line string) error {
	switch {
	case !l.messages:
		line += "\n"
	case line == "" && !l.endless:
		return nil // it would be taken for the end
	}
	_, err := io.WriteString(l.Conn, line)
	return err
}

// receive brings the next message, in buf, which is longer than any may be. io.EOF
// is the end.
func (l *link) receive(buf []byte) ([]byte, error) {
	n, err := l.Read(buf)
	switch {
	case err == nil && n > maxMessage:
		return nil, fmt.Errorf("a message of more than %d bytes came", maxMessage)
	case err == nil:
		if l.ending.Load() {
			err = l.countDown()
		}
		return buf[:n], err
	case l.endless && errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, io.EOF):
		return nil, io.EOF
	}
	return nil, l.lost(err)
}

// endInput tells the server that no more will come, or begins to wait for silence.
func (l *link) endInput() {
	if l.endless {
		l.ending.Store(true)
		_ = l.countDown() // it fails on a closed connection, which the reader reports
		return
	}
	if c, ok := l.Conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // it fails when the server is gone, which the reader reports
	}
}

func (l *link) countDown() error { return l.SetReadDeadline(time.Now().Add(l.wait)) }

// asLine is a message as it is shown: with a newline, unless it has one.
func asLine(p []byte) []byte {
	if bytes.HasSuffix(p, []byte("\n")) {
		return p
	}
	return append(p, '\n')
}
