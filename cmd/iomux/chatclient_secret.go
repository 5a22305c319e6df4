//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"os"
	"strings"

	"golang.org/x/term"
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
	typed, err := askUnseen(tty, tty, "secret", "Secret for "+name+": ")
	if err != nil {
		return "", err
	}
	return checkSecret(string(typed[0]))
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
