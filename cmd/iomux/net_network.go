//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/big"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"example.com/iomux/internal/ipaddr"
)

// longList is the number of addresses that are listed without being told how
// many: those of a /16 of IPv4. Nobody wants all of 2^64, and an answer that was
// cut without a word would be wrong.
const longList = 1 << 16

func (n *netTool) newNetwork() *cobra.Command {
	first := count{max: math.MaxInt32}
	at := index{}
	var hosts, loose bool
	var contains []string
	cmd := n.section(&cobra.Command{
		Use:   "network NETWORK...",
		Short: "Show a network, list it, or look into it",
		Long: `Show a network, list it, or look into it.

NETWORK is an address and the number of bits that all addresses begin with, as in
10.9.0.0/24. IPv4 has also netmasks and hostmasks, 10.9.0.0/255.255.255.0 and
10.9.0.0/0.0.0.255. An address alone is a network of one.

Flags ask for something else than the description: --first and --hosts for addresses,
--at for the one at a place, --contains for the network that an address is on. That is
the first that has it; the exit status is 1 if there is an address that is on none.`,
		Example: `  iomux net network 10.9.0.0/24 fdfd:87b5:b475:5e3e::/64
  iomux net network --first 3 fdfd:87b5:b475:5e3e::/64
  iomux net network --hosts 10.9.0.0/29
  iomux net network --at -1 10.9.0.0/24
  iomux net network --contains 10.9.0.6 10.7.0.0/16 10.9.0.0/24
  iomux net network --loose 10.9.0.6/24`,
	}, "network", func(p *printer, args []string) error {
		if err := onlyOne(first.value > 0 || hosts, at.number != nil, contains != nil); err != nil {
			return err
		}
		parse := ipaddr.ParseNetwork
		if loose {
			parse = looseNetwork
		}
		list, err := parseAll(args, parse)
		if err != nil {
			return err
		}
		switch {
		case contains != nil:
			return printMembers(p, list, contains)
		case at.number != nil:
			return printAt(p, list, at.number)
		case hosts || first.value > 0:
			return printAddresses(p, list, hosts, first.value)
		}
		for _, net := range list {
			printNetwork(p, net)
		}
		return nil
	})
	cmd.Flags().Var(&first, "first", "list the first addresses")
	cmd.Flags().BoolVar(&hosts, "hosts", false, "list hosts, without the network's own address and broadcast")
	cmd.Flags().Var(&at, "at", "print the address at this place; 0 is the first, -1 the last")
	cmd.Flags().StringArrayVar(&contains, "contains", nil, "say on which network an `ADDRESS` is; may be repeated")
	cmd.Flags().BoolVar(&loose, "loose", false, "take an address for the network it is in")
	return cmd
}

// onlyOne refuses to ask for two things at once.
func onlyOne(list, at, contains bool) error {
	if list && at || at && contains || contains && list {
		return usagef("want only one of --at, --contains, and --first or --hosts")
	}
	return nil
}

func (n *netTool) newHosts() *cobra.Command {
	first := count{max: math.MaxInt32}
	cmd := n.section(&cobra.Command{
		Use:   "hosts NETWORK...",
		Short: "List the addresses that hosts may have",
		Long: `List the addresses that hosts may have: of IPv4 all but the first and the last, of
IPv6 all but the first. A network of one or two addresses has only hosts.`,
		Example: `  iomux net hosts 10.9.0.0/29
  iomux net hosts --first 3 fdfd:87b5:b475:5e3e::/64`,
	}, "network", func(p *printer, args []string) error {
		list, err := parseAll(args, ipaddr.ParseNetwork)
		if err != nil {
			return err
		}
		return printAddresses(p, list, true, first.value)
	})
	cmd.Flags().Var(&first, "first", fmt.Sprintf("how many of each network; more than %d want to be asked for", longList))
	return cmd
}

func looseNetwork(s string) (ipaddr.Network, error) {
	i, err := ipaddr.ParseInterface(s)
	return i.Network(), err
}

func printNetwork(p *printer, n ipaddr.Network) {
	p.block(record{
		{"network", n.String()},
		{"version", ipaddr.Version(n.Addr())},
		{"private", n.IsPrivate()},
		{"broadcast", ipaddr.String(n.Last())},
		{"netmask", ipaddr.String(n.Netmask())},
		{"hostmask", ipaddr.String(n.Hostmask())},
		{"with-netmask", n.WithNetmask()},
		{"with-hostmask", n.WithHostmask()},
		{"addresses", n.Size().String()},
	})
}

// printAddresses lists addresses, or hosts, of each network; most is 0 for all.
func printAddresses(p *printer, list []ipaddr.Network, hosts bool, most int) error {
	for _, n := range list {
		if size := n.Size(); most == 0 && size.Cmp(big.NewInt(longList)) > 0 {
			return usagef("%v has %v addresses: say with --first how many", n, size)
		}
	}
	for _, n := range list {
		addresses := n.Addrs()
		if hosts {
			addresses = n.Hosts()
		}
		printSome(p, n, addresses, most)
	}
	return nil
}

func printSome(p *printer, n ipaddr.Network, addresses iter.Seq[netip.Addr], most int) {
	left := most
	for a := range addresses {
		printAddress(p, n, a)
		if left--; left == 0 || p.failed() {
			return
		}
	}
}

// printAddress prints an address of a network, which only objects name.
func printAddress(p *printer, n ipaddr.Network, a netip.Addr) {
	r := record{{"address", ipaddr.String(a)}}
	if p.asJSON {
		r = append(record{{"network", n.String()}}, r...)
	}
	p.line(r)
}

// printAt prints the address at a place of each network.
func printAt(p *printer, list []ipaddr.Network, place *big.Int) error {
	addresses := make([]netip.Addr, len(list))
	for i, n := range list {
		a, err := n.At(place)
		if err != nil {
			return usageError{err}
		}
		addresses[i] = a
	}
	for i, n := range list {
		printAddress(p, n, addresses[i])
	}
	return nil
}

// printMembers prints for each address the first network that it is on.
func printMembers(p *printer, list []ipaddr.Network, contains []string) error {
	addresses, err := parseAll(contains, parseIP)
	if err != nil {
		return err
	}
	return each(addresses, func(a netip.Addr) error {
		for _, n := range list {
			if n.Contains(a) {
				p.line(record{{"address", ipaddr.String(a)}, {"network", n.String()}})
				return nil
			}
		}
		return fmt.Errorf("%s is not on a known network", ipaddr.String(a))
	})
}

// index is a flag that takes a whole number of any size.
type index struct{ number *big.Int }

func (i *index) Type() string { return "N" }

func (i *index) String() string {
	if i.number == nil {
		return ""
	}
	return i.number.String()
}

func (i *index) Set(s string) error {
	const longest = 40 // a sign and the digits of 2^128
	digits := strings.TrimPrefix(s, "-")
	number, ok := new(big.Int).SetString(s, 10)
	if len(s) > longest || strings.Trim(digits, "0123456789") != "" || !ok {
		return errors.New("want a whole number, such as 5 or -1")
	}
	i.number = number
	return nil
}
