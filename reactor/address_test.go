//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// long is a path or name of n bytes.
func long(n int) string { return strings.Repeat("x", n) }

func TestAddressForms(t *testing.T) {
	for s, want := range map[string]struct {
		address
		url string // "": as it was given
	}{
		"tcp://127.0.0.1:7000":                       {address: address{"tcp", "127.0.0.1", 7000, ""}},
		"tcp4://0.0.0.0:0":                           {address: address{"tcp4", "0.0.0.0", 0, ""}},
		"tcp6://[::]:65535":                          {address: address{"tcp6", "::", 65535, ""}},
		"tcp://[::ffff:127.0.0.1]:1":                 {address: address{"tcp", "::ffff:127.0.0.1", 1, ""}},
		"udp://localhost:53":                         {address: address{"udp", "localhost", 53, ""}},
		"udp4://a-b.c_d.example.:53":                 {address: address{"udp4", "a-b.c_d.example.", 53, ""}},
		"udp6://[fe80::1%25eth0.1]:5":                {address: address{"udp6", "fe80::1%eth0.1", 5, ""}},
		"udp6://[fe80::1%2525]:5":                    {address: address{"udp6", "fe80::1%25", 5, ""}},
		"TCP://Host:007":                             {address{"tcp", "Host", 7, ""}, "tcp://Host:7"},
		"unix:///run/x.sock":                         {address: address{"unix", "", 0, "/run/x.sock"}},
		"unix:/run/x.sock":                           {address{"unix", "", 0, "/run/x.sock"}, "unix:///run/x.sock"},
		"unix:///RUN/X.Sock":                         {address: address{"unix", "", 0, "/RUN/X.Sock"}},
		"unix:////run//x":                            {address: address{"unix", "", 0, "//run//x"}},
		"unix:///a/../b/./c":                         {address: address{"unix", "", 0, "/a/../b/./c"}},
		"unix:x.sock":                                {address: address{"unix", "", 0, "x.sock"}},
		"unix:../x:1":                                {address: address{"unix", "", 0, "../x:1"}},
		"unix:./@x":                                  {address: address{"unix", "", 0, "./@x"}},
		"unix:///tmp/a b+c":                          {address{"unix", "", 0, "/tmp/a b+c"}, "unix:///tmp/a%20b+c"},
		"unix:///tmp/%3F%23%25":                      {address: address{"unix", "", 0, "/tmp/?#%"}},
		"unix:///tmp/%1b%0a%7F":                      {address{"unix", "", 0, "/tmp/\x1b\n\x7f"}, "unix:///tmp/%1B%0A%7F"},
		"unix:///tmp/ü\xff":                          {address{"unix", "", 0, "/tmp/ü\xff"}, "unix:///tmp/%C3%BC%FF"},
		"unix:%2Fa%2fb":                              {address{"unix", "", 0, "/a/b"}, "unix:///a/b"},
		"unixpacket:///run/x":                        {address: address{"unixpacket", "", 0, "/run/x"}},
		"unixgram:x":                                 {address: address{"unixgram", "", 0, "x"}},
		"unix:///" + long(sys.MaxUnixName-1):         {address: address{"unix", "", 0, "/" + long(sys.MaxUnixName-1)}},
		"unix:" + long(sys.MaxUnixName-3) + "%C3%BC": {address{"unix", "", 0, long(sys.MaxUnixName-3) + "ü"}, "unix:" + long(sys.MaxUnixName-3) + "%C3%BC"}, // %XX is one byte
	} {
		got, err := parseAddress(s)
		if err != nil || got != want.address {
			t.Errorf("%q: got %+v, %v, want %+v", s, got, err, want.address)
		}
		if want.url == "" {
			want.url = s
		}
		if got.String() != want.url {
			t.Errorf("%q: its URL is %q, want %q", s, got.String(), want.url)
		}
	}
}

