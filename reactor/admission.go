//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"example.com/iomux/internal/ipaddr"
)

// admission counts the connections that a group has accepted, together and by
// address, and refuses those beyond its limits. Loops share it.
type admission struct {
	limit   int // 0: none
	perAddr int // 0: none
	conns   atomic.Int64

	mu    sync.Mutex
	addrs map[netip.Addr]int // only with perAddr
}

// enter counts a connection, or says why it is refused: ErrTooManyConns.
func (a *admission) enter(ip netip.Addr) error {
	if n := a.conns.Add(1); a.limit > 0 && n > int64(a.limit) {
		a.conns.Add(-1)
		return fmt.Errorf("%w: at most %d", ErrTooManyConns, a.limit)
	}
	if a.perAddr == 0 || !ip.IsValid() {
		return nil
	}
	key := ipaddr.Site(ip)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.addrs[key] >= a.perAddr {
		a.conns.Add(-1)
		return fmt.Errorf("%w from %v: at most %d", ErrTooManyConns, key, a.perAddr)
	}
	if a.addrs == nil {
		a.addrs = make(map[netip.Addr]int)
	}
	a.addrs[key]++
	return nil
}

// leave forgets a connection, if it was counted: those that were dialled are not.
func (a *admission) leave(c *Conn) {
	if c.service.listener != nil {
		a.exit(c.ip)
	}
}

// exit undoes enter.
func (a *admission) exit(ip netip.Addr) {
	a.conns.Add(-1)
	if a.perAddr == 0 || !ip.IsValid() {
		return
	}
	key := ipaddr.Site(ip)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.addrs[key]--; a.addrs[key] <= 0 {
		delete(a.addrs, key)
	}
}
