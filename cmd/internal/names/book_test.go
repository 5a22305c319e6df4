package names

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// zone is a Resolver that knows a few hosts, and what it was asked.
type zone struct {
	addresses map[string][]string // by name
	canonical map[string]string   // likewise
	names     map[string][]string // by address
	fails     error               // what everything ends with, if it is not nil
	asked     []string
}

func (z *zone) LookupNetIP(ctx context.Context, network, host string) (list []netip.Addr, err error) {
	z.asked = append(z.asked, network+" "+host)
	if z.fails != nil {
		return nil, z.fails
	}
	for _, s := range z.addresses[host] {
		list = append(list, netip.MustParseAddr(s))
	}
	if list == nil {
		err = notFound
	}
	return list, err
}

func (z *zone) LookupCNAME(ctx context.Context, host string) (string, error) {
	z.asked = append(z.asked, "cname "+host)
	if name, ok := z.canonical[host]; ok {
		return name, nil
	}
	return "", notFound
}

func (z *zone) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	z.asked = append(z.asked, "addr "+addr)
	if z.fails != nil {
		return nil, z.fails
	}
	if list, ok := z.names[addr]; ok {
		return list, nil
	}
	return nil, notFound
}

var notFound = &net.DNSError{Err: "no such host", IsNotFound: true}

// nobody is a Resolver that must not be asked.
type nobody struct{ t *testing.T }

func (n nobody) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	n.t.Errorf("asked for %s %s", network, host)
	return nil, notFound
}

func (n nobody) LookupCNAME(_ context.Context, host string) (string, error) {
	n.t.Errorf("asked for the canonical name of %s", host)
	return "", notFound
}

func (n nobody) LookupAddr(_ context.Context, addr string) ([]string, error) {
	n.t.Errorf("asked for the names of %s", addr)
	return nil, notFound
}

