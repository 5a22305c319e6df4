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
)

// askUnseen asks questions, one after the other, and reads the answers from a terminal
// that does not show them. A signal gives that up. what is for errors.
func askUnseen(tty *os.File, prompt io.Writer, what string, questions ...string) ([][]byte, error) {
	fd := int(tty.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("cannot read the %s: %w", what, err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
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
	select {
	case t := <-done:
		return t.answers, t.err
	case sig := <-signals:
		// A terminal that does not show what is typed is no use to anybody.
		return nil, errors.Join(bySignal(sig), term.Restore(fd, state))
	}
}
