package access

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"example.com/iomux/internal/ipaddr"
)

// ErrRule is what every error of this package wraps: a line is no rule.
var ErrRule = errors.New("not a rule")

// The words of a rule.
const (
	wordAllow   = "allow"
	wordDeny    = "deny"
	wordDefault = "default"
	wordAll     = "all"
	wordUnix    = "unix"
)

// Parse reads rules: the text of a file, or one rule a flag. Each string may hold
// any number of lines; blank ones are skipped, and so is what stands behind a #.
// No rule at all makes a List that denies every address.
//
// The error is an ErrRule, and says which line it is, counted through all strings,
// and what is wrong with it.
func Parse(texts ...string) (*List, error) {
	l := &List{unix: true}
	number := 0
	ended := false // by the default
	for _, text := range texts {
		for line := range strings.Lines(text) {
			number++
			line, _, _ = strings.Cut(line, "#")
			words := strings.Fields(line)
			if len(words) == 0 {
				continue
			}
			var err error
			switch {
			case ended:
				err = errors.New("nothing may follow the default")
			case words[0] == wordDefault:
				l.otherwise, err = parseDefault(words)
				ended = true
			default:
				err = l.add(words)
			}
			if err != nil {
				return nil, fmt.Errorf("access: line %d is %w: %q: %w", number, ErrRule, short(strings.Join(words, " ")), err)
			}
		}
	}
	l.compile()
	return l, nil
}

// short is the beginning of what may be anything, such as a file that is no text.
func short(s string) string {
	const enough = 80
	if len(s) > enough {
		return s[:enough] + "…"
	}
	return s
}

func parseDefault(words []string) (allow bool, err error) {
	if len(words) != 2 {
		return false, errors.New("want default allow or default deny")
	}
	return parseVerb(words[1])
}

func parseVerb(word string) (allow bool, err error) {
	if word != wordAllow && word != wordDeny {
		return false, fmt.Errorf("want %s or %s, not %q", wordAllow, wordDeny, short(word))
	}
	return word == wordAllow, nil
}

// add appends the rule of a line.
func (l *List) add(words []string) error {
	allow, err := parseVerb(words[0])
	if err != nil {
		return err
	}
	if len(words) != 2 {
		return fmt.Errorf("want one address or network behind %s", words[0])
	}
	r := rule{allow: allow}
	switch words[1] {
	case wordAll:
		r.of = everyAddress
	case wordUnix:
		r.of = unixPeers
	default:
		if r.net, err = parseNetwork(words[1]); err != nil {
			return err
		}
	}
	l.rules = append(l.rules, r)
	return nil
}

// parseNetwork reads an address or a network. One of v4-mapped addresses is the
// network of their IPv4 addresses.
func parseNetwork(s string) (netip.Prefix, error) {
	n, err := ipaddr.ParseNetwork(s)
	if errors.Is(err, ipaddr.ErrHostBits) {
		i, _ := ipaddr.ParseInterface(s) // that much it is
		return netip.Prefix{}, fmt.Errorf("want the address %v or the network %v", i.Addr(), i.Network())
	}
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("want an address, a network such as 10.0.0.0/8, %s or %s", wordAll, wordUnix)
	}
	p := n.Prefix()
	if !p.Addr().Is4In6() {
		return p, nil
	}
	// A shorter prefix, of addresses that are v4-mapped and others, would have to
	// be two networks. Its own address could be v4-mapped only below 96 bits.
	return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96), nil
}

// compile makes the rules into what Allowed looks at.
func (l *List) compile() {
	var v4, v6 []block
	unixDecided := false
	for rank, r := range l.rules {
		switch {
		case r.of == unixPeers:
			if !unixDecided {
				l.unix, unixDecided = r.allow, true
			}
		case r.of == everyAddress:
			v4 = append(v4, blockOf(everyV4, rank, r.allow))
			v6 = append(v6, blockOf(everyV6, rank, r.allow))
		case r.net.Addr().Is4():
			v4 = append(v4, blockOf(r.net, rank, r.allow))
		default:
			v6 = append(v6, blockOf(r.net, rank, r.allow))
		}
	}
	l.v4 = compile(v4, l.otherwise)
	l.v6 = compile(v6, l.otherwise)
}

var (
	everyV4 = netip.MustParsePrefix("0.0.0.0/0")
	everyV6 = netip.MustParsePrefix("::/0")
)
