//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"github.com/spf13/cobra"

	"example.com/iomux/cmd/internal/names"
)

// protoFlag gives a section a flag for the protocol of a service.
func protoFlag(cmd *cobra.Command) *choice {
	proto := &choice{name: "PROTO", of: []string{"tcp", "udp"}}
	cmd.Flags().Var(proto, "proto", "over this protocol only (default any, tcp first)")
	proto.complete(cmd, "proto")
	return proto
}

func (n *netTool) newService() *cobra.Command {
	var proto *choice
	cmd := n.section(&cobra.Command{
		Use:   "service NAME...",
		Short: "Show the port of a service",
		Long: `Show the port of a service, as getservbyname does. What is not in the program's
own table is looked up in /etc/services.`,
		Example: `  iomux net service http
  iomux net service --proto udp domain ntp`,
	}, "name of a service", func(p *printer, args []string) error {
		return each(args, func(name string) error {
			s, err := n.book.Service(name, proto.value)
			if err == nil {
				p.line(record{{"service", name}, {"port", s.Port}})
			}
			return err
		})
	})
	proto = protoFlag(cmd)
	return cmd
}

func (n *netTool) newPort() *cobra.Command {
	var proto *choice
	cmd := n.section(&cobra.Command{
		Use:   "port N...",
		Short: "Show the service that has a port",
		Long: `Show the service that has a port, as getservbyport does. What is not in the
program's own table is looked up in /etc/services.`,
		Example: `  iomux net port 143
  iomux net port --proto udp 53 123`,
	}, "port", func(p *printer, args []string) error {
		list, err := parseAll(args, names.ParsePort)
		if err != nil {
			return err
		}
		return each(list, func(port uint16) error {
			s, err := n.book.Port(port, proto.value)
			if err == nil {
				p.line(record{{"port", port}, {"service", s.Name}})
			}
			return err
		})
	})
	proto = protoFlag(cmd)
	return cmd
}

func (n *netTool) newProto() *cobra.Command {
	return n.section(&cobra.Command{
		Use:   "proto NAME...",
		Short: "Show the number of a protocol, and its constant in C",
		Long:  "Show the number of a protocol, as getprotobyname does, and its constant in C.",
		Example: `  iomux net proto tcp
  iomux net proto icmp udp tcp --json`,
	}, "name of a protocol", func(p *printer, args []string) error {
		return each(args, func(name string) error {
			proto, err := names.LookupProtocol(name)
			if err == nil {
				p.line(record{{"protocol", name}, {"number", proto.Number}, {"constant", proto.Constant}})
			}
			return err
		})
	})
}
