//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"encoding/hex"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"example.com/iomux/internal/ipaddr"
)

func (n *netTool) newAton() *cobra.Command {
	return n.section(&cobra.Command{
		Use:   "aton TEXT...",
		Short: "Show what inet_aton makes of a text",
		Long: `Show what inet_aton of the GNU C library makes of a text, as hexadecimal bytes. It
takes more than anybody means: short forms, octal and hexadecimal numbers, and
anything behind a blank. To check an address, use pton.`,
		Example: `  iomux net aton 192.168.1.1
  iomux net aton 127.1 0x7f.1 '127.0.0.1 and more'`,
	}, "text", pack(ipaddr.Aton))
}

func (n *netTool) newPton() *cobra.Command {
	return n.section(&cobra.Command{
		Use:   "pton ADDRESS...",
		Short: "Show the bytes of an address",
		Long: `Show the bytes of an address in hexadecimal, as inet_pton makes them. The address is
one of IPv4 or IPv6, in full and without a zone.`,
		Example: `  iomux net pton 192.168.1.1
  iomux net pton 2002:ac10:10a:1234:21e:52ff:fe74:40e`,
	}, "address", pack(ipaddr.Pton))
}

// pack prints the bytes of what parse makes of each argument.
func pack(parse func(string) (netip.Addr, error)) func(p *printer, args []string) error {
	return func(p *printer, args []string) error {
		list, err := parseAll(args, parse)
		for i, a := range list {
			p.line(record{{"text", args[i]}, {"packed", ipaddr.Packed(a)}})
		}
		return err
	}
}

func (n *netTool) newNtoa() *cobra.Command {
	return n.section(&cobra.Command{
		Use:     "ntoa BYTES...",
		Short:   "Show the IPv4 address of 4 bytes",
		Long:    "Show the IPv4 address of 4 bytes, given as 8 hexadecimal digits, as inet_ntoa does.",
		Example: "  iomux net ntoa c0a80101 7f000001",
	}, "bytes", unpack(4))
}

func (n *netTool) newNtop() *cobra.Command {
	return n.section(&cobra.Command{
		Use:   "ntop BYTES...",
		Short: "Show the address of 4 or 16 bytes",
		Long: `Show the address of 4 or 16 bytes, given as 8 or 32 hexadecimal digits, as inet_ntop
does: the IPv4 address in a v4-mapped one is in decimal, where "iomux net ip" has
it in hexadecimal like Python.`,
		Example: `  iomux net ntop c0a80101
  iomux net ntop 2002ac10010a1234021e52fffe74040e`,
	}, "bytes", unpack(4, 16))
}

// unpack prints the address of each argument, which is bytes in hexadecimal, as many
// as one of the sizes says.
func unpack(sizes ...int) func(p *printer, args []string) error {
	return func(p *printer, args []string) error {
		list, err := parseAll(args, func(s string) (string, error) {
			b, err := hex.DecodeString(s)
			for _, size := range sizes {
				if err == nil && len(b) == size {
					return ipaddr.Ntop(b)
				}
			}
			return "", wantDigits(s, sizes)
		})
		for i, text := range list {
			p.line(record{{"packed", args[i]}, {"text", text}})
		}
		return err
	}
}

func wantDigits(s string, sizes []int) error {
	if len(sizes) == 1 {
		return fmt.Errorf("%.99q: want %d hexadecimal digits", s, 2*sizes[0])
	}
	return fmt.Errorf("%.99q: want %d or %d hexadecimal digits", s, 2*sizes[0], 2*sizes[1])
}
