package ipaddr

import (
	"net/netip"
	"testing"
)

func TestSite(t *testing.T) {
	for of, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::",
	} {
		if got := Site(netip.MustParseAddr(of)).String(); got != want {
			t.Errorf("%s is at %s, want %s", of, got, want)
		}
	}
	if got := Site(netip.Addr{}); got.IsValid() {
		t.Errorf("no address is at %v", got)
	}
}
