//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"example.com/iomux/cmd/internal/harmless"
)

func newConnect() *cobra.Command {
	wait := span{value: time.Second}
	var (
		trust trustFlags
		chat  chatFlags
	)
	cmd := &cobra.Command{
		Use:   "connect URL",
		Short: "Talk to a server",
		Long: `Talk to a server at any address that "iomux echo" can have, or over TLS at
tls://HOST:PORT. A server with TLS must have a certificate for HOST, signed by one
that the system trusts or --ca names, or the very certificate that has the
--fingerprint; with --insecure it may be anybody.

On a terminal, lines are edited before they are sent, and what the server sends
is shown with control characters, escape sequences and directional overrides
made visible. Ctrl-D ends the input.

In a pipe, bytes are copied as they are. The end of the input is passed on to
the server; the program ends when the server has sent its own.

A chat ("iomux chat") is at chat://HOST:PORT, or over TLS at chats://HOST:PORT; the
port may be left out, which is 7000. On a terminal the prompt then shows who one is and
in which room one speaks; Tab completes commands and names, the arrow keys bring back
what was typed, but no login; Ctrl-D, or Ctrl-C twice, leaves. Colours are the client's
own: names have theirs, one's own is bold where somebody mentions it. NO_COLOR in the
environment has there be none. --login asks for a secret on the terminal. In a pipe
lines are sent as they are, and those that come are made harmless there too.
With --reconnect a lost connection is made again, until one leaves.

Over udp, unixgram and unixpacket each line is a datagram or message, without its
newline, and each that comes is shown as a line. An empty line is an empty
datagram; over unixpacket, where that would be the end, it is not sent. Datagrams
have no end: the program ends when none has come for --wait after the end of the
input. They may also get lost, or be too long for the kernel.`,
		Example: `  iomux connect tcp://127.0.0.1:7000
  printf 'hello\n' | iomux connect tcp://127.0.0.1:7000
  printf 'hello\n' | iomux connect --wait 500ms udp://127.0.0.1:7000
  iomux connect unix:///tmp/echo.sock
  iomux connect --nick ann chat://127.0.0.1:7000
  printf '/who\n' | iomux connect chat://127.0.0.1:7000
  iomux connect --insecure tls://127.0.0.1:7001`,
		Args:              oneURL,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			return connectTo(args[0], wait.value, &trust, &chat)
		},
	}
	cmd.Flags().Var(&wait, "wait", "how long to wait for datagrams after the end of the input")
	trust.add(cmd.Flags())
	chat.add(cmd)
	return cmd
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

// connectTo talks to the server at a URL, or refuses flags that it is not for.
func connectTo(url string, wait time.Duration, trust *trustFlags, chat *chatFlags) error {
	over, isChat := chatTransport(url)
	if err := trust.check(url, over); err != nil {
		return err
	}
	if !isChat {
		if err := chat.check(url); err != nil {
			return err
		}
		return connect(url, wait, trust, os.Stdin, os.Stdout)
	}
	if err := checkChat(url, over); err != nil {
		return err
	}
	return chat.talkTo(over, trust, os.Stdin, os.Stdout)
}

// connect copies between a server and this process's files until the server has
// sent its end of file, or its datagrams.
func connect(url string, wait time.Duration, trust *trustFlags, stdin, stdout *os.File) (err error) {
	l, err := openLink(url, wait)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if isTLS(url) {
		if err := trust.secure(l); err != nil {
			return err
		}
	}
	if !term.IsTerminal(int(stdout.Fd())) {
		return relay(l, stdin, stdout)
	}
	if !term.IsTerminal(int(stdin.Fd())) {
		w := harmless.NewWriter(stdout)
		return errors.Join(relay(l, stdin, w), w.Flush())
	}
	return converse(l, stdin, stdout)
}

// relay copies in to the server, and what the server sends to out.
func relay(l *link, in io.Reader, out io.Writer) error {
	if l.messages {
		return relayMessages(l, in, out)
	}
	return relayStream(l, in, out)
}
