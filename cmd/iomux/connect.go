//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"example.com/iomux/cmd/internal/harmless"
)

// dialTime is how long a connection may take to come about. The kernel alone
// would try for two minutes.
const dialTime = 30 * time.Second

func newConnect() *cobra.Command {
	return &cobra.Command{
		Use:   "connect URL",
		Short: "Talk to a server",
		Long: `Talk to a server.

On a terminal, lines are edited before they are sent, and what the server sends
is shown with control characters, escape sequences and directional overrides
made visible. Ctrl-D ends the input.

In a pipe, bytes are copied as they are. The end of the input is passed on to
the server; the program ends when the server has sent its own.`,
		Example: `  iomux connect tcp://127.0.0.1:7000
  printf 'hello\n' | iomux connect tcp://127.0.0.1:7000`,
		Args:              oneURL,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			return connect(args[0], os.Stdin, os.Stdout)
		},
	}
}

func oneURL(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return usagef("no URL to connect to, want one such as tcp://127.0.0.1:7000")
	case 1:
		return nil
	}
	return usagef("surplus argument %q: it takes one URL", args[1])
}

// connect copies between a server and this process's files until the server has
// sent its end of file.
func connect(address string, stdin, stdout *os.File) error {
	hostPort, err := target(address)
	if err != nil {
		return err
	}
	c, err := net.DialTimeout("tcp", hostPort, dialTime)
	if err != nil {
		return dialError(address, err)
	}
	conn := c.(*net.TCPConn)
	defer conn.Close()
	if !term.IsTerminal(int(stdout.Fd())) {
		return relay(conn, stdin, stdout)
	}
	if !term.IsTerminal(int(stdin.Fd())) {
		w := harmless.NewWriter(stdout)
		return errors.Join(relay(conn, stdin, w), w.Flush())
	}
	return converse(conn, stdin, stdout)
}

// dialError says what a failed connect means.
func dialError(address string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err // the rest of it is the address again
	}
	hint := ""
	if errors.Is(err, syscall.ECONNREFUSED) {
		hint = ": nothing listens there"
	}
	return fmt.Errorf("cannot connect to %s: %w%s", address, err, hint)
}

// relay copies in to the server, and what the server sends to out, until the
// server's end of file.
func relay(conn *net.TCPConn, in io.Reader, out io.Writer) error {
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(conn, in)
		// The server may have heard enough and be gone: how that ended is told
		// by what it sends, or by the copy before.
		_ = conn.CloseWrite()
		sent <- err
	}()
	// Two plain interfaces: with what else the two can do, io.Copy would have
	// the kernel splice, and an error would not say which side it is of.
	output := &outcome{w: out}
	if _, err := io.Copy(output, struct{ io.Reader }{conn}); err != nil {
		switch {
		case errors.Is(output.err, syscall.EPIPE):
			return nil // whoever reads the output has enough
		case output.err != nil:
			return fmt.Errorf("cannot write what the server sent: %w", output.err)
		}
		return fmt.Errorf("connection lost: %w", err)
	}
	select {
	case err := <-sent:
		if err != nil {
			return fmt.Errorf("not everything was sent: %w", err)
		}
	default: // it wants no more
	}
	return nil
}

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