// Abstract names are Linux's; elsewhere they are refused with a reason.
func TestAbstractNames(t *testing.T) {
	for s, want := range map[string]string{ // name and URL of what is accepted
		"unix:@name":                        "@name",
		"unix://@name":                      "@name",
		"unix://@/a/b/":                     "@/a/b/",
		"unixgram:@%00a%00%00":              "@\x00a\x00\x00",
		"unixpacket:%40@":                   "@@",
		"unix:@" + long(sys.MaxUnixName):    "@" + long(sys.MaxUnixName),
		"unix:@%00" + long(sys.MaxUnixName): "", // one too many
		"unix:@":                            "",
		"unix://@":                          "",
		"unix:@a?b":                         "",
	} {
		a, err := parseAddress(s)
		switch {
		case want == "" || runtime.GOOS != "linux":
			if !errors.Is(err, ErrAddress) {
				t.Errorf("%q: got %+v, %v, want ErrAddress", s, a, err)
			}
		case err != nil || a.name != want || !a.unix():
			t.Errorf("%q: got %+v, %v, want the abstract name %q", s, a, err, want)
		default:
			if again, err := parseAddress(a.String()); again != a {
				t.Errorf("%q: its URL %q is taken for %+v, %v", s, a, again, err)
			}
		}
	}
	if runtime.GOOS == "linux" {
		a := address{scheme: "unix", name: "@a\x00b"}
		if got, want := a.String(), "unix:@a%00b"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAddressErrors(t *testing.T) {
	for s, want := range map[string]string{
		"":                                 "want tcp://HOST:PORT, such as tcp://127.0.0.1:7000, or unix:///PATH",
		"tcp":                              "want tcp://HOST:PORT",
		"127.0.0.1:7000":                   "want tcp://HOST:PORT",
		"[::1]:7000":                       "want tcp://HOST:PORT",
		"/run/x.sock":                      "unix:///PATH",
		"@name":                            "unix:///PATH",
		"http://127.0.0.1:80":              `scheme "http" is not supported, want one of tcp, tcp4, tcp6, udp,`,
		"tcp5://127.0.0.1:80":              `scheme "tcp5" is not supported`,
		"\x1b[2J://127.0.0.1:80":           "is not supported",
		"tcp:":                             "want tcp://HOST:PORT",
		"tcp://":                           "want tcp://HOST:PORT",
		"tcp:127.0.0.1:80":                 "want tcp://HOST:PORT",
		"udp:/127.0.0.1:80":                "want udp://HOST:PORT",
		"tcp://127.0.0.1":                  "no port; 0 lets the kernel",
		"tcp://127.0.0.1:":                 "no port",
		"tcp://[::1]":                      "no port",
		"tcp://[::1]:":                     "no port",
		"tcp://:7000":                      "no host",
		"tcp://127.0.0.1:65536":            "not between 0 and 65535",
		"tcp://127.0.0.1:" + long(99):      "is not a number, want tcp://HOST:PORT",
		"tcp://127.0.0.1:-1":               "is not a number",
		"tcp://127.0.0.1:+1":               "is not a number",
		"tcp://127.0.0.1:0x10":             "is not a number",
		"tcp://127.0.0.1:http":             "is not a number",
		"tcp://127.0.0.1:0/":               "more than HOST:PORT",
		"tcp://127.0.0.1:0/path":           "more than HOST:PORT",
		"tcp://u@127.0.0.1:0":              "more than HOST:PORT",
		"tcp://127.0.0.1:0?q":              "more than HOST:PORT",
		"tcp://127.0.0.1:0#f":              "more than HOST:PORT",
		"tcp://::1:7000":                   "an IPv6 address stands in brackets: [::1], want tcp://HOST:PORT",
		"tcp://[::1:7000":                  "no IPv6 address in brackets",
		"tcp://[]:7000":                    "no IPv6 address in brackets",
		"tcp://[127.0.0.1]:7000":           "no IPv6 address in brackets",
		"tcp://[localhost]:7000":           "no IPv6 address in brackets",
		"tcp://[::1]x:7000":                "no IPv6 address in brackets",
		"tcp://[fe80::1%eth0]:7000":        "the % before it is written %25",
		"tcp://[fe80::1%25]:7000":          "the % before it is written %25",
		"tcp://[fe80::1%25a%20b]:7000":     "the name or number of an interface",
		"tcp://a b:7000":                   `host "a b" has a character that no host name has`,
		"tcp://h%6Fst:7000":                "has a character that no host name has",
		"tcp://bücher.example:80":          "has a character that no host name has",
		"tcp://\x1b[2J:0":                  "want tcp://HOST:PORT",
		"tcp://\n:99999999999999999999\n":  "not between 0 and 65535",
		"unix:":                            "no path, want unix:///PATH",
		"unix://":                          "no path, want unix:///PATH",
		"unixgram:":                        "no path, want unixgram:///PATH",
		"unix://run/x.sock":                "want unix:///run/x.sock or unix:run/x.sock",
		"unixpacket://a b":                 "want unixpacket:///a%20b or unixpacket:a%20b",
		"unix:///run/":                     "names a directory",
		"unix:///":                         "names a directory",
		"unix:///run/x?mode=1":             "written %3F or %23",
		"unix:///run/x#1":                  "written %3F or %23",
		"unix:///run/x\n":                  "control character",
		"unix:///run/x\x7f":                "control character",
		"unix:///run/x\x00":                "control character",
		"unix:///run/%00x":                 "a path has no NUL",
		"unix:///run/%zz":                  "two hexadecimal digits",
		"unix:///run/%":                    "two hexadecimal digits",
		"unix:///" + long(sys.MaxUnixName): fmt.Sprintf("its path has %d bytes; the kernel takes %d", sys.MaxUnixName+1, sys.MaxUnixName),
	} {
		a, err := parseAddress(s)
		if !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), want) || !oneCleanLine(err) {
			t.Errorf("%q: got %+v, %v, want ErrAddress and %q on one clean line", s, a, err, want)
		}
		if a != (address{}) {
			t.Errorf("%q: got %+v besides the error", s, a)
		}
	}
}

