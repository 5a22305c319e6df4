//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"errors"
	"net/netip"

	"example.com/iomux/internal/ipaddr"
)

const (
	// loginsAtOnce bounds the logins that are looked at at a time: argon2 takes 64 MiB
	// each.
	loginsAtOnce = 2
	// loginsWaiting bounds those that wait for their turn, some seconds' work, and
	// loginsOfSite those from one address, which so cannot keep all others waiting.
	loginsWaiting, loginsOfSite = 64, 8
)

// logins are those that are looked at, or wait for their turn. The home loop alone
// touches the numbers.
type logins struct {
	turns   chan struct{} // has as many as are looked at
	waiting int
	sites   map[netip.Addr]int
}

func newLogins() logins {
	return logins{turns: make(chan struct{}, loginsAtOnce), sites: map[netip.Addr]int{}}
}

// enter counts a login from an address; the zero one is nobody's. It reports false where
// there are too many.
func (l *logins) enter(site netip.Addr) bool {
	if l.waiting >= loginsWaiting || site.IsValid() && l.sites[site] >= loginsOfSite {
		return false
	}
	l.waiting++
	l.sites[site]++
	return true
}

// exit undoes enter.
func (l *logins) exit(site netip.Addr) {
	l.waiting--
	if l.sites[site]--; l.sites[site] == 0 {
		delete(l.sites, site)
	}
}

var (
	errBusy = errors.New("too many logins wait to be looked at")
	errGone = errors.New("the member has gone")
)

// check looks at a login beside the loops.
func (s *Server) check(p *person, name, secret string) {
	site := ipaddr.Site(p.addr)
	if exempt(s.hub.o.Exempt, p.addr) {
		site = netip.Addr{}
	}
	if !s.logins.enter(site) {
		s.hub.checked(p, Account{}, errBusy)
		return
	}
	auth := s.hub.o.Auth
	go func() {
		s.logins.turns <- struct{}{}
		defer func() { <-s.logins.turns }()
		var account Account
		err := errGone
		if !p.member.away.Load() { // nobody waits for it, and it would cost others their time
			account, err = auth.Check(name, secret)
		}
		_ = s.home.loop.Post(func() {
			s.logins.exit(site)
			s.run(func(h *hub) { h.checked(p, account, err) })
		})
	}()
}
