package names

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
)

// texts are results on a line each.
func texts(list []AddrInfo) (lines []string) {
	for _, i := range list {
		lines = append(lines, fmt.Sprint(i.Family, i.Type, " ", i.Proto.Constant, " ", i.Canonical, " ", i.Addr, " ", i.Scope))
	}
	return lines
}

func TestNS9AndNS10AddrInfo(t *testing.T) {
	z := &zone{
		addresses: map[string][]string{"www.python.org": {"151.101.32.223", "2a04:4e42:8::223"}},
		canonical: map[string]string{"www.python.org": "prod.python.map.fastlylb.net."},
	}
	b := book(t, z, apuHosts, someServices)
	for _, c := range []struct {
		q    Query
		want []string
	}{
		{Query{Host: "www.python.org", Service: "http"}, []string{
			"AF_INET SOCK_STREAM IPPROTO_TCP  151.101.32.223:80 0",
			"AF_INET SOCK_DGRAM IPPROTO_UDP  151.101.32.223:80 0",
			"AF_INET6 SOCK_STREAM IPPROTO_TCP  [2a04:4e42:8::223]:80 0",
			"AF_INET6 SOCK_DGRAM IPPROTO_UDP  [2a04:4e42:8::223]:80 0",
		}},
		{Query{Host: "www.python.org", Service: "http", Family: Inet, Type: Stream, Proto: "tcp", Canonical: true}, []string{
			"AF_INET SOCK_STREAM IPPROTO_TCP prod.python.map.fastlylb.net 151.101.32.223:80 0",
		}},
		{Query{Host: "www.python.org", Service: "http", Canonical: true, Proto: "tcp"}, []string{
			"AF_INET SOCK_STREAM IPPROTO_TCP prod.python.map.fastlylb.net 151.101.32.223:80 0",
			"AF_INET6 SOCK_STREAM IPPROTO_TCP  [2a04:4e42:8::223]:80 0",
		}},
		{Query{Host: "127.0.0.1", Service: "http", Type: Stream}, []string{"AF_INET SOCK_STREAM IPPROTO_TCP  127.0.0.1:80 0"}},
		{Query{Host: "127.0.0.1", Service: "ntp"}, []string{"AF_INET SOCK_DGRAM IPPROTO_UDP  127.0.0.1:123 0"}},
		{Query{Host: "127.0.0.1", Service: "nats"}, []string{"AF_INET SOCK_STREAM IPPROTO_TCP  127.0.0.1:4222 0"}},
		{Query{Host: "127.0.0.1", Proto: "udp"}, []string{"AF_INET SOCK_DGRAM IPPROTO_UDP  127.0.0.1:0 0"}},
		{Query{Host: "127.0.0.1", Service: "65535", Type: Dgram}, []string{"AF_INET SOCK_DGRAM IPPROTO_UDP  127.0.0.1:65535 0"}},
		{Query{Host: "::1", Service: "53", Type: Stream, Canonical: true}, []string{"AF_INET6 SOCK_STREAM IPPROTO_TCP ::1 [::1]:53 0"}},
		{Query{Host: "fe80::1%7", Service: "53", Type: Stream}, []string{"AF_INET6 SOCK_STREAM IPPROTO_TCP  [fe80::1%7]:53 7"}},
		{Query{Host: "localhost", Service: "80", Type: Stream}, []string{
			"AF_INET6 SOCK_STREAM IPPROTO_TCP  [::1]:80 0", "AF_INET SOCK_STREAM IPPROTO_TCP  127.0.0.1:80 0",
		}},
		{Query{Host: "localhost", Service: "80", Type: Stream, Family: Inet, Canonical: true}, []string{"AF_INET SOCK_STREAM IPPROTO_TCP localhost 127.0.0.1:80 0"}},
		{Query{Host: "apu", Service: "80", Type: Stream, Family: Inet6, Canonical: true}, []string{"AF_INET6 SOCK_STREAM IPPROTO_TCP apu.hellfly.net [fd00::10]:80 0"}},
	} {
		z.asked = nil
		list, err := b.AddrInfo(t.Context(), c.q)
		if got := texts(list); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%v: %v\n got %q\nwant %q", c.q, err, got, c.want)
		}
		if cname := slices.Contains(z.asked, "cname www.python.org"); cname != (c.q.Canonical && c.q.Host == "www.python.org") {
			t.Errorf("%v: asked %q", c.q, z.asked)
		}
	}
}

func TestAddrInfoErrors(t *testing.T) {
	z := &zone{}
	b := book(t, z, "", someServices)
	for _, c := range []struct {
		q     Query
		want  error
		asked bool
	}{
		{Query{Host: "127.0.0.1", Type: Stream, Proto: "udp"}, ErrKind, false},
		{Query{Host: "nosuchname", Type: Dgram, Proto: "tcp"}, ErrKind, false},
		{Query{Host: "nosuchname", Proto: "sctp"}, ErrKind, false},
		{Query{Host: "nosuchname", Service: "65536"}, ErrPort, false},
		{Query{Host: "nosuchname", Service: "0x50"}, ErrPort, false},
		{Query{Host: "nosuchname", Service: "nosuch"}, ErrNotFound, false},
		{Query{Host: "nosuchname", Service: "ntp", Type: Stream}, ErrNotFound, false},
		{Query{Host: "nosuchname", Service: "ntp", Proto: "tcp"}, ErrNotFound, false},
		{Query{Host: "nosuchname", Service: "nats", Type: Dgram}, ErrNotFound, false},
		{Query{Service: "http"}, ErrName, false},
		{Query{Host: "127.1", Service: "http"}, ErrName, false},
		{Query{Host: "127.0.0.1", Family: Inet6}, ErrFamily, false},
		{Query{Host: "::1", Family: Inet, Canonical: true}, ErrFamily, false},
		{Query{Host: "fe80::1%nosuchinterface"}, ErrNotFound, false},
		{Query{Host: "nosuchname", Service: "http"}, ErrNotFound, true},
		{Query{Host: "nosuchname", Service: "http", Canonical: true}, ErrNotFound, true},
	} {
		z.asked = nil
		list, err := b.AddrInfo(t.Context(), c.q)
		if !errors.Is(err, c.want) || list != nil || len(z.asked) > 0 != c.asked {
			t.Errorf("%v: %q, %v, want %v; asked %q", c.q, texts(list), err, c.want, z.asked)
		}
	}
}

func TestScopeIsAnInterface(t *testing.T) {
	interfaces, err := net.Interfaces()
	if err != nil || len(interfaces) == 0 {
		t.Skipf("no network interfaces to be seen: %v", err)
	}
	i := interfaces[0]
	list, err := (&Book{}).AddrInfo(t.Context(), Query{Host: "fe80::1%" + i.Name, Service: "80", Type: Stream})
	if err != nil || len(list) != 1 || list[0].Scope != uint32(i.Index) || list[0].Addr.Addr() != netip.MustParseAddr("fe80::1%"+i.Name) {
		t.Errorf("%q: %q, %v, want scope %d", i.Name, texts(list), err, i.Index)
	}
}
