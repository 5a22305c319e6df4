//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"example.com/iomux/cmd/internal/harmless"
)

const prompt = "> "

// converse is a dialogue on a terminal: lines are edited, then sent; what comes
// is shown above the line being edited.
func converse(l *link, stdin, stdout *os.File) (err error) {
	fd := int(stdin.Fd())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGWINCH)
	defer signal.Stop(signals)
	state, err := term.MakeRaw(fd)
	if err != nil {
		return fmt.Errorf("cannot edit lines on this terminal: %w", err)
	}
	// The terminal must not be left raw, whatever happens.
	restore := sync.OnceValue(func() error { return term.Restore(fd, state) })
	defer func() { err = errors.Join(err, restore()) }()

	editor := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{stdin, stdout}, prompt)
	resize := func() {
		if width, height, err := term.GetSize(int(stdout.Fd())); err == nil && width > 0 {
			_ = editor.SetSize(width, height) // it fails for lack of output only, which show reports
		}
	}
	resize()

	screen := &switcher{w: editor}
	shown, typed := make(chan error, 1), make(chan error, 1)
	go func() {
		if l.messages {
			shown <- showMessages(l, screen)
		} else {
			shown <- show(l, screen)
		}
	}()
	go func() { typed <- sendLines(l, editor) }()
	for {
		select {
		case err := <-shown:
			if typed != nil {
				fmt.Fprint(stdout, "\r\n") // off the line being edited
			}
			return err
		case err := <-typed:
			// From here on the terminal does its own editing and signals: a
			// Ctrl-C ends the wait for the server.
			typed = nil
			fmt.Fprint(stdout, "\r\n")
			screen.set(stdout)
			if err := errors.Join(err, restore()); err != nil {
				return err
			}
			l.endInput()
		case s := <-signals:
			if s != syscall.SIGWINCH {
				return bySignal(s)
			}
			resize()
		}
	}
}

// sendLines sends what is typed until Ctrl-D or Ctrl-C.
func sendLines(l *link, editor *term.Terminal) error {
	for {
		line, err := editor.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, term.ErrPasteIndicator) {
			return fmt.Errorf("cannot read the terminal: %w", err)
		}
		if err := l.send(line); err != nil {
			return fmt.Errorf("cannot send: %w", l.lost(err))
		}
	}
}

// partialTime is how long the rest of a line may stay away before its beginning
// is shown.
const partialTime = 100 * time.Millisecond

// partialSize is how long a line may be to be shown in one piece.
const partialSize = 16 << 10

// show writes what the server sends to w in whole lines, for the editor draws
// its own line below. The beginning of a line whose rest does not come is shown
// as a line with a backslash at its end.
func show(l *link, w io.Writer) error {
	var pending bytes.Buffer
	clean := harmless.NewWriter(&pending)
	buf := make([]byte, 4<<10)
	for {
		var until time.Time
		if pending.Len() > 0 {
			until = time.Now().Add(partialTime)
		}
		if err := l.SetReadDeadline(until); err != nil {
			return l.lost(err)
		}
		n, err := l.Read(buf)
		_, _ = clean.Write(buf[:n]) // into memory
		late := errors.Is(err, os.ErrDeadlineExceeded)
		if err != nil && !late {
			_ = clean.Flush() // into memory
		}
		whole := bytes.LastIndexByte(pending.Bytes(), '\n') + 1
		if pending.Len() > 0 && whole < pending.Len() && (err != nil || pending.Len() > partialSize) {
			pending.WriteString("\\\n")
			whole = pending.Len()
		}
		if whole > 0 {
			if _, err := w.Write(pending.Next(whole)); err != nil {
				return fmt.Errorf("cannot write to the terminal: %w", err)
			}
		}
		switch {
		case err == nil || late:
		case errors.Is(err, io.EOF):
			return nil
		default:
			return l.lost(err)
		}
	}
}

// showMessages writes what comes to w, a line a message.
func showMessages(l *link, w io.Writer) error {
	var line bytes.Buffer
	clean := harmless.NewWriter(&line)
	buf := make([]byte, maxMessage+1)
	for {
		p, err := l.receive(buf)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		_, _ = clean.Write(asLine(p)) // into memory
		if _, err := w.Write(line.Next(line.Len())); err != nil {
			return fmt.Errorf("cannot write to the terminal: %w", err)
		}
	}
}

// switcher is a writer that can be exchanged while others write to it.
type switcher struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *switcher) set(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w = w
}

func (s *switcher) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}
