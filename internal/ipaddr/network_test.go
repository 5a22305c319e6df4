package ipaddr

import (
	"errors"
	"iter"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func parsedNetwork(t testing.TB, s string) Network {
	t.Helper()
	n, err := ParseNetwork(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestIP2Networks(t *testing.T) {
	for _, c := range []struct {
		text                      string
		private                   bool
		last, netmask, hostmask   string
		withNetmask, withHostmask string
		size                      string
	}{
		{"10.9.0.0/24", true, "10.9.0.255", "255.255.255.0", "0.0.0.255", "10.9.0.0/255.255.255.0", "10.9.0.0/0.0.0.255", "256"},
		{
			"fdfd:87b5:b475:5e3e::/64", true, "fdfd:87b5:b475:5e3e:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff::", "::ffff:ffff:ffff:ffff",
			"fdfd:87b5:b475:5e3e::/ffff:ffff:ffff:ffff::", "fdfd:87b5:b475:5e3e::/::ffff:ffff:ffff:ffff", "18446744073709551616",
		},
		{"0.0.0.0/0", false, "255.255.255.255", "0.0.0.0", "255.255.255.255", "0.0.0.0/0.0.0.0", "0.0.0.0/255.255.255.255", "4294967296"},
		{"8.8.8.8/32", false, "8.8.8.8", "255.255.255.255", "0.0.0.0", "8.8.8.8/255.255.255.255", "8.8.8.8/0.0.0.0", "1"},
		{"::/0", false, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/::", "::/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "340282366920938463463374607431768211456"},
		{"10.0.0.0/7", false, "11.255.255.255", "254.0.0.0", "1.255.255.255", "10.0.0.0/254.0.0.0", "10.0.0.0/1.255.255.255", "33554432"},
		{"::ffff:808:808/128", true, "::ffff:808:808", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::", "::ffff:808:808/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::ffff:808:808/::", "1"},
	} {
		n := parsedNetwork(t, c.text)
		got := []string{n.String(), String(n.Last()), String(n.Netmask()), String(n.Hostmask()), n.WithNetmask(), n.WithHostmask(), n.Size().String()}
		if want := []string{c.text, c.last, c.netmask, c.hostmask, c.withNetmask, c.withHostmask, c.size}; !slices.Equal(got, want) || n.IsPrivate() != c.private {
			t.Errorf("private %v\n got %q\nwant %q", n.IsPrivate(), got, want)
		}
		if n.Prefix() != netip.MustParsePrefix(c.text) {
			t.Errorf("%s: %v", c.text, n.Prefix())
		}
	}
}

func TestParseNetwork(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"10.9.0.0/255.255.255.0", "10.9.0.0/24"},
		{"10.9.0.0/0.0.0.255", "10.9.0.0/24"},
		{"10.9.0.6", "10.9.0.6/32"},
		{"::1", "::1/128"},
		{"0.0.0.0/0.0.0.0", "0.0.0.0/0"}, // the netmask, not the hostmask of a single address
		{"0.0.0.0/255.255.255.255", "0.0.0.0/32"},
		{"10.0.0.0/0.255.255.255", "10.0.0.0/8"},
		{"10.9.0.0/024", "10.9.0.0/24"},
		{"::ffff:1.2.0.0/112", "::ffff:102:0/112"},
	} {
		if n := parsedNetwork(t, c.text); n.String() != c.want {
			t.Errorf("%s: %v, want %s", c.text, n, c.want)
		}
	}
	for _, s := range []string{
		"", "/24", "10.9.0.0/", "10.9.0.0/33", "::/129", "10.9.0.0/-1", "10.9.0.0/+8", "10.9.0.0/24/24", "10.9.0.0/255.0.255.0", "10.9.0.0/255", "::/ffff::", "::/255.0.0.0", "10.9.0/24",
		"fe80::%eth0/64", "10.9.0.0/99999999999999999999", "localhost/8",
	} {
		if n, err := ParseNetwork(s); !errors.Is(err, ErrNetwork) || n != (Network{}) || !strings.Contains(err.Error(), `"`+s+`"`) {
			t.Errorf("%q: %v, %v", s, n, err)
		}
	}
	for _, c := range []struct{ text, says string }{
		{"10.9.0.6/24", "10.9.0.0/24"},
		{"10.0.0.0/0.0.0.0", "0.0.0.0/0"},
		{"fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa/64", "fdfd:87b5:b475:5e3e::/64"},
		{"::1/0", "::/0"},
	} {
		if n, err := ParseNetwork(c.text); !errors.Is(err, ErrHostBits) || errors.Is(err, ErrNetwork) || n != (Network{}) || !strings.HasSuffix(err.Error(), " "+c.says) {
			t.Errorf("%q: %v, %v", c.text, n, err)
		}
	}
}

// take is the first few addresses, as texts.
func take(addrs iter.Seq[netip.Addr], most int) (list []string) {
	for a := range addrs {
		if len(list) == most {
			return append(list, "and more")
		}
		list = append(list, String(a))
	}
	return list
}

func TestIP3Addresses(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"10.9.0.0/24", []string{"10.9.0.0", "10.9.0.1", "10.9.0.2", "and more"}},
		{"fdfd:87b5:b475:5e3e::/64", []string{"fdfd:87b5:b475:5e3e::", "fdfd:87b5:b475:5e3e::1", "fdfd:87b5:b475:5e3e::2", "and more"}},
		{"255.255.255.254/31", []string{"255.255.255.254", "255.255.255.255"}},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", []string{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}},
		{"0.0.0.0/32", []string{"0.0.0.0"}},
	} {
		if got := take(parsedNetwork(t, c.text).Addrs(), 3); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", c.text, got)
		}
	}
	n := 0
	for range parsedNetwork(t, "10.9.0.0/22").Addrs() {
		n++
	}
	if n != 1024 {
		t.Errorf("a /22 has %d addresses", n)
	}
}

