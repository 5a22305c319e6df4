//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"example.com/iomux/cmd/internal/names"
	"example.com/iomux/internal/ipaddr"
)

// families are the words for families of addresses.
var families = map[string]names.Family{"": names.AnyFamily, "inet": names.Inet, "inet6": names.Inet6}

func familyFlag(value string) choice {
	return choice{name: "FAMILY", value: value, of: []string{"inet", "inet6"}}
}

// timeoutFlag gives a section a flag that bounds each of its look-ups, and returns
// what makes a context with that bound.
func timeoutFlag(cmd *cobra.Command) func() (context.Context, context.CancelFunc) {
	timeout := &span{value: 5 * time.Second, min: time.Millisecond}
	cmd.Flags().Var(timeout, "timeout", "how long one look-up may take")
	return func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(cmd.Context(), timeout.value)
	}
}

func (n *netTool) newHost() *cobra.Command {
	family := familyFlag("inet")
	var bounded func() (context.Context, context.CancelFunc)
	cmd := n.section(&cobra.Command{
		Use:   "host NAME...",
		Short: "Show the addresses of a host, its canonical name and aliases",
		Long: `Show the addresses of a host, its canonical name and aliases, as gethostbyname_ex
does: IPv4 unless --family says otherwise. An empty name is 0.0.0.0.

The aliases of hosts that are in /etc/hosts stand there; of others only the name that
was asked for is known, where it is not the canonical one.`,
		Example: `  iomux net host localhost
  iomux net host --family inet6 --timeout 2s localhost`,
	}, "name of a host", func(p *printer, args []string) error {
		for _, name := range args {
			if err := checkHost(name, families[family.value]); err != nil {
				return usageError{err}
			}
		}
		return each(args, func(name string) error {
			ctx, cancel := bounded()
			defer cancel()
			h, err := n.book.Host(ctx, name, families[family.value])
			if err == nil {
				printHost(p, name, h)
			}
			return err
		})
	})
	cmd.Flags().Var(&family, "family", "addresses of this family: inet is IPv4, inet6 IPv6")
	family.complete(cmd, "family")
	bounded = timeoutFlag(cmd)
	return cmd
}

// checkHost reports what cannot be the name of a host, or an address of the family.
func checkHost(name string, family names.Family) error {
	if name == "" {
		return nil
	}
	if a, err := ipaddr.Parse(name); err == nil {
		return family.Check(a)
	}
	return names.Check(name)
}

func printHost(p *printer, asked string, h names.Host) {
	list := make([]string, len(h.Addresses))
	for i, a := range h.Addresses {
		list[i] = ipaddr.String(a)
	}
	p.block(record{{"asked", asked}, {"name", h.Name}, {"alias", h.Aliases}, {"address", list}})
}

func (n *netTool) newAddr() *cobra.Command {
	var bounded func() (context.Context, context.CancelFunc)
	cmd := n.section(&cobra.Command{
		Use:   "addr ADDRESS...",
		Short: "Show the names of an address",
		Long:  "Show the names of an address, as gethostbyaddr does.",
		Example: `  iomux net addr 127.0.0.1
  iomux net addr --timeout 2s ::1`,
	}, "address", func(p *printer, args []string) error {
		list, err := parseAll(args, ipaddr.Parse)
		if err != nil {
			return err
		}
		return each(list, func(a netip.Addr) error {
			ctx, cancel := bounded()
			defer cancel()
			h, err := n.book.Addr(ctx, a)
			if err == nil {
				printHost(p, ipaddr.String(a), h)
			}
			return err
		})
	})
	bounded = timeoutFlag(cmd)
	return cmd
}

func (n *netTool) newFQDN() *cobra.Command {
	var bounded func() (context.Context, context.CancelFunc)
	cmd := n.section(&cobra.Command{
		Use:   "fqdn [NAME]...",
		Short: "Guess the full name of a host, or of this one",
		Long: `Guess the full name of a host, or of this one, as getfqdn does: the first name with
a dot that its address has. That may be quite another name; where there is
none, it is the name that was asked for.`,
		Example: `  iomux net fqdn
  iomux net fqdn localhost`,
	}, "", func(p *printer, args []string) error {
		for _, name := range args {
			if err := checkHost(name, names.AnyFamily); err != nil {
				return usageError{err}
			}
		}
		if len(args) == 0 {
			ctx, cancel := bounded()
			defer cancel()
			full, err := n.book.FQDN(ctx, "")
			if err == nil {
				p.line(record{{"fqdn", full}})
			}
			return err
		}
		return each(args, func(name string) error {
			ctx, cancel := bounded()
			defer cancel()
			full, err := n.book.FQDN(ctx, name)
			if err == nil {
				p.line(record{{"asked", name}, {"fqdn", full}})
			}
			return err
		})
	})
	cmd.Args = cobra.ArbitraryArgs
	bounded = timeoutFlag(cmd)
	return cmd
}

func (n *netTool) newHostname() *cobra.Command {
	cmd := n.section(&cobra.Command{
		Use:     "hostname",
		Short:   "Show the name of this machine",
		Long:    "Show the name of this machine.",
		Example: "  iomux net hostname",
	}, "", func(p *printer, _ []string) error {
		name, err := n.book.Hostname()
		if err != nil {
			return fmt.Errorf("this machine's name: %w", err)
		}
		p.line(record{{"hostname", name}})
		return nil
	})
	cmd.Args = noArguments
	return cmd
}
