package names

import (
	"net/netip"
	"slices"
	"strings"

	"example.com/iomux/internal/ipaddr"
)

// entry is a line of hosts(5): an address and its names, at least one.
type entry struct {
	addr  netip.Addr
	names []string
}

// parseHosts reads a file like hosts(5). What is no entry is skipped, as the C
// library does.
func parseHosts(text []byte) (list []entry) {
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		if a, err := ipaddr.Parse(words[0]); err == nil {
			list = append(list, entry{a, words[1:]})
		}
	}
	return list
}

// hostOf is what the entries with a name say: the first name of the first is the
// canonical one. Without an address of the family it is the zero Host.
func hostOf(list []entry, name string, family Family) (h Host) {
	for _, e := range list {
		asked := slices.ContainsFunc(e.names, func(n string) bool { return strings.EqualFold(n, name) })
		if !asked || !family.has(e.addr) {
			continue
		}
		h.Addresses = only(family, append(h.Addresses, e.addr)...)
		for _, n := range e.names {
			switch {
			case h.Name == "":
				h.Name = n
			case n != h.Name && !slices.Contains(h.Aliases, n):
				h.Aliases = append(h.Aliases, n)
			}
		}
	}
	return h
}

// namesOf are the names of the first entry for an address, which has no zone.
func namesOf(list []entry, a netip.Addr) []string {
	for _, e := range list {
		if e.addr.WithZone("").Unmap() == a {
			return e.names
		}
	}
	return nil
}