func TestIP4Hosts(t *testing.T) {
	for _, c := range []struct {
		text, count string
		want        []string
	}{
		{"10.9.0.0/24", "254", []string{"10.9.0.1", "10.9.0.2", "10.9.0.3", "and more"}},
		{"fdfd:87b5:b475:5e3e::/64", "18446744073709551615", []string{"fdfd:87b5:b475:5e3e::1", "fdfd:87b5:b475:5e3e::2", "fdfd:87b5:b475:5e3e::3", "and more"}},
		{"10.0.0.0/30", "2", []string{"10.0.0.1", "10.0.0.2"}},
		{"10.0.0.0/31", "2", []string{"10.0.0.0", "10.0.0.1"}},
		{"10.0.0.7/32", "1", []string{"10.0.0.7"}},
		{"fd00::/126", "3", []string{"fd00::1", "fd00::2", "fd00::3"}},
		{"fd00::/127", "2", []string{"fd00::", "fd00::1"}},
		{"fd00::7/128", "1", []string{"fd00::7"}},
		{"255.255.255.252/30", "2", []string{"255.255.255.253", "255.255.255.254"}},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127", "2", []string{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}},
	} {
		n := parsedNetwork(t, c.text)
		if got := take(n.Hosts(), 3); !slices.Equal(got, c.want) || n.HostCount().String() != c.count {
			t.Errorf("%s: %v hosts: %q", c.text, n.HostCount(), got)
		}
	}
	hosts := slices.Collect(parsedNetwork(t, "10.9.0.0/24").Hosts())
	if len(hosts) != 254 || String(hosts[253]) != "10.9.0.254" {
		t.Errorf("%d hosts, the last is %v", len(hosts), hosts[len(hosts)-1])
	}
}

func TestIP5Membership(t *testing.T) {
	networks := []Network{parsedNetwork(t, "10.9.0.0/24"), parsedNetwork(t, "fdfd:87b5:b475:5e3e::/64")}
	for _, c := range []struct {
		address string
		in      int // the network, -1 for none
	}{
		{"10.9.0.6", 0}, {"10.9.0.0", 0}, {"10.9.0.255", 0}, {"10.9.1.0", -1}, {"10.8.255.255", -1}, {"10.7.0.31", -1},
		{"fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa", 1}, {"fdfd:87b5:b475:5e3e::%eth0", 1}, {"fdfd:87b5:b475:5e3f::", -1},
		{"fe80::3840:c439:b25e:63b0", -1}, {"::ffff:10.9.0.6", -1}, {"::a09:6", -1},
	} {
		for i, n := range networks {
			if got := n.Contains(address(t, c.address)); got != (i == c.in) {
				t.Errorf("%s in %v: %v", c.address, n, got)
			}
		}
	}
	if !parsedNetwork(t, "::ffff:0:0/96").Contains(address(t, "::ffff:10.9.0.6")) {
		t.Error("a v4-mapped address is in no network of IPv6")
	}
	if networks[0].Contains(netip.Addr{}) || parsedNetwork(t, "::/0").Contains(netip.Addr{}) {
		t.Error("the zero Addr is in a network")
	}
}

