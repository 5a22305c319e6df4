//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// textLimit bounds what is read of a file that a flag names.
const textLimit = 64 << 10

// text is what a flag says, or the file does that it names behind an @.
func text(value string) (string, error) {
	name, isFile := strings.CutPrefix(value, "@")
	if !isFile {
		return value, nil
	}
	b, err := readSome(name)
	return string(b), err
}

// readSome reads a file that must not be large.
func readSome(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	b, err := io.ReadAll(io.LimitReader(f, textLimit+1))
	if err == nil && len(b) > textLimit {
		err = fmt.Errorf("%s: want a file of at most %d bytes", name, textLimit)
	}
	return b, err
}

// tokenVariable has the secret that all share, where it is not in a file: a command
// line is for everybody on the machine to see.
const tokenVariable = "IOMUX_CHAT_TOKEN"

func tokenGiven() bool { return os.Getenv(tokenVariable) != "" }

// secret is the token that all share, "" for none.
func (f *peopleFlags) secret() (string, error) {
	token, from := os.Getenv(tokenVariable), tokenVariable
	if f.token != "" {
		from = "--token-file"
		b, err := readSome(string(f.token))
		if err != nil {
			return "", fmt.Errorf("%s: %w", from, err)
		}
		line, _, _ := bytes.Cut(b, []byte("\n"))
		if token = string(bytes.TrimSpace(line)); token == "" {
			return "", fmt.Errorf("%s: %s: its first line is empty, want the token", from, f.token)
		}
	}
	if strings.ContainsAny(token, " \t") {
		return "", fmt.Errorf("%s: the token has spaces, want one without: /login would take it for a name and a secret", from)
	}
	return token, nil
}
