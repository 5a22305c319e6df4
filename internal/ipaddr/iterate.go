package ipaddr

import (
	"fmt"
	"iter"
	"math/big"
	"net/netip"
)

// Addrs are all addresses of the network, in order. None is made before it is
// asked for.
func (n Network) Addrs() iter.Seq[netip.Addr] { return between(n.Addr(), n.Last()) }

// Hosts are the addresses that a host may have, in order. Of an IPv4 network these
// are all but the first and the last, of an IPv6 network all but the first, the
// routers' anycast address. A network of one or two addresses has nothing to
// spare: all of its addresses are hosts.
func (n Network) Hosts() iter.Seq[netip.Addr] {
	first, last, _ := n.hosts()
	return between(first, last)
}

// HostCount is the number of addresses that Hosts yields.
func (n Network) HostCount() *big.Int {
	_, _, without := n.hosts()
	return new(big.Int).Sub(n.Size(), big.NewInt(without))
}

// hosts are the first and the last host, and how many addresses are none.
func (n Network) hosts() (first, last netip.Addr, without int64) {
	first, last = n.Addr(), n.Last()
	if first.BitLen()-n.prefix.Bits() < 2 {
		return first, last, 0
	}
	first, without = first.Next(), 1
	if first.Is4() {
		last, without = last.Prev(), 2
	}
	return first, last, without
}

// between yields two addresses and what lies between them. After the last address
// of all, Next is not valid, so the end is looked for before.
func between(first, last netip.Addr) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for a := first; a.IsValid() && yield(a) && a != last; a = a.Next() {
		}
	}
}

// At is an address by its place in the network: 0 is the first, -1 the last. The
// error, for a place that the network has not, is an ErrRange.
func (n Network) At(i *big.Int) (netip.Addr, error) {
	size := n.Size()
	place := new(big.Int).Set(i)
	if i.Sign() < 0 {
		place.Add(place, size)
	}
	if place.Sign() < 0 || place.Cmp(size) >= 0 {
		return netip.Addr{}, fmt.Errorf("ipaddr: address %v of %v: %w, it has %v", i, n, ErrRange, size)
	}
	return fromInteger(place.Add(place, Integer(n.Addr())), n.Addr().BitLen()), nil
}