func TestIP6Interfaces(t *testing.T) {
	for _, c := range []struct{ text, network, addr, withNetmask, withHostmask string }{
		{"10.9.0.6/24", "10.9.0.0/24", "10.9.0.6", "10.9.0.6/255.255.255.0", "10.9.0.6/0.0.0.255"},
		{
			"fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa/64", "fdfd:87b5:b475:5e3e::/64", "fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa",
			"fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa/ffff:ffff:ffff:ffff::", "fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa/::ffff:ffff:ffff:ffff",
		},
		{"fe80::1%eth0/64", "fe80::/64", "fe80::1%eth0", "fe80::1/ffff:ffff:ffff:ffff::", "fe80::1/::ffff:ffff:ffff:ffff"},
	} {
		i, err := ParseInterface(c.text)
		got := []string{i.String(), i.Network().String(), String(i.Addr()), i.WithNetmask(), i.WithHostmask()}
		if want := []string{c.text, c.network, c.addr, c.withNetmask, c.withHostmask}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%v\n got %q\nwant %q", err, got, want)
		}
	}
	for _, c := range []struct{ text, want string }{{"10.9.0.6/255.255.255.0", "10.9.0.6/24"}, {"10.9.0.6/0.0.0.255", "10.9.0.6/24"}, {"10.9.0.6", "10.9.0.6/32"}} {
		if i, err := ParseInterface(c.text); err != nil || i.String() != c.want {
			t.Errorf("%s: %v, %v", c.text, i, err)
		}
	}
	for _, s := range []string{"", "10.9.0.6/33", "fe80::1/64%eth0", "10.9.0.6/"} {
		if i, err := ParseInterface(s); !errors.Is(err, ErrNetwork) || i != (Interface{}) {
			t.Errorf("%q: %v, %v", s, i, err)
		}
	}
}

func TestAt(t *testing.T) {
	for _, c := range []struct{ network, at, want string }{
		{"10.9.0.0/24", "5", "10.9.0.5"},
		{"10.9.0.0/24", "-1", "10.9.0.255"},
		{"10.9.0.0/24", "0", "10.9.0.0"},
		{"10.9.0.0/24", "255", "10.9.0.255"},
		{"10.9.0.0/24", "-256", "10.9.0.0"},
		{"10.9.0.0/24", "256", ""},
		{"10.9.0.0/24", "-257", ""},
		{"fdfd::/64", "18446744073709551615", "fdfd::ffff:ffff:ffff:ffff"},
		{"fdfd::/64", "18446744073709551616", ""},
		{"::/0", "-1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"::/0", "7", "::7"}, // not 0.0.0.7
		{"10.9.0.6/32", "0", "10.9.0.6"},
		{"10.9.0.6/32", "1", ""},
	} {
		i := number(t, c.at)
		a, err := parsedNetwork(t, c.network).At(i)
		if c.want == "" {
			if !errors.Is(err, ErrRange) || a.IsValid() {
				t.Errorf("%s at %s: %v, %v", c.network, c.at, a, err)
			}
		} else if err != nil || String(a) != c.want {
			t.Errorf("%s at %s: %v, %v, want %s", c.network, c.at, a, err, c.want)
		}
		if i.String() != c.at {
			t.Errorf("it made %v of the index %s", i, c.at)
		}
	}
}

func TestNoNetwork(t *testing.T) {
	var n Network
	if n.Contains(netip.IPv4Unspecified()) || n.Contains(netip.Addr{}) || n.IsPrivate() || n.Addr().IsValid() || n.Last().IsValid() || n.Netmask().IsValid() || n.Hostmask().IsValid() ||
		n.Size().Sign() != 0 || n.HostCount().Sign() != 0 || len(slices.Collect(n.Addrs())) > 0 || len(slices.Collect(n.Hosts())) > 0 {
		t.Error("the zero Network has something")
	}
	if _, err := n.At(new(big.Int)); !errors.Is(err, ErrRange) {
		t.Error(err)
	}
	for _, s := range []string{n.String(), n.WithNetmask(), n.WithHostmask(), Interface{}.String(), Interface{}.WithNetmask()} {
		if !strings.Contains(s, "invalid") {
			t.Errorf("it is written %q", s)
		}
	}
	if NetworkOf(netip.MustParsePrefix("10.9.0.6/24")).String() != "10.9.0.0/24" || NetworkOf(netip.Prefix{}) != n {
		t.Error("NetworkOf is not the network around")
	}
}
