//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"math"
	"net"
	"testing"
)

// What Python 3.11 prints.
func TestPython(t *testing.T) {
	for in, want := range map[string]string{
		"":                     `b''`,
		"hello\r\n":            `b'hello\r\n'`,
		"it's":                 `b"it's"`,
		"it's \"it\"":          `b'it\'s "it"'`,
		"\"":                   `b'"'`,
		"\\":                   `b'\\'`,
		"\t\x00\x1f ~\x7f\xff": `b'\t\x00\x1f ~\x7f\xff'`,
		"你":                    `b'\xe4\xbd\xa0'`,
	} {
		if got := pyBytes([]byte(in)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	for _, f := range []struct {
		in   float64
		want string
	}{
		{float64(float32(2.7)), "2.700000047683716"}, {1, "1.0"}, {0, "0.0"}, {math.Copysign(0, -1), "-0.0"}, {-2.5, "-2.5"},
		{1e15, "1000000000000000.0"}, {1e16, "1e+16"}, {-1e16, "-1e+16"}, {1.5e300, "1.5e+300"}, {0.0001, "0.0001"}, {0.00001, "1e-05"}, {-0.00001, "-1e-05"},
		{math.Inf(1), "inf"}, {math.Inf(-1), "-inf"}, {math.NaN(), "nan"}, {123456789, "123456789.0"},
	} {
		if got := pyFloat(f.in); got != f.want {
			t.Errorf("%v: %s, want %s", f.in, got, f.want)
		}
	}
	for _, a := range []struct {
		in   net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5}, "('127.0.0.1', 5)"},
		{&net.UDPAddr{IP: net.IPv6loopback, Port: 6}, "('::1', 6, 0, 0)"},
		{&net.UnixAddr{Name: "/tmp/s", Net: "unix"}, ""},
		{&net.UnixAddr{Name: "/tmp/\x1b", Net: "unixgram"}, `/tmp/\x1b`},
		{nil, ""},
	} {
		if got := pyAddr(a.in); got != a.want {
			t.Errorf("%v: %s, want %s", a.in, got, a.want)
		}
	}
}

// Nothing that a client sends does anything to a terminal, or looks like a line of
// somebody else.
func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"plain \"text\" 欢迎": `plain "text" 欢迎`,
		"wide\u3000space":   "wide\u3000space",
		"\x1b[31m":          `\x1b[31m`,
		"a\r\nb\t":          `a\r\nb\t`,
		"one\r\n":           `one`,
		"\n\n":              `\n`,
		"\r\r":              `\r`,
		"\xff\x9b":          `\xff\x9b`,
		"user\u202etxt":     `user\u202etxt`,
		"\u2028":            `\u2028`,
		"\\n":               `\\n`,
	} {
		if got := plain([]byte(in)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
