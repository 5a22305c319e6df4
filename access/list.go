package access

import "net/netip"

// List is a list of rules. It does not change, and any goroutine may use it: to
// exchange the rules of a running server, exchange the List. A nil List allows
// everybody.
type List struct {
	rules     []rule
	otherwise bool // whether peers are allowed whom no rule matches
	unix      bool // whether the peers of Unix sockets are allowed
	v4, v6    verdicts
}

// rule is one line.
type rule struct {
	allow bool
	of    target
	net   netip.Prefix // of a network: unmapped and masked
}

// target is which peers a rule is about.
type target uint8

const (
	network target = iota
	everyAddress
	unixPeers
)

// Allowed reports whether a peer with this address may connect; the zero Addr is
// the peer of a Unix socket. It does not allocate, and its time grows with the
// logarithm of the number of rules.
func (l *List) Allowed(peer netip.Addr) bool {
	switch {
	case l == nil:
		return true
	case !peer.IsValid():
		return l.unix
	case peer.Is4() || peer.Is4In6():
		return l.v4.of(keyOf(peer))
	}
	return l.v6.of(keyOf(peer))
}

// Len is the number of rules, the default not counted.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return len(l.rules)
}

// String is the rules as [Parse] reads them, the default last. Every network is
// written in one way only.
func (l *List) String() string {
	if l == nil {
		l = &List{otherwise: true}
	}
	var text []byte
	for _, r := range l.rules {
		text = append(append(text, verb(r.allow)...), ' ')
		switch {
		case r.of == everyAddress:
			text = append(text, wordAll...)
		case r.of == unixPeers:
			text = append(text, wordUnix...)
		case r.net.IsSingleIP():
			text = r.net.Addr().AppendTo(text)
		default:
			text = r.net.AppendTo(text)
		}
		text = append(text, '\n')
	}
	return string(text) + wordDefault + " " + verb(l.otherwise) + "\n"
}

func verb(allow bool) string {
	if allow {
		return wordAllow
	}
	return wordDeny
}
