//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"example.com/iomux/cmd/internal/names"
	"example.com/iomux/internal/ipaddr"
)

// sockTypes are the words for types of sockets.
var sockTypes = map[string]names.SockType{"": names.AnyType, "stream": names.Stream, "dgram": names.Dgram}

func (n *netTool) newAddrInfo() *cobra.Command {
	family := familyFlag("")
	sockType := choice{name: "TYPE", of: []string{"stream", "dgram"}}
	proto := choice{name: "PROTO", of: []string{"tcp", "udp"}}
	var canonical bool
	var bounded func() (context.Context, context.CancelFunc)
	cmd := n.section(&cobra.Command{
		Use:   "addrinfo HOST [SERVICE]",
		Short: "Show what to connect to for a service of a host",
		Long: `Show what to connect to for a service of a host, as getaddrinfo does: a block for each
address and type of socket, in the order in which to try them. SERVICE is a
name or a port.`,
		Example: `  iomux net addrinfo localhost http
  iomux net addrinfo --family inet --type stream --proto tcp --canon localhost http
  iomux net addrinfo ::1 53 --json`,
	}, "host", func(p *printer, args []string) error {
		q := names.Query{
			Host: args[0], Family: families[family.value], Type: sockTypes[sockType.value], Proto: proto.value, Canonical: canonical,
		}
		if len(args) > 2 {
			return usagef("surplus argument %q: it takes a host and a service", args[2])
		}
		if len(args) == 2 {
			q.Service = args[1]
		}
		ctx, cancel := bounded()
		defer cancel()
		list, err := n.book.AddrInfo(ctx, q)
		if err != nil && wrongCall(err) {
			return usageError{err}
		}
		for _, i := range list {
			printAddrInfo(p, i)
		}
		return err
	})
	cmd.Flags().Var(&family, "family", "only addresses of this family: inet is IPv4, inet6 IPv6")
	cmd.Flags().Var(&sockType, "type", "only sockets of this type")
	cmd.Flags().Var(&proto, "proto", "only this protocol")
	cmd.Flags().BoolVar(&canonical, "canon", false, "look up the canonical name too, shown in the first block")
	family.complete(cmd, "family")
	sockType.complete(cmd, "type")
	proto.complete(cmd, "proto")
	bounded = timeoutFlag(cmd)
	return cmd
}

func printAddrInfo(p *printer, i names.AddrInfo) {
	r := record{
		{"family", i.Family.String()},
		{"type", i.Type.String()},
		{"protocol", i.Proto.Constant},
		{"canonical", i.Canonical},
		{"address", ipaddr.String(i.Addr.Addr())},
		{"port", i.Addr.Port()},
	}
	if i.Family == names.Inet6 {
		r = append(r, record{{"flowinfo", 0}, {"scope", i.Scope}}...)
	}
	p.block(r)
}

// wrongCall reports whether a look-up failed for what was asked, and not for what
// was found.
func wrongCall(err error) bool {
	for _, wrong := range []error{names.ErrName, names.ErrFamily, names.ErrPort, names.ErrKind} {
		if errors.Is(err, wrong) {
			return true
		}
	}
	return false
}