// book is one with these files.
func book(t *testing.T, r Resolver, hosts, services string) *Book {
	t.Helper()
	dir := t.TempDir()
	b := &Book{Resolver: r, HostsFile: filepath.Join(dir, "hosts"), ServicesFile: filepath.Join(dir, "services"), Hostname: func() (string, error) { return "apu", nil }}
	for name, text := range map[string]string{b.HostsFile: hosts, b.ServicesFile: services} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

const apuHosts = `
127.0.0.1 elsewhere.example   # localhost is not looked up here
10.9.0.10 apu.hellfly.net apu
fd00::10  apu.hellfly.net apu
10.9.0.11 apu.hellfly.net apu second
10.9.0.12 v4only
`

func addresses(list ...string) (a []netip.Addr) {
	for _, s := range list {
		a = append(a, netip.MustParseAddr(s))
	}
	return a
}

func TestHostWithoutANetwork(t *testing.T) {
	b := book(t, nobody{t}, apuHosts, "")
	for _, c := range []struct {
		name   string
		family Family
		want   Host
	}{
		{"localhost", Inet, Host{"localhost", nil, addresses("127.0.0.1")}},
		{"localhost", Inet6, Host{"localhost", nil, addresses("::1")}},
		{"localhost", AnyFamily, Host{"localhost", nil, addresses("::1", "127.0.0.1")}},
		{"LocalHost.", Inet, Host{"localhost", nil, addresses("127.0.0.1")}},
		{"app.localhost", Inet, Host{"app.localhost", nil, addresses("127.0.0.1")}},
		{"", Inet, Host{"0.0.0.0", nil, addresses("0.0.0.0")}},
		{"", Inet6, Host{"::", nil, addresses("::")}},
		{"10.9.0.6", Inet, Host{"10.9.0.6", nil, addresses("10.9.0.6")}},
		{"::1", Inet6, Host{"::1", nil, addresses("::1")}},
		{"::ffff:1.2.3.4", AnyFamily, Host{"::ffff:102:304", nil, addresses("::ffff:1.2.3.4")}},
		{"fe80::1%eth0", AnyFamily, Host{"fe80::1%eth0", nil, addresses("fe80::1%eth0")}},
		{"apu", Inet, Host{"apu.hellfly.net", []string{"apu", "second"}, addresses("10.9.0.10", "10.9.0.11")}},
		{"APU.hellfly.net.", Inet6, Host{"apu.hellfly.net", []string{"apu"}, addresses("fd00::10")}},
		{"second", AnyFamily, Host{"apu.hellfly.net", []string{"apu", "second"}, addresses("10.9.0.11")}},
	} {
		h, err := b.Host(t.Context(), c.name, c.family)
		if err != nil || !reflect.DeepEqual(h, c.want) {
			t.Errorf("%q %v: %q, %v, want %q", c.name, c.family, h, err, c.want)
		}
	}
}

func TestHostFromTheNetwork(t *testing.T) {
	z := &zone{
		addresses: map[string][]string{
			"www.example": {"::ffff:192.0.2.1", "2001:db8::1", "192.0.2.1", "192.0.2.2"}, "plain.example": {"192.0.2.3"}, "v4only": {"2001:db8::4"}, "six.example": {"2001:db8::6"}, "dot.example.": {"192.0.2.4"},
		},
		canonical: map[string]string{"www.example": "web.example.", "plain.example": "Plain.Example.", "dot.example.": "."},
	}
	b := book(t, z, apuHosts, "")
	for _, c := range []struct {
		name   string
		family Family
		want   Host
		asked  []string
	}{
		{"www.example", Inet, Host{"web.example", []string{"www.example"}, addresses("192.0.2.1", "192.0.2.2")}, []string{"ip4 www.example", "cname www.example"}},
		{"www.example", Inet6, Host{"web.example", []string{"www.example"}, addresses("2001:db8::1")}, []string{"ip6 www.example", "cname www.example"}},
		{"plain.example", AnyFamily, Host{"plain.example", nil, addresses("192.0.2.3")}, []string{"ip plain.example", "cname plain.example"}},
		{"six.example", AnyFamily, Host{"six.example", nil, addresses("2001:db8::6")}, []string{"ip six.example", "cname six.example"}},
		{"dot.example.", Inet, Host{"dot.example", nil, addresses("192.0.2.4")}, []string{"ip4 dot.example.", "cname dot.example."}},
		// The file has it with an address of the other family only.
		{"v4only", Inet6, Host{"v4only", nil, addresses("2001:db8::4")}, []string{"ip6 v4only", "cname v4only"}},
	} {
		z.asked = nil
		h, err := b.Host(t.Context(), c.name, c.family)
		if err != nil || !reflect.DeepEqual(h, c.want) {
			t.Errorf("%q %v: %q, %v, want %q", c.name, c.family, h, err, c.want)
		}
		if !slices.Equal(z.asked, c.asked) {
			t.Errorf("%q: asked %q", c.name, z.asked)
		}
	}
}

func TestLookUpErrors(t *testing.T) {
	long := strings.Repeat("x", 255)
	broken := errors.New("broken")
	for _, c := range []struct {
		name   string
		family Family
		fails  error
		want   error
	}{
		{"nosuchname", AnyFamily, nil, ErrNotFound},
		{"notlocalhost", AnyFamily, nil, ErrNotFound},
		{"six.example", Inet, nil, ErrNotFound}, // it has an address, of the other family
		{"nosuchname", AnyFamily, &net.DNSError{Err: "i/o timeout", IsTimeout: true}, ErrTimeout},
		{"nosuchname", AnyFamily, fmt.Errorf("late: %w", context.DeadlineExceeded), ErrTimeout},
		{"nosuchname", AnyFamily, broken, broken},
		{"::1", Inet, nil, ErrFamily},
		{"10.9.0.6", Inet6, nil, ErrFamily},
		{"127.1", Inet, nil, ErrName},
		{"2130706433", Inet, nil, ErrName},
		{"0x7f.0x1", Inet, nil, ErrName},
		{"host.0X7F000001.", Inet, nil, ErrName},
		{"1.2.3.4.5", Inet, nil, ErrName},
		{"a b", Inet, nil, ErrName},
		{"a\nb", Inet, nil, ErrName},
		{"a/b", Inet, nil, ErrName},
		{"a..b", Inet, nil, ErrName},
		{".", Inet, nil, ErrName},
		{".a", Inet, nil, ErrName},
		{"[::1]", Inet6, nil, ErrName},
		{"a:80", Inet, nil, ErrName},
		{"\x1b[31m", Inet, nil, ErrName},
		{long, Inet, nil, ErrName},
	} {
		z := &zone{fails: c.fails, addresses: map[string][]string{"six.example": {"2001:db8::6"}}}
		b := book(t, z, "", "")
		h, err := b.Host(t.Context(), c.name, c.family)
		if !errors.Is(err, c.want) || !reflect.DeepEqual(h, Host{}) || !strings.HasPrefix(err.Error(), "names: ") {
			t.Errorf("%q: %q, %v, want %v", c.name, h, err, c.want)
		}
		if asked := len(z.asked) > 0; asked != (errors.Is(c.want, ErrNotFound) || c.fails != nil) {
			t.Errorf("%q: the network was asked: %q", c.name, z.asked)
		}
		if wrong := errors.Is(Check(c.name), ErrName); wrong != errors.Is(c.want, ErrName) {
			t.Errorf("%q: Check says %v", c.name, Check(c.name))
		}
	}
	for _, s := range []string{"a", "a.b.", "x1", "1x", "0x.a", "under_score", "münchen.example", "xn--mnchen-3ya", strings.Repeat("x", 254), "::1", "10.9.0.6"} {
		if err := Check(s); err != nil {
			t.Error(err)
		}
	}
}

// A look-up ends with its context, whatever the resolver would still do.
func TestLookUpEndsWithItsContext(t *testing.T) {
	b := book(t, &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}, "", "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if h, err := b.Host(ctx, "host.example", Inet); !errors.Is(err, ErrTimeout) {
		t.Errorf("%v, %v", h, err)
	}
	if h, err := b.Addr(ctx, netip.MustParseAddr("192.0.2.1")); !errors.Is(err, ErrTimeout) {
		t.Errorf("%v, %v", h, err)
	}
}

