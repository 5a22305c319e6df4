//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"math/big"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"example.com/iomux/internal/ipaddr"
)

func (n *netTool) newIP() *cobra.Command {
	return n.section(&cobra.Command{
		Use:   "ip ADDRESS...",
		Short: "Show an address as text, bytes and number",
		Long: `Show an address as text, bytes and number.

ADDRESS is an IPv4 or IPv6 address in full, or a number: below 2^32 it is an IPv4
address. Private is what Python 3.11 takes for it: also loopback, link-local,
documentation and reserved addresses.`,
		Example: `  iomux net ip 10.9.0.6
  iomux net ip fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa fe80::1%eth0
  iomux net ip 168361990`,
	}, "address", func(p *printer, args []string) error {
		list, err := parseAll(args, parseIP)
		for _, a := range list {
			p.block(record{
				{"address", ipaddr.String(a)},
				{"version", ipaddr.Version(a)},
				{"private", ipaddr.IsPrivate(a)},
				{"packed", ipaddr.Packed(a)},
				{"integer", ipaddr.Integer(a).String()},
			})
		}
		return err
	})
}

// parseIP reads an address or the number of one.
func parseIP(s string) (netip.Addr, error) {
	const longest = 39 // digits of 2^128
	if s != "" && len(s) <= longest && strings.Trim(s, "0123456789") == "" {
		number, _ := new(big.Int).SetString(s, 10) // it has digits only
		return ipaddr.FromInteger(number)
	}
	return ipaddr.Parse(s)
}

func (n *netTool) newInterface() *cobra.Command {
	return n.section(&cobra.Command{
		Use:   "interface ADDRESS/PREFIX...",
		Short: "Show an address within its network",
		Long: `Show an address within its network.

PREFIX is the number of bits of the network, or for IPv4 a netmask or a hostmask.`,
		Example: `  iomux net interface 10.9.0.6/24
  iomux net interface 10.9.0.6/255.255.255.0 fe80::1%eth0/64`,
	}, "address with a prefix", func(p *printer, args []string) error {
		list, err := parseAll(args, ipaddr.ParseInterface)
		for _, i := range list {
			p.block(record{
				{"interface", i.String()},
				{"network", i.Network().String()},
				{"ip", ipaddr.String(i.Addr().WithZone(""))},
				{"with-netmask", i.WithNetmask()},
				{"with-hostmask", i.WithHostmask()},
			})
		}
		return err
	})
}
