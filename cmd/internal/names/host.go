package names

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"example.com/iomux/internal/ipaddr"
)

// Family is a family of addresses; the zero Family is any.
type Family uint8

// The families.
const (
	AnyFamily Family = iota
	Inet             // IPv4
	Inet6            // IPv6
)

// String is the name of the constant in C.
func (f Family) String() string { return [...]string{"AF_UNSPEC", "AF_INET", "AF_INET6"}[f] }

// network is what package net calls it.
func (f Family) network() string { return [...]string{"ip", "ip4", "ip6"}[f] }

// has reports whether an address is of the family.
func (f Family) has(a netip.Addr) bool { return f == AnyFamily || (f == Inet) == a.Is4() }

// Check reports whether an address is of another family. The error is an ErrFamily.
func (f Family) Check(a netip.Addr) error {
	if f.has(a) {
		return nil
	}
	return fmt.Errorf("names: %s: %w, not %v", ipaddr.String(a), ErrFamily, f)
}

// Host is what is known of a host.
type Host struct {
	Name      string   // the canonical one, without a dot at its end
	Aliases   []string // other names
	Addresses []netip.Addr
}

var (
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6 = netip.IPv6Loopback()
)

const localhost = "localhost"

// Host looks a host up by its name, as gethostbyname_ex does. An address in digits
// has itself for a name, and the empty name is the unspecified address. There is
// at least one address if there is no error.
//
// The error is ErrName, ErrFamily, ErrNotFound, ErrTimeout or the resolver's.
func (b *Book) Host(ctx context.Context, name string, family Family) (Host, error) {
	h, known, err := b.local(name, family)
	if known || err != nil {
		return h, err
	}
	addresses, err := b.ask(ctx, name, family)
	if err != nil {
		return Host{}, err
	}
	h = Host{Name: strings.TrimSuffix(name, "."), Addresses: addresses}
	// The addresses are the answer; a canonical name is more than was needed.
	if canonical, err := b.Resolver.LookupCNAME(ctx, name); err == nil && canonical != "" && canonical != "." {
		if canonical = strings.TrimSuffix(canonical, "."); !strings.EqualFold(canonical, h.Name) {
			h.Name, h.Aliases = canonical, []string{h.Name}
		}
	}
	return h, nil
}

// addresses are those of a host, without its names.
func (b *Book) addresses(ctx context.Context, name string, family Family) ([]netip.Addr, error) {
	h, known, err := b.local(name, family)
	if known || err != nil {
		return h.Addresses, err
	}
	return b.ask(ctx, name, family)
}

// local is what is known of a host without asking the network.
func (b *Book) local(name string, family Family) (h Host, known bool, err error) {
	if name == "" {
		a := netip.IPv4Unspecified()
		if family == Inet6 {
			a = netip.IPv6Unspecified()
		}
		return Host{Name: a.String(), Addresses: []netip.Addr{a}}, true, nil
	}
	if a, err := ipaddr.Parse(name); err == nil {
		if err := family.Check(a); err != nil {
			return Host{}, false, err
		}
		return Host{Name: ipaddr.String(a), Addresses: []netip.Addr{a}}, true, nil
	}
	if err := Check(name); err != nil {
		return Host{}, false, err
	}
	name = strings.TrimSuffix(name, ".")
	if isLocalhost(name) {
		return Host{Name: strings.ToLower(name), Addresses: only(family, loopback6, loopback4)}, true, nil
	}
	h = hostOf(parseHosts(readFile(b.HostsFile)), name, family)
	return h, len(h.Addresses) > 0, nil
}

func isLocalhost(name string) bool {
	name = strings.ToLower(name)
	return name == localhost || strings.HasSuffix(name, "."+localhost)
}

// only are those of the addresses that are of a family, each once.
func only(family Family, addresses ...netip.Addr) (list []netip.Addr) {
	for _, a := range addresses {
		if family.has(a) && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

// ask asks the network for the addresses of a host.
func (b *Book) ask(ctx context.Context, name string, family Family) ([]netip.Addr, error) {
	list, err := b.Resolver.LookupNetIP(ctx, family.network(), name)
	if err != nil {
		return nil, failed(name, err)
	}
	for i, a := range list {
		list[i] = a.Unmap() // package net may give IPv4 addresses as v4-mapped ones
	}
	if list = only(family, list...); len(list) == 0 {
		return nil, failed(name, ErrNotFound)
	}
	return list, nil
}

// Addr looks a host up by its address, as gethostbyaddr does; a zone is not looked
// at. Addresses is the one that was asked for.
//
// The error is ErrNotFound, ErrTimeout or the resolver's.
func (b *Book) Addr(ctx context.Context, a netip.Addr) (Host, error) {
	bare := a.WithZone("").Unmap()
	names := namesOf(parseHosts(readFile(b.HostsFile)), bare)
	if len(names) == 0 && (bare == loopback4 || bare == loopback6) {
		names = []string{localhost}
	}
	if len(names) == 0 {
		found, err := b.Resolver.LookupAddr(ctx, bare.String())
		if err != nil {
			return Host{}, failed(ipaddr.String(a), err)
		}
		for _, name := range found {
			if name = strings.TrimSuffix(name, "."); name != "" {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return Host{}, failed(ipaddr.String(a), ErrNotFound)
	}
	return Host{Name: names[0], Aliases: names[1:], Addresses: []netip.Addr{a}}, nil
}

// FQDN is the full name of a host, as getfqdn guesses it: of the names that the
// host's first address has, the first with a dot in it, or else the first. That
// may be quite another name than the one asked for. Where nothing is found, it is
// the name itself. Without a name, or with 0.0.0.0 or ::, it is about this machine.
//
// The error is that of the function Hostname, or an ErrName.
func (b *Book) FQDN(ctx context.Context, name string) (string, error) {
	if name == "" || name == "0.0.0.0" || name == "::" {
		var err error
		if name, err = b.Hostname(); err != nil {
			return "", fmt.Errorf("names: this machine's name: %w", err)
		}
	} else if _, err := ipaddr.Parse(name); err != nil {
		if err := Check(name); err != nil {
			return "", err
		}
	}
	// Where a look-up fails, the name is the best that is known.
	addresses, err := b.addresses(ctx, name, AnyFamily)
	if err != nil {
		return name, nil
	}
	h, err := b.Addr(ctx, addresses[0])
	if err != nil {
		return name, nil
	}
	for _, full := range append([]string{h.Name}, h.Aliases...) {
		if strings.Contains(full, ".") {
			return full, nil
		}
	}
	return h.Name, nil
}

// Check reports what cannot be the name of a host, nor an address. What ends in a
// number is meant as an address, such as 127.1, and not in full: the C library
// would take it. The error is an ErrName.
func Check(name string) error {
	const longest = 254 // of a name in DNS, with the dot at its end
	if _, err := ipaddr.Parse(name); err == nil {
		return nil
	}
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	last := labels[len(labels)-1]
	strange := func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`/\:@%[]`, r) }
	if len(name) > longest || slices.Contains(labels, "") || strings.ContainsFunc(name, strange) || isNumber(last) {
		return fmt.Errorf("names: %w: %.300q", ErrName, name)
	}
	return nil
}

// isNumber reports whether C takes a word for a number, but for one too large.
func isNumber(s string) bool {
	if hex, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(s, "0123456789") == ""
}
