//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// relayStream copies in to the server, and what the server sends to out, until the
// server's end of file.
func relayStream(l *link, in io.Reader, out io.Writer) error {
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(l.Conn, in)
		l.endInput()
		sent <- err
	}()
	// Two plain interfaces: with what else the two can do, io.Copy would have
	// the kernel splice, and an error would not say which side it is of.
	output := &outcome{w: out}
	if _, err := io.Copy(output, struct{ io.Reader }{l.Conn}); err != nil {
		if output.err == nil {
			return l.lost(err)
		}
		return output.explain()
	}
	return notSent(sent)
}

// relayMessages sends the lines of in as messages, and writes those that come to out
// as lines, until the server's end.
func relayMessages(l *link, in io.Reader, out io.Writer) error {
	sent := make(chan error, 1)
	go func() {
		sent <- sendEach(l, in)
		l.endInput()
	}()
	received := make(chan error, 1)
	go func() { received <- receiveEach(l, out) }()
	signals := make(chan os.Signal, 1)
	if l.file != "" { // which is not to be left behind
		signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		defer signal.Stop(signals)
	}
	select {
	case s := <-signals:
		return bySignal(s)
	case err := <-received:
		if err != nil {
			return err
		}
		return notSent(sent)
	}
}

// notSent reports what went wrong with the input, if that has ended: a server may
// have heard enough before.
func notSent(sent <-chan error) error {
	select {
	case err := <-sent:
		if err != nil {
			return fmt.Errorf("not everything was sent: %w", err)
		}
	default:
	}
	return nil
}

// sendEach sends the lines of in, the last of which may have no newline.
func sendEach(l *link, in io.Reader) error {
	lines := bufio.NewReaderSize(in, maxMessage+1)
	for n := 1; ; n++ {
		line, err := lines.ReadSlice('\n')
		switch {
		case err == nil, errors.Is(err, io.EOF):
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("line %d has more than %d bytes", n, maxMessage)
		default:
			return err
		}
		if len(line) > 0 {
			if err := l.send(string(bytes.TrimSuffix(line, []byte("\n")))); err != nil {
				return fmt.Errorf("line %d, %d bytes: %w", n, len(line), l.lost(err))
			}
		}
		if err != nil {
			return nil
		}
	}
}

// receiveEach writes the messages that come.
func receiveEach(l *link, out io.Writer) error {
	buf := make([]byte, maxMessage+1)
	output := &outcome{w: out}
	for {
		p, err := l.receive(buf)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if _, err := output.Write(asLine(p)); err != nil {
			return output.explain()
		}
	}
}

func bySignal(s os.Signal) error { return fmt.Errorf("ended by a signal (%v)", s) }

// outcome is a writer that remembers how it failed.
type outcome struct {
	w   io.Writer
	err error
}

func (o *outcome) Write(p []byte) (n int, err error) {
	n, err = o.w.Write(p)
	o.err = err
	return n, err
}

// explain says what a failed Write means.
func (o *outcome) explain() error {
	if errors.Is(o.err, syscall.EPIPE) {
		return nil // whoever reads the output has enough
	}
	return fmt.Errorf("cannot write what the server sent: %w", o.err)
}