func TestAddr(t *testing.T) {
	z := &zone{names: map[string][]string{"192.0.2.1": {"web.example.", "www.example.", "."}, "192.0.2.2": {"."}, "fe80::1": {"link.example."}}}
	b := book(t, z, apuHosts, "")
	for _, c := range []struct {
		address string
		want    []string
	}{
		{"10.9.0.10", []string{"apu.hellfly.net", "apu"}},
		{"::ffff:10.9.0.10", []string{"apu.hellfly.net", "apu"}},
		{"10.9.0.11", []string{"apu.hellfly.net", "apu", "second"}},
		{"127.0.0.1", []string{"elsewhere.example"}},
		{"::1", []string{"localhost"}},
		{"192.0.2.1", []string{"web.example", "www.example"}},
		{"::ffff:192.0.2.1", []string{"web.example", "www.example"}},
		{"fe80::1%eth0", []string{"link.example"}},
		{"192.0.2.2", nil},
		{"192.0.2.3", nil},
	} {
		a := netip.MustParseAddr(c.address)
		h, err := b.Addr(t.Context(), a)
		if c.want == nil {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %q, %v", c.address, h, err)
			}
			continue
		}
		if err != nil || !slices.Equal(append([]string{h.Name}, h.Aliases...), c.want) || !slices.Equal(h.Addresses, []netip.Addr{a}) {
			t.Errorf("%s: %q, %v", c.address, h, err)
		}
	}
	if h, err := book(t, nobody{t}, "", "").Addr(t.Context(), netip.MustParseAddr("127.0.0.1")); err != nil || h.Name != "localhost" {
		t.Errorf("127.0.0.1 without a file: %q, %v", h, err)
	}
	z.fails = context.DeadlineExceeded
	if h, err := b.Addr(t.Context(), netip.MustParseAddr("192.0.2.1")); !errors.Is(err, ErrTimeout) {
		t.Errorf("%q, %v", h, err)
	}
}

