//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"

	"example.com/iomux/cmd/internal/harmless"
)

// askSecret asks for the secret of a name, which the terminal does not show. The input
// may be a pipe, whose lines are for the chat: then it is the process's terminal that is
// asked.
func askSecret(stdin *os.File, name string) (string, error) {
	tty := stdin
	if !term.IsTerminal(int(stdin.Fd())) {
		var err error
		if tty, err = os.OpenFile("/dev/tty", os.O_RDWR, 0); err != nil {
			return "", usagef("--login asks for the secret on a terminal, and there is none; want the input to begin with /login NAME SECRET instead")
		}
		defer func() { _ = tty.Close() }() // everything of it has been read and shown
	}
	fd := int(tty.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("cannot read the secret: %w", err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	type answer struct {
		secret []byte
		err    error
	}
	typed := make(chan answer, 1)
	fmt.Fprint(tty, harmless.String("Secret for "+name+": "))
	go func() {
		secret, err := term.ReadPassword(fd)
		typed <- answer{secret, err}
	}()
	select {
	case a := <-typed:
		fmt.Fprintln(tty)
		if a.err != nil {
			return "", fmt.Errorf("cannot read the secret: %w", a.err)
		}
		return checkSecret(string(a.secret))
	case s := <-signals:
		// A terminal that does not show what is typed is no use to anybody.
		return "", errors.Join(bySignal(s), term.Restore(fd, state))
	}
}

// checkSecret refuses what cannot be sent in a line.
func checkSecret(s string) (string, error) {
	switch {
	case strings.TrimSpace(s) == "":
		return "", usagef("no secret was typed")
	case len(s) > secretLimit:
		return "", usagef("the secret has %d bytes, want at most %d", len(s), secretLimit)
	}
	return s, nil
}

// secretLimit leaves room in a line for the rest.
const secretLimit = chatLineLimit - 2*wordLimit
