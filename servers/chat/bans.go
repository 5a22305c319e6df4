//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// bans are who may not be here, or, as mutes, who may not be heard.
type bans struct {
	nicks    map[string]Ban // by their folds
	networks map[netip.Prefix]Ban
}

// bansKept bounds them.
const bansKept = 10_000

// fill takes a list in.
func (b *bans) fill(list []Ban) {
	b.nicks, b.networks = map[string]Ban{}, map[netip.Prefix]Ban{}
	for _, ban := range list {
		b.put(ban)
	}
}

func (b *bans) put(ban Ban) {
	if network, err := parseNetwork(ban.Whom); err == nil {
		b.networks[network] = ban
	} else if _, fold, err := foldNick(ban.Whom); err == nil {
		b.nicks[fold] = ban
	}
}

// parseNetwork reads an address or a network.
func parseNetwork(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if a := p.Addr(); err == nil && a.Is4In6() && p.Bits() >= 96 { // which no member's address is
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// set bans, or bans for another time. It reports false where there are too many.
func (b *bans) set(ban Ban, now time.Time) bool {
	if len(b.nicks)+len(b.networks) >= bansKept {
		if b.forget(now); len(b.nicks)+len(b.networks) >= bansKept {
			return false
		}
	}
	b.put(ban)
	return true
}

// lift undoes a ban, and reports whether there was one.
func (b *bans) lift(whom string) (found bool) {
	if network, err := parseNetwork(whom); err == nil {
		_, found = b.networks[network]
		delete(b.networks, network)
	} else if _, fold, err := foldNick(whom); err == nil {
		_, found = b.nicks[fold]
		delete(b.nicks, fold)
	}
	return found
}

// forget lifts those whose time is over.
func (b *bans) forget(now time.Time) {
	maps.DeleteFunc(b.nicks, func(_ string, ban Ban) bool { return over(ban.Until, now) })
	maps.DeleteFunc(b.networks, func(_ netip.Prefix, ban Ban) bool { return over(ban.Until, now) })
}

// current are those that still hold, in order.
func (b *bans) current(now time.Time) (list []Ban) {
	for _, all := range [][]Ban{slices.Collect(maps.Values(b.networks)), slices.Collect(maps.Values(b.nicks))} {
		slices.SortFunc(all, func(a, b Ban) int { return strings.Compare(a.Whom, b.Whom) })
		for _, ban := range all {
			if !over(ban.Until, now) {
				list = append(list, ban)
			}
		}
	}
	return list
}

// nick reports whether a nickname, folded, is banned.
func (b *bans) nick(fold string, now time.Time) bool {
	ban, ok := b.nicks[fold]
	return ok && !over(ban.Until, now)
}

// addr reports whether an address is. All networks that it could be in are looked up:
// at most 129 of them.
func (b *bans) addr(a netip.Addr, now time.Time) bool {
	if !a.IsValid() || len(b.networks) == 0 {
		return false
	}
	for bits := a.BitLen(); bits >= 0; bits-- {
		p, _ := a.Prefix(bits)
		if ban, ok := b.networks[p]; ok && !over(ban.Until, now) {
			return true
		}
	}
	return false
}

func over(until, now time.Time) bool { return !until.IsZero() && !until.After(now) }
