//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"net/netip"
	"sync"
	"time"

	"example.com/iomux/internal/ipaddr"
)

// addresses bounds what comes from one address. All loops share it: the lock is held for
// a look at a table.
type addresses struct {
	mu    sync.Mutex
	o     *Options
	sites map[netip.Addr]*visitors
}

// configure has other bounds hold for addresses that come from now on.
func (t *addresses) configure(o *Options) {
	t.mu.Lock()
	t.o = o
	t.mu.Unlock()
}

// visitors are the connections from one address.
type visitors struct {
	mu       sync.Mutex
	conns    int
	arrivals bucket
	commands bucket
}

// exempt reports whether an address is in one of some networks.
func exempt(networks []netip.Prefix, a netip.Addr) bool {
	for _, p := range networks {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// enter counts a connection. nil and "": it is of none that count; else why it is
// refused.
func (t *addresses) enter(a netip.Addr, now time.Time) (v *visitors, refused string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !a.IsValid() || exempt(t.o.Exempt, a) {
		return nil, ""
	}
	v = t.sites[ipaddr.Site(a)]
	if v == nil {
		v = &visitors{
			arrivals: newBucket(t.o.ConnRate, 2*t.o.ConnRate, now),
			commands: newBucket(t.o.AddrRate, t.o.AddrBurst, now),
		}
		t.sites[ipaddr.Site(a)] = v
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case t.o.ConnsPerAddr >= 0 && v.conns >= t.o.ConnsPerAddr:
		return nil, "there are too many connections from your address"
	case !v.arrivals.allow(now):
		return nil, "your address connects too often; wait a moment"
	}
	v.conns++
	return v, ""
}

// exit undoes enter.
func (v *visitors) exit() {
	if v != nil {
		v.mu.Lock()
		v.conns--
		v.mu.Unlock()
	}
}

// take takes one command, and returns how long the next one has to wait.
func (v *visitors) take(now time.Time) time.Duration {
	if v == nil {
		return 0
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.commands.take(now)
}

// sweep forgets the addresses from which there was nothing lately.
func (t *addresses) sweep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for a, v := range t.sites {
		v.mu.Lock()
		idle := v.conns == 0 && (v.arrivals.rate <= 0 || v.arrivals.fill(now)) && (v.commands.rate <= 0 || v.commands.fill(now))
		v.mu.Unlock()
		if idle {
			delete(t.sites, a)
		}
	}
}
