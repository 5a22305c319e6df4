//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"github.com/spf13/cobra"

	"example.com/iomux/servers/echo"
)

func newEcho() *cobra.Command {
	var s server
	cmd := &cobra.Command{
		Use:   "echo",
		Short: "Serve echo: every client gets back what it sends",
		Long: `Serve echo: every client gets back what it sends (RFC 862), over TCP, UDP and
Unix sockets. Datagrams from ports that servers have are not answered, lest two
servers answer each other for ever.

An address is tcp://HOST:PORT or udp://HOST:PORT (tcp4, tcp6, udp4 and udp6 take
one version of IP), unix:///PATH, unixpacket:///PATH or unixgram:///PATH; on Linux
unix:@NAME has no file. A message or datagram may have 65535 bytes. Each listener
prints one line such as "listening tcp://127.0.0.1:7000" once clients can connect.

With --tls-cert and --tls-key, or --tls-self-signed, every tcp listener speaks TLS
(1.2 and 1.3), and prints "listening tls://127.0.0.1:7000"; others do not. SIGHUP
loads the two files anew, for connections to come; if they cannot be used, that is
logged, and the old certificate stays. A self-signed one is for localhost, 127.0.0.1
and ::1, and lasts as long as the process, at most a year. Its SHA-256 is printed
first, as in "fingerprint sha256:0A:1B…", for clients to compare. A handshake may take
as long as --handshake-timeout, 10s if that is off.

SIGINT, SIGTERM or, without --tls-cert, SIGHUP ends the server: it accepts no more,
answers what has arrived, for as long as --drain-timeout, and exits with 0; a client
that does not close is waited for a second. A second signal ends it at once, with 1.

Sockets from systemd (LISTEN_FDS) are used for the --listen that they are the
address of, or, without --listen, all of them. With --takeover the next server
that is started with the same PATH takes the sockets over, and this one ends as
after a signal: no client is refused meanwhile.

The log goes to standard error; at level debug it shows every connection. --trace
writes what "iomux study trace" prints, of this server, to a file; it costs much of
the speed, and the file grows with every message.

` + statsHelp,
		Example: `  iomux echo
  iomux echo --listen tcp://127.0.0.1:0
  iomux echo --listen tcp://127.0.0.1:7000 --listen udp://127.0.0.1:7000 --listen tcp://[::1]:7000
  iomux echo --listen unix:///tmp/echo.sock --mode 0660 --takeover /tmp/echo.takeover
  iomux echo --max-conns 10000 --max-conns-per-addr 100 --idle-timeout 30s --stats 1s
  iomux echo --tls-self-signed --listen tcp://127.0.0.1:7001
  iomux echo --loops 1 --trace /tmp/echo.trace
  iomux echo --backend poll --loops 1 --log-level debug --log-format json`,
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(handlers{echo.Handler{}, echo.Packets{}}, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	s.addFlags(cmd)
	cmd.Flags().Var(&s.trace, "trace", "write every system call of the loops to this file, explained")
	return cmd
}
