package proxyheader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// binaryHeader is a header of version 2. size is what it says that body has.
func binaryHeader(versionCommand, family byte, size int, body string) string {
	b := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), versionCommand, family)
	return string(binary.BigEndian.AppendUint16(b, uint16(size))) + body
}

// v2 is one that tells the truth about its length.
func v2(versionCommand, family byte, body string) string {
	return binaryHeader(versionCommand, family, len(body), body)
}

const (
	ends4 = "\xc0\x00\x02\x01" + "\xc6\x33\x64\x02" + "\xdc\x04" + "\x01\xbb"
	ends6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02" + "\xdc\x04" + "\x01\xbb"
	// What may follow addresses: an ALPN of h2, a no-op of three bytes, and one whose
	// length is a lie, which nobody reads.
	extras = "\x01\x00\x02h2" + "\x04\x00\x03\x00\x00\x00" + "\xe0\xff\xff"
)

var valid = []struct{ name, header, source string }{
	{"text, IPv4", "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", "192.0.2.1:56324"},
	{"text, IPv4, least", "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0:0"},
	{"text, IPv4, most", "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535"},
	{"text, IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", "[2001:db8::1]:56324"},
	{"text, IPv6, long", "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
	{"text, IPv6, mapped", "PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", "[::ffff:192.0.2.1]:1"},
	{"text, IPv6, upper case", "PROXY TCP6 2001:DB8::A ::1 1 2\r\n", "[2001:db8::a]:1"},
	{"text, unknown", "PROXY UNKNOWN\r\n", ""},
	{"text, unknown, with addresses", "PROXY UNKNOWN ffff:f::1 ffff::2 65535 65535\r\n", ""},
	{"text, unknown, with whatever", "PROXY UNKNOWN \x00\xff\r  x\r\n", ""},
	{"text, as long as may be", "PROXY UNKNOWN " + strings.Repeat("x", 107-16) + "\r\n", ""},
	{"binary, IPv4", v2(0x21, 0x11, ends4), "192.0.2.1:56324"},
	{"binary, IPv4, extras", v2(0x21, 0x11, ends4+extras), "192.0.2.1:56324"},
	{"binary, IPv6", v2(0x21, 0x21, ends6), "[2001:db8::1]:56324"},
	{"binary, IPv6, extras", v2(0x21, 0x21, ends6+extras), "[2001:db8::1]:56324"},
	{"binary, as long as may be", v2(0x21, 0x11, ends4+strings.Repeat("x", 4096-12)), "192.0.2.1:56324"},
	{"binary, UDP over IPv4", v2(0x21, 0x12, ends4), ""},
	{"binary, UDP over IPv6", v2(0x21, 0x22, ends6), ""},
	{"binary, Unix", v2(0x21, 0x31, strings.Repeat("/", 216)), ""},
	{"binary, Unix, datagrams", v2(0x21, 0x32, strings.Repeat("/", 216)+extras), ""},
	{"binary, IPv4, unspecified protocol", v2(0x21, 0x10, ends4), ""},
	{"binary, unspecified", v2(0x21, 0x00, ""), ""},
	{"binary, unspecified, extras", v2(0x21, 0x00, extras), ""},
	{"binary, unspecified, TCP", v2(0x21, 0x01, ""), ""},
	{"local", v2(0x20, 0x00, ""), ""},
	{"local, with addresses", v2(0x20, 0x11, ends4), ""},
	{"local, too short for its family", v2(0x20, 0x21, "x"), ""},
	{"local, of no family", v2(0x20, 0xff, extras), ""},
}

// A header is taken with what is behind it or without, and not before it is whole.
func TestValid(t *testing.T) {
	for _, test := range valid {
		t.Run(test.name, func(t *testing.T) {
			for _, behind := range []string{"", "x", "\r\n", "PROXY UNKNOWN\r\n", "\r\n\r\n\x00\r\nQUIT\n"} {
				source, used, err := Parse([]byte(test.header + behind))
				var want netip.AddrPort
				if test.source != "" {
					want = netip.MustParseAddrPort(test.source)
				}
				if err != nil || used != len(test.header) || source != want {
					t.Errorf("with %q behind it: got %v, %d, %v; want %v, %d", behind, source, used, err, want, len(test.header))
				}
			}
			for n := range test.header {
				if source, used, err := Parse([]byte(test.header[:n])); source.IsValid() || used != 0 || err != nil {
					t.Fatalf("of its first %d bytes: got %v, %d, %v; want to wait", n, source, used, err)
				}
			}
		})
	}
}

var invalid = []string{
	// No header at all.
	"x", " PROXY UNKNOWN\r\n", "proxy UNKNOWN\r\n", "Proxy UNKNOWN\r\n", "PROXY\tUNKNOWN\r\n", "PROXY\r\n", "PROXYUNKNOWN\r\n",
	"GET / HTTP/1.1\r\n", "\x00", "\xff\xfe", "\n", "\r\r", "\r\n\r\n\x00\r\nQUIX", "\r\n\r\n\x01\r\nQUIT\n", "PRI * HTTP/2.0\r\n", "\x16\x03\x01",
	// Version 1, its words.
	"PROXY \r\n", "PROXY  UNKNOWN\r\n", "PROXY unknown\r\n", "PROXY UNKNOWNX\r\n", "PROXY TCP\r\n", "PROXY TCP4\r\n", "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
	"PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4\r\n",
	"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
	"PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4  1.2.3.4 1\r\n", "PROXY TCP4 1.2.3.4\t1.2.3.4 1 2\r\n",
	// Its addresses.
	"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 ::1 1 2\r\n", "PROXY TCP6 ::1 1.2.3.4 1 2\r\n",
	"PROXY TCP4 ::ffff:1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4.5 1.2.3.4 1 2\r\n",
	"PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n", "PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.04 1 2\r\n", "PROXY TCP4 0x1.2.3.4 1.2.3.4 1 2\r\n",
	"PROXY TCP4 16909060 1.2.3.4 1 2\r\n", "PROXY TCP4 localhost 1.2.3.4 1 2\r\n", "PROXY TCP6 [::1] ::1 1 2\r\n", "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
	"PROXY TCP6 ::1 fe80::1%1 1 2\r\n", "PROXY TCP6 ::1::2 ::1 1 2\r\n", "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n", "PROXY TCP6 :: ::g 1 2\r\n",
	// Its ports.
	"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
	"PROXY TCP4 1.2.3.4 1.2.3.4 1 x\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 0x1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1_0 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
	"PROXY TCP4 1.2.3.4 1.2.3.4 1 00\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1.5 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 18446744073709551617 2\r\n",
	// Its end.
	"PROXY UNKNOWN\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n", "PROXY UNKNOWN a\nb\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n\r",
	"PROXY UNKNOWN " + strings.Repeat("x", 107-15) + "\r\n", "PROXY UNKNOWN" + strings.Repeat(" ", 107-13),
	// Version 2, and others.
	v2(0x01, 0x11, ends4), v2(0x11, 0x11, ends4), v2(0x31, 0x11, ends4), v2(0xf1, 0x11, ends4), v2(0x12, 0x11, ends4),
	v2(0x22, 0x11, ends4), v2(0x2f, 0x11, ends4),
	v2(0x21, 0x03, ""), v2(0x21, 0x13, ends4), v2(0x21, 0x1f, ends4), v2(0x21, 0x41, ends6), v2(0x21, 0xff, ends6),
	// Lengths that lie.
	v2(0x21, 0x11, ""), v2(0x21, 0x11, ends4[:11]), v2(0x21, 0x21, ends6[:35]), v2(0x21, 0x21, ends4), v2(0x21, 0x12, ends4[:11]), v2(0x21, 0x22, ends4),
	v2(0x21, 0x31, strings.Repeat("/", 215)), binaryHeader(0x21, 0x11, 11, ends4), binaryHeader(0x21, 0x21, 0, ends6), binaryHeader(0x21, 0x11, 4097, ""),
	binaryHeader(0x21, 0x11, 0xffff, ends4), binaryHeader(0x20, 0x00, 0xffff, ""),
}

// What is no header is refused, with more behind it too, and it is never taken.
func TestInvalid(t *testing.T) {
	for _, header := range invalid {
		for _, behind := range []string{"", "x", strings.Repeat("\r\n", 60)} {
			source, used, err := Parse([]byte(header + behind))
			if !errors.Is(err, ErrHeader) || used != 0 || source.IsValid() {
				t.Errorf("%q with %d bytes behind it: got %v, %d, %v; want ErrHeader", header, len(behind), source, used, err)
				break
			}
		}
	}
}

// A text that cannot become a header is refused by its first byte that is wrong, where
// there is a signature to tell by.
func TestSignatureIsReadAsItComes(t *testing.T) {
	for _, s := range []string{"PROXY ", string(signature)} {
		for i := range s {
			p := []byte(s[:i+1])
			p[i] ^= 0x80
			if _, _, err := Parse(p); !errors.Is(err, ErrHeader) {
				t.Errorf("%q: got %v, want ErrHeader", p, err)
			}
		}
	}
}

// An error is one line that may be logged, however long the input.
func TestErrorIsShort(t *testing.T) {
	for _, header := range append([]string{strings.Repeat("\x1b[2J", 1000), "PROXY " + strings.Repeat("\x1b", 90) + "\r\n"}, invalid...) {
		_, _, err := Parse([]byte(header))
		if err == nil {
			t.Fatalf("%q is taken", header)
		}
		if s := err.Error(); len(s) > 600 || strings.ContainsAny(s, "\r\n\x1b") {
			t.Errorf("got %q", s)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, test := range valid {
		f.Add([]byte(test.header))
	}
	for _, header := range invalid {
		f.Add([]byte(header))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		before := bytes.Clone(p)
		source, used, err := Parse(p)
		if !bytes.Equal(p, before) {
			t.Fatal("the input has changed")
		}
		switch {
		case err != nil:
			if !errors.Is(err, ErrHeader) || used != 0 || source.IsValid() {
				t.Fatalf("got %v, %d, %v", source, used, err)
			}
			// More does not make it right.
			if _, _, again := Parse(append(before, "\r\n"...)); again == nil {
				t.Fatalf("%q is an error, and with more behind it none", p)
			}
		case used == 0:
			if source.IsValid() || len(p) >= binaryHead+maxBinary || len(p) >= maxText && p[0] == 'P' {
				t.Fatalf("got %v, and waits for more than %d bytes", source, len(p))
			}
		default:
			if used > len(p) || used > binaryHead+maxBinary || source.Addr().Zone() != "" {
				t.Fatalf("got %v, %d of %d", source, used, len(p))
			}
			// It depends on nothing behind it, and all of it is needed.
			if s, u, err := Parse(p[:used:used]); s != source || u != used || err != nil {
				t.Fatalf("alone: got %v, %d, %v; want %v, %d", s, u, err, source, used)
			}
			if _, u, err := Parse(p[:used-1]); u != 0 || err != nil {
				t.Fatalf("without its last byte: got %d, %v", u, err)
			}
		}
	})
}
