//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// bans are who may not be here, and mutes who may not be heard: by the fold of a
// nickname or by an address. Both are few: operators make them.
type bans struct {
	list []Ban
	// What list says, to be found fast.
	nicks    map[string]time.Time // until when; zero is for ever
	networks map[netip.Prefix]time.Time
}

// bansKept bounds the list.
const bansKept = 10_000

// fill takes a list in.
func (b *bans) fill(list []Ban) {
	b.list, b.nicks, b.networks = list, map[string]time.Time{}, map[netip.Prefix]time.Time{}
	for _, ban := range list {
		if network, err := parseNetwork(ban.Whom); err == nil {
			b.networks[network] = ban.Until
		} else if _, fold, err := foldNick(ban.Whom); err == nil {
			b.nicks[fold] = ban.Until
		}
	}
}

// parseNetwork reads an address or a network.
func parseNetwork(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
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
	list := slices.DeleteFunc(slices.Clone(b.list), func(o Ban) bool {
		return sameWhom(o.Whom, ban.Whom) || over(o.Until, now)
	})
	if len(list) >= bansKept {
		return false
	}
	b.fill(append(list, ban))
	return true
}

// lift undoes a ban, and reports whether there was one.
func (b *bans) lift(whom string) bool {
	list := slices.DeleteFunc(slices.Clone(b.list), func(o Ban) bool { return sameWhom(o.Whom, whom) })
	found := len(list) < len(b.list)
	b.fill(list)
	return found
}

// current are those that still hold.
func (b *bans) current(now time.Time) []Ban {
	return slices.DeleteFunc(slices.Clone(b.list), func(o Ban) bool { return over(o.Until, now) })
}

// nick reports whether a nickname, folded, is banned.
func (b *bans) nick(fold string, now time.Time) bool {
	until, ok := b.nicks[fold]
	return ok && !over(until, now)
}

// addr reports whether an address is. All networks that it could be in are looked up:
// at most 129 of them.
func (b *bans) addr(a netip.Addr, now time.Time) bool {
	if !a.IsValid() || len(b.networks) == 0 {
		return false
	}
	for bits := a.BitLen(); bits >= 0; bits-- {
		p, _ := a.Prefix(bits)
		if until, ok := b.networks[p]; ok && !over(until, now) {
			return true
		}
	}
	return false
}

func over(until, now time.Time) bool { return !until.IsZero() && !until.After(now) }

func sameWhom(a, b string) bool {
	if p, err := parseNetwork(a); err == nil {
		q, err := parseNetwork(b)
		return err == nil && p == q
	}
	_, fa, erra := foldNick(a)
	_, fb, errb := foldNick(b)
	return erra == nil && errb == nil && fa == fb
}
