//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import "github.com/spf13/cobra"

func newChat() *cobra.Command {
	var s chatServer
	cmd := &cobra.Command{
		Use:   "chat",
		Short: "Serve a chat: lines for nc, JSON for programs, a page for browsers",
		Long: `Serve a chat: lines of text for nc and telnet at every --listen, the same as JSON at
every --listen-json, and a page for browsers at --web, which has WebSocket at /chat. All
meet in the same rooms; /help in the chat lists what one can do there.

Standard output has a line for each address, as soon as clients can connect, in this
order: "listening URL" for each --listen and each --listen-json, "page URL", "admin URL",
and "join with: nc HOST PORT". With --tls-self-signed the fingerprint comes first, as for
iomux echo. With --compat, what is spoken at --listen is the chat of the tutorials instead.

Whoever can connect may talk, unless --require-login; --users is a file of names and
passwords ("iomux chat passwd" makes it), --token-file one with a secret that all share,
which may be in the variable IOMUX_CHAT_TOKEN instead. Nobody's secret is a flag. The page
may be called by localhost, by its address and by --hosts, and only its own scripts and
those of --origins may connect; other machines' names for it count where it listens for
other machines and there is no --hosts.

--admin is for who runs the server: /metrics (Prometheus), /connections.json, and with
--pprof /debug/pprof/. /healthz and /readyz are there and at --web.

Every flag may be said in a file or in the environment as well: see "iomux chat config".
SIGHUP has the server read file, users, token, --motd @FILE and certificates anew; if
anything is wrong with them, that is logged and all stays as it was. What can change so:
motd, users, tokens, rates, limits of messages, rooms and members, history, proxies,
exempt and idle-timeout. SIGINT and SIGTERM end the server: /readyz turns 503, after
--drain-delay all are told, and it exits with 0 when connections have closed, or after
--drain-timeout. A second signal ends it at once, with 1.

TLS, sockets of systemd and --takeover are as for iomux echo ("iomux help echo").
Sockets of systemd that are called web, json or admin are for that
(FileDescriptorName=), others are for lines. Where systemd gives any, the defaults of
--listen and --web do not count. --store does not go with --takeover.`,
		Example: `  iomux chat
  iomux chat --listen tcp://127.0.0.1:7000 --web 127.0.0.1:8080 --store /tmp/chat.db
  iomux chat --web off --compat
  iomux chat --tls-self-signed --listen-json tcp://127.0.0.1:7002 --admin 127.0.0.1:9090
  iomux chat config print
  iomux chat passwd users.txt ann --operator
  iomux chat health`,
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := s.fill(cmd)
			if err != nil {
				return err
			}
			return s.run(settings, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	s.addFlags(cmd)
	for _, sub := range []*cobra.Command{newChatConfig(), newChatPasswd(), newChatHealth()} {
		// That of the chat lists the chat's flags.
		sub.SetUsageFunc(new(cobra.Command).UsageFunc())
		cmd.AddCommand(sub)
	}
	return cmd
}