// oneCleanLine reports whether an error can go to a terminal as it is.
func oneCleanLine(err error) bool {
	return !strings.ContainsFunc(err.Error(), func(r rune) bool { return !strconv.IsPrint(r) })
}

func TestAddressKinds(t *testing.T) {
	for scheme, want := range map[string]struct{ unix, packet bool }{
		"tcp":        {false, false},
		"tcp4":       {false, false},
		"tcp6":       {false, false},
		"udp":        {false, true},
		"udp4":       {false, true},
		"udp6":       {false, true},
		"unix":       {true, false},
		"unixpacket": {true, false},
		"unixgram":   {true, true},
	} {
		if a := (address{scheme: scheme}); a.unix() != want.unix || a.packet() != want.packet || !slices.Contains(schemes, scheme) {
			t.Errorf("%s: unix %v, packet %v, want %+v", scheme, a.unix(), a.packet(), want)
		}
	}
	if len(schemes) != 9 {
		t.Errorf("there are %d schemes, of which this test knows 9", len(schemes))
	}
}

func TestAddressLookup(t *testing.T) {
	leaktest.Check(t)
	lo := loopback(t)
	for s, want := range map[string]string{
		"tcp://192.0.2.1:80":                   "192.0.2.1:80",
		"tcp4://192.0.2.1:80":                  "192.0.2.1:80",
		"udp6://[2001:db8::1]:80":              "[2001:db8::1]:80",
		"tcp://[::ffff:192.0.2.1]:80":          "192.0.2.1:80",
		"tcp4://[::ffff:192.0.2.1]:80":         "192.0.2.1:80",
		"tcp4://localhost:0":                   "127.0.0.1:0",
		"udp4://localhost:0":                   "127.0.0.1:0",
		"tcp://[fe80::1%25" + lo.Name + "]:80": fmt.Sprintf("[fe80::1%%%d]:80", lo.Index),
		"tcp://[fe80::1%254294967295]:80":      "[fe80::1%4294967295]:80",
	} {
		a, err := parseAddress(s)
		if err != nil {
			t.Fatal(err)
		}
		list, err := a.lookup(t.Context())
		if err != nil || len(list) != 1 || list[0] != netip.MustParseAddrPort(want) {
			t.Errorf("%s: got %v, %v, want %s", s, list, err, want)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for s, want := range map[string]string{
		"tcp4://[::1]:80":                `host "::1" has no IPv4 address`,
		"udp6://127.0.0.1:80":            `host "127.0.0.1" has no IPv6 address`,
		"tcp6://[::ffff:127.0.0.1]:80":   "has no IPv6 address",
		"tcp://[fe80::1%25nope]:0":       `no network interface "nope"`,
		"tcp://[fe80::1%254294967296]:0": `no network interface "4294967296"`,
		"tcp://no.such.invalid:0":        "does not resolve",
		"udp4://300.300.300.300:700":     "does not resolve",
	} {
		a, err := parseAddress(s)
		if err != nil {
			t.Fatal(err)
		}
		list, err := a.lookup(canceled) // nobody is asked
		if !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), want) || !oneCleanLine(err) || list != nil {
			t.Errorf("%s: got %v, %v, want ErrAddress and %q on one clean line", s, list, err, want)
		}
	}
}

// loopback is the interface that every machine has.
func loopback(t *testing.T) net.Interface {
	t.Helper()
	list, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(i net.Interface) bool { return i.Flags&net.FlagLoopback != 0 })
	if i < 0 {
		t.Skip("this machine has no loopback interface")
	}
	return list[i]
}

