//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package echo

import (
	"net/netip"
	"testing"

	"example.com/iomux/reactor"
)

// Who could be a server that answers answers is not answered.
func TestWhoIsAnswered(t *testing.T) {
	local := netip.MustParseAddrPort("192.0.2.1:7000")
	for from, want := range map[string]bool{
		"192.0.2.2:0":        false,
		"192.0.2.2:7":        false, // echo
		"192.0.2.2:19":       false, // chargen
		"192.0.2.2:53":       false,
		"192.0.2.2:1023":     false,
		"192.0.2.2:1024":     true,
		"192.0.2.2:40000":    true,
		"192.0.2.2:65535":    true,
		"192.0.2.2:7000":     false, // the same server on another machine
		"[2001:db8::1]:7":    false,
		"[2001:db8::1]:7000": false,
		"[2001:db8::1]:7001": true,
	} {
		if got := answers(local, reactor.Peer{Addr: netip.MustParseAddrPort(from)}); got != want {
			t.Errorf("%s: answered %v, want %v", from, got, want)
		}
	}
	if !answers(netip.AddrPort{}, reactor.Peer{Name: "/tmp/client"}) {
		t.Error("a Unix peer is not answered")
	}
}