func TestFQDN(t *testing.T) {
	z := &zone{
		addresses: map[string][]string{"pymotw.com": {"66.33.211.242", "192.0.2.9"}, "short": {"192.0.2.1"}, "alias": {"192.0.2.2"}, "unnamed": {"192.0.2.3"}},
		names:     map[string][]string{"66.33.211.242": {"apache2-echo.catalina.dreamhost.com."}, "192.0.2.1": {"first.", "second."}, "192.0.2.2": {"short.", "full.example."}},
	}
	b := book(t, z, apuHosts, "")
	for _, c := range []struct{ name, want string }{
		{"apu", "apu.hellfly.net"},
		{"", "apu.hellfly.net"},
		{"0.0.0.0", "apu.hellfly.net"},
		{"::", "apu.hellfly.net"},
		{"10.9.0.10", "apu.hellfly.net"},
		{"pymotw.com", "apache2-echo.catalina.dreamhost.com"},
		{"short", "first"},
		{"alias", "full.example"},
		{"unnamed", "unnamed"},
		{"nosuchname", "nosuchname"},
		{"192.0.2.3", "192.0.2.3"},
	} {
		if got, err := b.FQDN(t.Context(), c.name); got != c.want || err != nil {
			t.Errorf("%q: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	if slices.ContainsFunc(z.asked, func(s string) bool { return strings.HasPrefix(s, "cname") }) {
		t.Errorf("it asked for what it does not need: %q", z.asked)
	}
	if got, err := b.FQDN(t.Context(), "127.1"); !errors.Is(err, ErrName) {
		t.Errorf("%q, %v", got, err)
	}
	unnamed := errors.New("unnamed")
	b.Hostname = func() (string, error) { return "", unnamed }
	if got, err := b.FQDN(t.Context(), ""); !errors.Is(err, unnamed) || got != "" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestSystem(t *testing.T) {
	b := System()
	if h, err := b.Host(t.Context(), "localhost", Inet); err != nil || h.Name != "localhost" {
		t.Errorf("%q, %v", h, err)
	}
	if name, err := b.Hostname(); err != nil || name == "" {
		t.Errorf("%q, %v", name, err)
	}
}

func FuzzParseHosts(f *testing.F) {
	f.Add([]byte(apuHosts))
	f.Add([]byte("fe80::1%lo0 localhost\n\x00\xff\n127.1 x\n1.2.3.4\n::1\ta#b c\r\n1.2.3.4 b c b"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list := parseHosts(text)
		for _, e := range list {
			if !e.addr.IsValid() || len(e.names) == 0 {
				t.Fatalf("%q gives %v", text, e)
			}
			for _, name := range e.names {
				if name == "" || strings.ContainsAny(name, " \t\r\n#") {
					t.Fatalf("%q gives the name %q", text, name)
				}
				h := hostOf(list, name, AnyFamily)
				if h.Name == "" || !slices.Contains(h.Addresses, e.addr) || slices.Contains(h.Aliases, h.Name) {
					t.Fatalf("%q: %q is %q", text, name, h)
				}
				for _, family := range []Family{Inet, Inet6} {
					for _, a := range hostOf(list, name, family).Addresses {
						if !family.has(a) {
							t.Fatalf("%v for %v", a, family)
						}
					}
				}
			}
			if len(namesOf(list, e.addr.WithZone("").Unmap())) == 0 {
				t.Fatalf("%q: %v has no name", text, e.addr)
			}
		}
	})
}
