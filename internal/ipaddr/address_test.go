package ipaddr

import (
	"errors"
	"math/big"
	"net/netip"
	"strings"
	"testing"
)

func number(t testing.TB, s string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		t.Fatalf("%q is no number", s)
	}
	return n
}

func address(t testing.TB, s string) netip.Addr {
	t.Helper()
	a, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestIP1Addresses(t *testing.T) {
	for _, c := range []struct {
		text    string
		version int
		private bool
		packed  string
		integer string
	}{
		{"10.9.0.6", 4, true, "0a090006", "168361990"},
		{"fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa", 6, true, "fdfd87b5b4755e3eb1bce121a8eb14aa", "337611086560236126439725644408160982186"},
		{"8.8.8.8", 4, false, "08080808", "134744072"},
		{"::1", 6, true, "00000000000000000000000000000001", "1"},
		{"fe80::1%eth0", 6, true, "fe800000000000000000000000000001", "338288524927261089654018896841347694593"},
		{"::ffff:102:304", 6, false, "00000000000000000000ffff01020304", "281470698652420"},
		{"::ffff:102:304%e", 6, false, "00000000000000000000ffff01020304", "281470698652420"},
	} {
		a := address(t, c.text)
		if String(a) != c.text || Version(a) != c.version || IsPrivate(a) != c.private || Packed(a) != c.packed || Integer(a).String() != c.integer {
			t.Errorf("%s: %s %d %v %s %v", c.text, String(a), Version(a), IsPrivate(a), Packed(a), Integer(a))
		}
	}
	if Version(netip.Addr{}) != 0 || IsPrivate(netip.Addr{}) || Integer(netip.Addr{}).Sign() != 0 || Packed(netip.Addr{}) != "" {
		t.Error("the zero Addr has a version, is private or has a value")
	}
}

func TestParseAddressErrors(t *testing.T) {
	for _, s := range []string{"", "1.2.3", "01.2.3.4", "127.1", "1.2.3.4 ", "1.2.3.4%eth0", "::1%", "::1%a%b", "::1%a/b", "10.9.0.0/24", "168361990", "[::1]", "localhost"} {
		if a, err := Parse(s); !errors.Is(err, ErrAddress) || a.IsValid() || !strings.Contains(err.Error(), `"`+s+`"`) {
			t.Errorf("%q: %v, %v", s, a, err)
		}
	}
}

func TestFromInteger(t *testing.T) {
	for _, c := range []struct{ number, want string }{
		{"0", "0.0.0.0"},
		{"168361990", "10.9.0.6"},
		{"4294967295", "255.255.255.255"},
		{"4294967296", "::1:0:0"}, // beyond IPv4
		{"337611086560236126439725644408160982186", "fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa"},
		{"340282366920938463463374607431768211455", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	} {
		n := number(t, c.number)
		a, err := FromInteger(n)
		if err != nil || String(a) != c.want || Integer(a).Cmp(n) != 0 || n.String() != c.number {
			t.Errorf("%s: %v, %v, want %s", c.number, a, err, c.want)
		}
	}
	for _, s := range []string{"-1", "340282366920938463463374607431768211456", "-340282366920938463463374607431768211456"} {
		if a, err := FromInteger(number(t, s)); !errors.Is(err, ErrRange) || a.IsValid() {
			t.Errorf("%s: %v, %v", s, a, err)
		}
	}
}

// The table of the function's documentation, where netip says otherwise.
func TestIsPrivate(t *testing.T) {
	for _, s := range []string{
		"10.0.0.0", "172.31.255.255", "192.168.1.1", "127.0.0.1", "169.254.1.1", "0.0.0.0", "0.255.255.255", "192.0.0.7", "192.0.0.170", "192.0.2.1",
		"198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.255", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "febf::1", "fc00::1", "fdff::1",
		"2001:db8::1", "2001::1", "2001:1ff::", "100::1", "::ffff:10.0.0.1",
	} {
		if !IsPrivate(netip.MustParseAddr(s)) {
			t.Errorf("%s is not private", s)
		}
	}
	for _, s := range []string{
		"100.64.0.1", "224.0.0.1", "239.255.255.255", "8.8.8.8", "172.32.0.0", "192.0.0.8", "192.0.0.172", "198.20.0.0", "1.0.0.0", "fec0::1", "ff02::1", "::2", "2002::1", "64:ff9b:1::1",
		"2001:200::", "2001:db9::", "100:0:0:1::", "::ffff:8.8.8.8", "::ffff:0:0:1", "fbff::1",
	} {
		if IsPrivate(netip.MustParseAddr(s)) {
			t.Errorf("%s is private", s)
		}
	}
}

func TestNS11AtonAndNtoa(t *testing.T) {
	for _, c := range []struct{ text, packed, back string }{
		{"192.168.1.1", "c0a80101", "192.168.1.1"},
		{"127.0.0.1", "7f000001", "127.0.0.1"},
		{"127.1", "7f000001", "127.0.0.1"},
		{"0x7f.1", "7f000001", "127.0.0.1"},
		{"1", "00000001", "0.0.0.1"},
		{"127.0.0.1 and more", "7f000001", "127.0.0.1"},
		{"127.1\rx", "7f000001", "127.0.0.1"},
		{"127.1\nx", "7f000001", "127.0.0.1"},
		{"127.1\vx", "7f000001", "127.0.0.1"},
		{"127.1\f", "7f000001", "127.0.0.1"},
		{"010.0.0.1", "08000001", "8.0.0.1"},
		{"2130706433", "7f000001", "127.0.0.1"},
		{"1.2.65535", "0102ffff", "1.2.255.255"},
		{"1.16777215", "01ffffff", "1.255.255.255"},
		{"0XFF.0377.255.0", "ffffff00", "255.255.255.0"},
	} {
		a, err := Aton(c.text)
		if err != nil || Packed(a) != c.packed {
			t.Errorf("%q: %v, %v, want %s", c.text, a, err, c.packed)
			continue
		}
		if back, err := Ntop(a.AsSlice()); back != c.back || err != nil {
			t.Errorf("%s: %q, %v", c.packed, back, err)
		}
	}
	for _, s := range []string{"", " 1", "08", "0x", "0b1", "0o7", "1_0", "1.", ".1", "1.2.3.256", "256.1", "1.2.65536", "4294967296", "1.2.3.4.5", "1.2.3.4x", "+1", "-1", "::1", "\u0661"} {
		if a, err := Aton(s); !errors.Is(err, ErrAddress) || a.IsValid() {
			t.Errorf("%q: %v, %v", s, a, err)
		}
	}
}

func TestNS12PtonAndNtop(t *testing.T) {
	for _, c := range []struct{ text, packed, back string }{
		{"2002:ac10:10a:1234:21e:52ff:fe74:40e", "2002ac10010a1234021e52fffe74040e", "2002:ac10:10a:1234:21e:52ff:fe74:40e"},
		{"192.168.1.1", "c0a80101", "192.168.1.1"},
		{"::ffff:1.2.3.4", "00000000000000000000ffff01020304", "::ffff:1.2.3.4"},
		{"::ffff:102:304", "00000000000000000000ffff01020304", "::ffff:1.2.3.4"},
		{"::102:304", "00000000000000000000000001020304", "::1.2.3.4"},
		{"::1:0", "00000000000000000000000000010000", "::0.1.0.0"},
		{"::ffff", "0000000000000000000000000000ffff", "::ffff"},
		{"::", "00000000000000000000000000000000", "::"},
		{"::1:0:102:304", "00000000000000000001000001020304", "::1:0:102:304"},
	} {
		a, err := Pton(c.text)
		if err != nil || Packed(a) != c.packed {
			t.Errorf("%q: %v, %v, want %s", c.text, a, err, c.packed)
			continue
		}
		if back, err := Ntop(a.AsSlice()); back != c.back || err != nil {
			t.Errorf("%s: %q, %v, want %q", c.packed, back, err, c.back)
		}
	}
	for _, s := range []string{"127.1", "010.0.0.1", "fe80::1%eth0", "10.9.0.6/24", "", "1"} {
		if a, err := Pton(s); !errors.Is(err, ErrAddress) || a.IsValid() {
			t.Errorf("%q: %v, %v", s, a, err)
		}
	}
	for _, n := range []int{0, 3, 5, 8, 15, 17} {
		if s, err := Ntop(make([]byte, n)); !errors.Is(err, ErrAddress) || s != "" {
			t.Errorf("%d bytes: %q, %v", n, s, err)
		}
	}
}

// A text is an address or a network or neither; what is one is so again after it
// was written.
func FuzzParse(f *testing.F) {
	for _, s := range hardTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err == nil {
			if back, err := Parse(String(a)); err != nil || back != a {
				t.Errorf("%q: %v became %v, %v", s, a, back, err)
			}
			if back, err := FromInteger(Integer(a)); err != nil || Integer(back).Cmp(Integer(a)) != 0 {
				t.Errorf("%q: as a number %v, %v", s, back, err)
			}
			if loose, err := Aton(s); a.Is4() && !strings.HasPrefix(s, "0") && (err != nil || loose != a) {
				t.Errorf("%q: aton makes it %v, %v", s, loose, err)
			}
		} else if a.IsValid() || !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v, %v", s, a, err)
		}
		i, err := ParseInterface(s)
		if err != nil {
			if (i != Interface{}) || !errors.Is(err, ErrNetwork) {
				t.Errorf("%q: %v, %v", s, i, err)
			}
			return
		}
		n := i.Network()
		if back, err := ParseInterface(i.String()); err != nil || back != i || !n.Contains(i.Addr()) {
			t.Errorf("%q: %v became %v, %v", s, i, back, err)
		}
		for _, text := range []string{n.String(), n.WithNetmask()} {
			if n.Addr().Is6() {
				text = n.String() // IPv6 has no netmasks to read
			}
			if back, err := ParseNetwork(text); err != nil || back != n {
				t.Errorf("%q: %q became %v, %v", s, text, back, err)
			}
		}
		strict, err := ParseNetwork(s)
		switch within := i.Addr() != n.Addr(); {
		case i.Addr().Zone() != "":
			if !errors.Is(err, ErrNetwork) {
				t.Errorf("%q: %v, %v", s, strict, err)
			}
		case within != errors.Is(err, ErrHostBits), !within && (err != nil || strict != n):
			t.Errorf("%q: %v, %v", s, strict, err)
		}
	})
}