// A URL in package net's words.
func TestSplitURL(t *testing.T) {
	for url, want := range map[string][2]string{
		"tcp://127.0.0.1:7000":     {"tcp", "127.0.0.1:7000"},
		"TCP6://[::1]:7000":        {"tcp6", "[::1]:7000"},
		"udp4://no.such.invalid:0": {"udp4", "no.such.invalid:0"},
		"udp://[fe80::1%25eth0]:1": {"udp", "[fe80::1%eth0]:1"},
		"unix:///run/a%20b":        {"unix", "/run/a b"},
		"unixpacket:x":             {"unixpacket", "x"},
		"unixgram:./@x":            {"unixgram", "./@x"},
		"http://127.0.0.1:80":      {},
		"unix://x":                 {},
	} {
		network, address, err := SplitURL(url)
		if network != want[0] || address != want[1] || (err == nil) != (want[0] != "") || err != nil && !errors.Is(err, ErrAddress) {
			t.Errorf("%s: got %q, %q, %v, want %q", url, network, address, err, want)
		}
	}
}

// What the kernel has bound makes a URL that Listen takes.
func TestAddressAt(t *testing.T) {
	a := address{scheme: "tcp6", host: "localhost"}
	for bound, want := range map[string]string{
		"127.0.0.1:80":   "tcp6://127.0.0.1:80",
		"[::1]:80":       "tcp6://[::1]:80",
		"[fe80::1%2]:80": "tcp6://[fe80::1%252]:80",
	} {
		got := a.at(netip.MustParseAddrPort(bound))
		if again, err := parseAddress(got.String()); err != nil || again != got || got.String() != want {
			t.Errorf("%s: got %q, which is taken for %+v, %v, want %q", bound, got, again, err, want)
		}
	}
}

// gnet #731: an absolute path lost its slash, and the socket lay in the working
// directory.
func TestGnet731AbsoluteUnixPath(t *testing.T) {
	leaktest.Check(t)
	dir, err := os.MkdirTemp("", "iomux") // t.TempDir's may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cwd := t.TempDir()
	t.Chdir(cwd)
	g, err := Open(Options{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Shutdown(t.Context())
	for _, url := range []string{"unix://" + dir + "/a.sock", "unix:" + dir + "/b.sock"} {
		if _, err := g.Listen(url, echo, ListenOptions{}); err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("unix", filepath.Join(dir, filepath.Base(url)))
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, c, "hello")
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := os.ReadDir(cwd); err != nil || len(list) > 0 {
		t.Errorf("in the working directory: %v, %v, want nothing", list, err)
	}
}

// FuzzParseAddress: nothing panics; an error is an ErrAddress on one clean line;
// what is accepted has a URL in clean ASCII that stands for the same, and fits
// into a socket address.
func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{
		"", ":", "tcp", "tcp:", "tcp://", "tcp://127.0.0.1:7000", "tcp4://localhost:0", "tcp6://[::1]:65535", "udp://[fe80::1%25eth0]:1",
		"udp4://u@h:1", "udp6://[::ffff:1.2.3.4]:1/", "tcp://[::1%2525]:1", "TCP://a:1?q#f", "unix:", "unix:a", "unix:/a", "unix:///a%20b",
		"unix://a", "unix:@a%00b", "unix://@a", "unix:%40a", "unixpacket:./@", "unixgram:///%ff\xff", "unix:///a/", "http://a", "unix:////",
		"unix:*", "unix:a:b@c[d]", "unix:///" + long(sys.MaxUnixName-1), "unix:@" + long(sys.MaxUnixName),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAddress(s)
		if err != nil {
			if !errors.Is(err, ErrAddress) || !oneCleanLine(err) || a != (address{}) {
				t.Errorf("%q: got %+v, %v", s, a, err)
			}
			return
		}
		url := a.String()
		if strings.ContainsFunc(url, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Errorf("%q: its URL is %q", s, url)
		}
		if again, err := parseAddress(url); err != nil || again != a {
			t.Errorf("%q: its URL %q is taken for %+v, %v, not for %+v", s, url, again, err, a)
		}
		switch {
		case !a.unix():
			if a.host == "" || a.name != "" {
				t.Errorf("%q: got %+v", s, a)
			}
		case strings.HasPrefix(a.name, "@"):
			if len(a.name) < 2 || len(a.name)-1 > sys.MaxUnixName || a.host != "" {
				t.Errorf("%q: got %+v", s, a)
			}
		case a.name == "" || len(a.name) > sys.MaxUnixName || strings.ContainsAny(a.name, "\x00") || strings.HasSuffix(a.name, "/") || a.host != "":
			t.Errorf("%q: got %+v", s, a)
		}
	})
}
