//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"example.com/iomux/cmd/internal/harmless"
	"example.com/iomux/cmd/internal/tty"
)

// askUnseen asks questions, one after the other, and reads the answers from a terminal
// that does not show them. A signal gives that up. what is for errors.
func askUnseen(terminal *os.File, prompt io.Writer, what string, questions ...string) ([][]byte, error) {
	fd := int(terminal.Fd())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	// ReadPassword shows nothing while it reads, but who is asked may be faster than that.
	restore, err := tty.Hide(fd)
	if err != nil {
		return nil, fmt.Errorf("cannot read the %s: %w", what, err)
	}
	type typed struct {
		answers [][]byte
		err     error
	}
	done := make(chan typed, 1)
	go func() {
		var t typed
		for _, question := range questions {
			fmt.Fprint(prompt, harmless.String(question))
			answer, err := term.ReadPassword(fd)
			fmt.Fprintln(prompt)
			if err != nil {
				t.err = fmt.Errorf("cannot read the %s: %w", what, err)
				break
			}
			t.answers = append(t.answers, answer)
		}
		done <- t
	}()
	var t typed
	select {
	case t = <-done:
	case sig := <-signals:
		t.err = bySignal(sig)
	}
	// A terminal that does not show what is typed is no use to anybody.
	if err := errors.Join(t.err, restore()); err != nil {
		return nil, err
	}
	return t.answers, nil
}
