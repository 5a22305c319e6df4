//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

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
	if !term.IsTerminal(int(os.Stdin.Fd())) {
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
	typed, err := askUnseen(os.Stdin, prompt, "password", "Password for "+name+": ", "Once more: ")
	switch {
	case err != nil:
		return nil, err
	case !bytes.Equal(typed[0], typed[1]):
		return nil, usagef("the two passwords are not the same")
	}
	return typed[0], nil
}
