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

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"example.com/iomux/cmd/internal/harmless"
	"example.com/iomux/cmd/internal/users"
)

func newChatPasswd() *cobra.Command {
	operator := false
	cmd := &cobra.Command{
		Use:   "passwd FILE NAME",
		Short: "Give a user of a chat a password",
		Long: `Give a user a password, in a file for --users. The password is asked for twice on a
terminal, and else is the first line of the input. One who is in the file gets a
new one, and is an operator or not, as --operator says now; else it is a new user. The
file is made if there is none, for its owner alone to read; it has hashes by argon2id.
A server that runs takes it in at SIGHUP.`,
		Example: `  iomux chat passwd users.txt ann --operator
  head -c 15 /dev/urandom | base64 | iomux chat passwd users.txt bot`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("want the file and the name, see %q", cmd.CommandPath()+" --help")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := askPassword(cmd.ErrOrStderr(), args[1])
			if err != nil {
				return err
			}
			was, err := users.Set(args[0], args[1], operator, password)
			switch {
			case errors.Is(err, users.ErrName) || errors.Is(err, users.ErrPassword):
				return usageError{err}
			case err != nil:
				return err
			}
			what := "is new"
			if was != "" {
				what = "has a new password"
			}
			if operator {
				what += ", and is an operator"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", args[1], what)
			return err
		},
	}
	cmd.Flags().BoolVar(&operator, "operator", false, "the user may kick, mute and ban; without it, it may not any more")
	return cmd
}

// passwordLimit bounds a line of a password.
const passwordLimit = 64 << 10

// askPassword reads a password: from a terminal twice, where nobody sees it, and else a
// line of the input.
func askPassword(prompt io.Writer, name string) ([]byte, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		line, err := bufio.NewReader(io.LimitReader(os.Stdin, passwordLimit)).ReadBytes('\n')
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("cannot read the password: %w", err)
		case len(line) == 0:
			return nil, usagef("the input has no password, want it as its first line")
		}
		return line, nil
	}
	state, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("cannot read the password: %w", err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	type answer struct {
		password []byte
		err      error
	}
	typed := make(chan answer, 1)
	go func() {
		password, err := askTwice(fd, prompt, name)
		typed <- answer{password, err}
	}()
	select {
	case a := <-typed:
		return a.password, a.err
	case sig := <-signals:
		// A terminal that does not show what is typed is no use to anybody.
		return nil, errors.Join(bySignal(sig), term.Restore(fd, state))
	}
}

// askTwice reads a password from a terminal.
func askTwice(fd int, prompt io.Writer, name string) ([]byte, error) {
	var typed [2][]byte
	for i, what := range []string{"Password for " + name + ": ", "Once more: "} {
		fmt.Fprint(prompt, harmless.String(what))
		var err error
		typed[i], err = term.ReadPassword(fd)
		fmt.Fprintln(prompt)
		if err != nil {
			return nil, fmt.Errorf("cannot read the password: %w", err)
		}
	}
	if !bytes.Equal(typed[0], typed[1]) {
		return nil, usagef("the two passwords are not the same")
	}
	return typed[0], nil
}
