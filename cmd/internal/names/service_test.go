package names

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const someServices = `
# a comment
ftp     2121/tcp
http    8081/tcp
imap2   143/tcp
imapx   144/tcp         # another
nats    4222/tcp nats-server gnatsd # the bus
quic    443/udp
zero    0/tcp
far     65536/tcp
signed  +7777/tcp
nothing
noslash 5555
noproto 5556/
stream  5557/sctp
Upper   5558/tcp
`

func TestNS6Service(t *testing.T) {
	b := book(t, nobody{t}, "", someServices)
	for _, c := range []struct {
		name, proto string
		want        uint16 // 0 when there is none
	}{
		{"http", "", 80}, {"https", "", 443}, {"ftp", "", 21}, {"gopher", "", 70}, {"smtp", "", 25}, {"imap", "", 143}, {"imaps", "", 993}, {"pop3", "", 110}, {"pop3s", "", 995},
		{"http", "tcp", 80}, {"http", "udp", 80}, {"domain", "udp", 53}, {"www", "", 80}, {"imap2", "", 143},
		{"ntp", "udp", 123}, {"ntp", "tcp", 0}, {"ntp", "", 123},
		// Those of the file.
		{"nats", "", 4222}, {"gnatsd", "tcp", 4222}, {"nats", "udp", 0}, {"quic", "udp", 443}, {"stream", "sctp", 5557}, {"stream", "tcp", 0},
		{"zero", "", 0}, {"far", "", 0}, {"signed", "", 0}, {"nothing", "", 0}, {"noslash", "", 0}, {"noproto", "", 0}, {"#", "", 0}, {"comment", "", 0},
		{"Upper", "", 5558}, {"upper", "", 0}, {"HTTP", "", 0}, {"", "", 0},
	} {
		s, err := b.Service(c.name, c.proto)
		if c.want == 0 {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%q %s: %v, %v", c.name, c.proto, s, err)
			}
			continue
		}
		if err != nil || s.Port != c.want || c.proto != "" && s.Proto != c.proto {
			t.Errorf("%q %s: %v, %v, want %d", c.name, c.proto, s, err, c.want)
		}
	}
}

func TestNS7Port(t *testing.T) {
	b := book(t, nobody{t}, "", someServices)
	for _, c := range []struct {
		port  uint16
		proto string
		want  string
	}{
		{80, "", "http"}, {443, "", "https"}, {21, "", "ftp"}, {70, "", "gopher"}, {25, "", "smtp"}, {143, "", "imap"}, {993, "", "imaps"}, {110, "", "pop3"}, {995, "", "pop3s"},
		{143, "udp", "imap"}, {443, "udp", "https"}, {123, "tcp", ""}, {123, "udp", "ntp"},
		{144, "", "imapx"}, {4222, "tcp", "nats"}, {4222, "udp", ""}, {2121, "", "ftp"}, {5557, "sctp", "stream"}, {0, "", ""}, {65535, "", ""},
	} {
		s, err := b.Port(c.port, c.proto)
		if c.want == "" {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%d %s: %v, %v", c.port, c.proto, s, err)
			}
			continue
		}
		if err != nil || s.Name != c.want || s.Port != c.port || c.proto != "" && s.Proto != c.proto {
			t.Errorf("%d %s: %v, %v, want %s", c.port, c.proto, s, err, c.want)
		}
	}
}

func TestWithoutAFile(t *testing.T) {
	b := &Book{HostsFile: "/nowhere/hosts", ServicesFile: "/nowhere/services"}
	if s, err := b.Service("http", ""); err != nil || s.Port != 80 {
		t.Errorf("%v, %v", s, err)
	}
	if s, err := b.Service("nats", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v, %v", s, err)
	}
}

// Each name and each port is there once for a protocol, so that it does not matter
// where in the table a service stands.
func TestTheTable(t *testing.T) {
	seen := map[string]bool{}
	see := func(what string) {
		if seen[what] {
			t.Errorf("%s is there twice", what)
		}
		seen[what] = true
	}
	for _, s := range services {
		see(s.Proto + " port " + strings.Repeat("i", int(s.Port)))
		for _, name := range append([]string{s.Name}, s.Aliases...) {
			see(s.Proto + " " + name)
		}
	}
}

func TestParsePort(t *testing.T) {
	for s, want := range map[string]uint16{"0": 0, "143": 143, "65535": 65535, "0080": 80} {
		if got, err := ParsePort(s); got != want || err != nil {
			t.Errorf("%q: %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "65536", "-1", "+1", "0x50", "http", "8 0", "99999999999999999999"} {
		if got, err := ParsePort(s); !errors.Is(err, ErrPort) || got != 0 {
			t.Errorf("%q: %d, %v", s, got, err)
		}
	}
}

func TestNS8Protocol(t *testing.T) {
	for _, c := range []struct {
		name     string
		number   int
		constant string
	}{
		{"icmp", 1, "IPPROTO_ICMP"}, {"udp", 17, "IPPROTO_UDP"}, {"tcp", 6, "IPPROTO_TCP"}, {"TCP", 6, "IPPROTO_TCP"}, {"ip", 0, "IPPROTO_IP"}, {"icmpv6", 58, "IPPROTO_ICMPV6"}, {"ipv6-icmp", 58, "IPPROTO_ICMPV6"},
		{"sctp", 132, "IPPROTO_SCTP"},
	} {
		if p, err := LookupProtocol(c.name); err != nil || p.Number != c.number || p.Constant != c.constant {
			t.Errorf("%s: %v, %v", c.name, p, err)
		}
	}
	for _, s := range []string{"", "6", "tcpip"} {
		if p, err := LookupProtocol(s); !errors.Is(err, ErrNotFound) || p != (Protocol{}) {
			t.Errorf("%q: %v, %v", s, p, err)
		}
	}
}

func FuzzParseServices(f *testing.F) {
	f.Add([]byte(someServices))
	f.Add([]byte("a 1/tcp\x00b\n\xff 2/\xff c\r\na 1/tcp/udp\n/ /"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, s := range parseServices(text) {
			if s.Port == 0 || s.Proto == "" {
				t.Fatalf("%q gives %v", text, s)
			}
			for _, word := range append([]string{s.Name, s.Proto}, s.Aliases...) {
				if word == "" || strings.ContainsAny(word, " \t\r\n#") {
					t.Fatalf("%q gives %v", text, s)
				}
			}
		}
	})
}

func TestFamilies(t *testing.T) {
	var got []string
	for _, f := range []Family{AnyFamily, Inet, Inet6} {
		got = append(got, f.String())
	}
	for _, k := range []SockType{AnyType, Stream, Dgram} {
		got = append(got, k.String())
	}
	if want := []string{"AF_UNSPEC", "AF_INET", "AF_INET6", "0", "SOCK_STREAM", "SOCK_DGRAM"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
