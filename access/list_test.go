package access

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
)

func parse(t testing.TB, texts ...string) *List {
	t.Helper()
	l, err := Parse(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// peer is an address; "" is the peer of a Unix socket.
func peer(s string) netip.Addr {
	if s == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(s)
}

func TestAllowed(t *testing.T) {
	for _, c := range []struct {
		rules   string
		allowed []string
		denied  []string
	}{
		{"", []string{""}, []string{"127.0.0.1", "::1", "0.0.0.0", "::", "255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}},
		{"default allow", []string{"", "127.0.0.1", "::1", "255.255.255.255", "::"}, nil},
		{"default deny", []string{""}, []string{"127.0.0.1", "::1"}},

		// The first one counts, whichever network is smaller.
		{"deny 10.9.0.6\nallow 10.0.0.0/8", []string{"10.9.0.5", "10.9.0.7", "10.0.0.0", "10.255.255.255"}, []string{"10.9.0.6", "9.255.255.255", "11.0.0.0"}},
		{"allow 10.0.0.0/8\ndeny 10.9.0.6", []string{"10.9.0.6"}, []string{"11.0.0.0"}},
		{"deny 10.9.0.0/16\nallow 10.9.7.0/24\nallow 10.0.0.0/8", []string{"10.8.0.1", "10.10.0.0"}, []string{"10.9.7.1", "10.9.0.0", "10.9.255.255"}},
		{"allow 10.9.7.0/24\ndeny 10.9.0.0/16\nallow 10.0.0.0/8", []string{"10.9.7.0", "10.9.7.255", "10.1.1.1"}, []string{"10.9.6.255", "10.9.8.0"}},
		{"allow 10.0.0.0/24\nallow 10.0.1.0/24", []string{"10.0.0.0", "10.0.0.255", "10.0.1.0", "10.0.1.255"}, []string{"10.0.2.0", "9.255.255.255"}},
		{"deny 10.0.0.0/24\nallow 10.0.0.0/24", nil, []string{"10.0.0.1"}},
		{"allow 10.0.0.0/24\ndeny 10.0.0.0/24", []string{"10.0.0.1"}, nil},

		// The ends of all addresses.
		{"allow 0.0.0.0\nallow 255.255.255.255", []string{"0.0.0.0", "255.255.255.255"}, []string{"0.0.0.1", "255.255.255.254"}},
		{"deny ::\ndeny ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\ndefault allow", []string{"::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"}, []string{"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}},
		{"allow 128.0.0.0/1", []string{"128.0.0.0", "255.255.255.255"}, []string{"127.255.255.255", "0.0.0.0"}},
		{"allow fd00::/64", []string{"fd00::", "fd00::ffff:ffff:ffff:ffff"}, []string{"fd00:0:0:1::", "fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}},
		{"allow fd00::/63", []string{"fd00:0:0:1:ffff:ffff:ffff:ffff"}, []string{"fd00:0:0:2::"}},
		{"allow fd00::/65", []string{"fd00::7fff:ffff:ffff:ffff"}, []string{"fd00::8000:0:0:0"}},

		// IPv4 is IPv4, however it is written, and no part of IPv6.
		{"allow 10.0.0.0/8", []string{"::ffff:10.9.0.6"}, []string{"::10.9.0.6", "::a09:6"}},
		{"allow ::ffff:10.0.0.0/104", []string{"10.9.0.6", "::ffff:10.9.0.6"}, []string{"11.0.0.0"}},
		{"allow ::ffff:10.9.0.6", []string{"10.9.0.6"}, []string{"10.9.0.7"}},
		{"allow ::ffff:0:0/96", []string{"10.9.0.6", "0.0.0.0"}, []string{"::1", "::"}},
		{"allow ::/0", []string{"::1", "fe80::1"}, []string{"10.9.0.6", "::ffff:10.9.0.6"}},
		{"allow 0.0.0.0/0", []string{"10.9.0.6", "::ffff:10.9.0.6"}, []string{"::1"}},
		{"allow ::fffe:0:0/95", []string{"::fffe:0:1"}, []string{"::ffff:10.9.0.6"}},
		{"allow fe80::/10", []string{"fe80::1%eth0", "fe80::1"}, []string{"fec0::1%eth0"}},

		// all is both versions, and no Unix socket.
		{"deny 10.9.0.6\ndeny ::1\nallow all", []string{"10.9.0.7", "::2"}, []string{"10.9.0.6", "::1"}},
		{"deny all\nallow 10.9.0.6", []string{""}, []string{"10.9.0.6", "::1"}},
		{"allow 10.9.0.6\ndeny all\ndefault allow", []string{"10.9.0.6", ""}, []string{"10.9.0.7", "::1"}},
		{"deny unix\ndefault allow", []string{"10.9.0.6"}, []string{""}},
		{"allow unix\ndeny unix", []string{""}, nil},
		{"deny unix\nallow unix", nil, []string{""}},

		// Ways to write it.
		{"# nothing\n\n  allow\t10.9.0.6 # this one\r\n#deny 10.9.0.6\n", []string{"10.9.0.6"}, []string{"10.9.0.7"}},
		{"allow 10.9.0.0/255.255.0.0\nallow 11.0.0.0/0.255.255.255", []string{"10.9.1.1", "11.1.1.1"}, []string{"10.8.0.0", "12.0.0.0"}},
	} {
		l := parse(t, c.rules)
		for _, s := range c.allowed {
			if !l.Allowed(peer(s)) {
				t.Errorf("%q: %q is denied", c.rules, s)
			}
		}
		for _, s := range c.denied {
			if l.Allowed(peer(s)) {
				t.Errorf("%q: %q is allowed", c.rules, s)
			}
		}
	}
}

func TestNoList(t *testing.T) {
	var l *List
	for _, s := range []string{"", "10.9.0.6", "::1"} {
		if !l.Allowed(peer(s)) {
			t.Errorf("%q is denied", s)
		}
	}
	if l.Len() != 0 || l.String() != "default allow\n" {
		t.Errorf("%d rules: %q", l.Len(), l)
	}
}

func TestString(t *testing.T) {
	const rules = "# a comment\ndeny 10.9.0.0/0.0.255.255\nallow ::ffff:10.0.0.0/104\nallow FE80::/10\nallow 10.1.1.1/32\ndeny unix\nallow all"
	const want = "deny 10.9.0.0/16\nallow 10.0.0.0/8\nallow fe80::/10\nallow 10.1.1.1\ndeny unix\nallow all\ndefault deny\n"
	l := parse(t, rules)
	if l.String() != want || l.Len() != 6 {
		t.Errorf("%d rules, got\n%s", l.Len(), l)
	}
	again := parse(t, strings.Split(want, "\n")...) // as from flags
	if again.String() != want {
		t.Errorf("read again:\n%s", again)
	}
	if got := parse(t, "default allow").String(); got != "default allow\n" {
		t.Errorf("got %q", got)
	}
}

func TestParseErrors(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for _, c := range []struct {
		texts []string
		says  []string
	}{
		{[]string{"permit 10.0.0.0/8"}, []string{"line 1", `"permit 10.0.0.0/8"`, "allow or deny", `"permit"`}},
		{[]string{"Allow 10.0.0.0/8"}, []string{"allow or deny"}},
		{[]string{"allow"}, []string{"one address or network behind allow"}},
		{[]string{"deny 10.0.0.0/8 11.0.0.0/8"}, []string{"one address or network behind deny"}},
		{[]string{"allow localhost"}, []string{`"allow localhost"`, "10.0.0.0/8, all or unix"}},
		{[]string{"allow 10.0.0.0/33"}, []string{"want an address"}},
		{[]string{"allow 010.0.0.1"}, []string{"want an address"}},
		{[]string{"allow 127.1"}, []string{"want an address"}},
		{[]string{"allow fe80::1%eth0"}, []string{"want an address"}},
		{[]string{"allow 10.9.0.6/8"}, []string{"the address 10.9.0.6 or the network 10.0.0.0/8"}},
		{[]string{"allow ::ffff:1.2.3.4/90"}, []string{"or the network ::ffc0:0:0/90"}},
		{[]string{"# one\n\nallow 10.0.0.0/8\nallow x\n"}, []string{"line 4", `"allow x"`}},
		{[]string{"allow ::1", "allow ::2", "allow x"}, []string{"line 3"}},
		{[]string{"default"}, []string{"default allow or default deny"}},
		{[]string{"default allow deny"}, []string{"default allow or default deny"}},
		{[]string{"default maybe"}, []string{`"maybe"`}},
		{[]string{"default deny\nallow ::1"}, []string{"line 2", "nothing may follow the default"}},
		{[]string{"default deny", "default allow"}, []string{"line 2", "nothing may follow"}},
		{[]string{long}, []string{"…"}},
		{[]string{"allow " + long}, []string{"…"}},
	} {
		l, err := Parse(c.texts...)
		if !errors.Is(err, ErrRule) || l != nil {
			t.Errorf("%.99q: %v, %v", c.texts, l, err)
			continue
		}
		if len(err.Error()) > 300 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
		for _, s := range c.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%.99q: it does not say %q: %v", c.texts, s, err)
			}
		}
	}
}

// linear is what Allowed promises, rule by rule.
func linear(l *List, a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	for _, r := range l.rules {
		switch {
		case r.of == unixPeers && !a.IsValid(),
			r.of == everyAddress && a.IsValid(),
			r.of == network && r.net.Contains(a):
			return r.allow
		}
	}
	return l.otherwise || !a.IsValid()
}

// corners are the addresses at and beside the ends of every rule.
func corners(l *List) []netip.Addr {
	list := []netip.Addr{{}, netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	for _, r := range l.rules {
		if r.of != network {
			continue
		}
		first, last := r.net.Addr(), r.net.Addr().AsSlice()
		for i := r.net.Bits(); i < 8*len(last); i++ {
			last[i/8] |= 0x80 >> (i % 8)
		}
		end, _ := netip.AddrFromSlice(last)
		for _, a := range []netip.Addr{first, first.Prev(), end, end.Next()} {
			if a.IsValid() {
				list = append(list, a, netip.AddrFrom16(a.As16()))
			}
		}
	}
	return list
}

// randomRules are many that overlap: all networks lie in a few.
func randomRules(r *rand.Rand, n int) string {
	var text strings.Builder
	for range n {
		var a netip.Addr
		if r.IntN(2) == 0 {
			a = netip.AddrFrom4([4]byte{10, byte(r.IntN(2)), byte(r.IntN(4)), byte(r.IntN(256))})
		} else {
			b := [16]byte{0: 0xfd, 7: byte(r.IntN(4)), 8: byte(r.IntN(2)) << 7, 15: byte(r.IntN(256))}
			a = netip.AddrFrom16(b)
		}
		p, _ := a.Prefix(r.IntN(a.BitLen() + 1))
		what := p.String()
		if r.IntN(20) == 0 {
			what = []string{"all", "unix"}[r.IntN(2)]
		}
		fmt.Fprintln(&text, []string{"allow", "deny"}[r.IntN(2)], what)
	}
	return text.String() + "default " + []string{"allow", "deny"}[r.IntN(2)]
}

func TestAllowedIsTheFirstThatMatches(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		l := parse(t, randomRules(r, i%40))
		for _, a := range corners(l) {
			if got, want := l.Allowed(a), linear(l, a); got != want {
				t.Fatalf("%v: allowed is %v, want %v, by\n%s", a, got, want, l)
			}
		}
	}
}

// The turns must be sorted, each once, and no more than the rules can make.
func TestVerdictsAreSmall(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 300 {
		l := parse(t, randomRules(r, i))
		for _, v := range []verdicts{l.v4, l.v6} {
			if len(v.turns) > 2*l.Len() || !slices.IsSortedFunc(v.turns, key.compare) || len(slices.Compact(slices.Clone(v.turns))) != len(v.turns) {
				t.Fatalf("%d turns for %d rules: %v", len(v.turns), l.Len(), v.turns)
			}
		}
	}
	if l := parse(t, "allow 10.0.0.0/9\nallow 10.128.0.0/9\nallow 10.1.0.0/16\ndeny 10.2.0.0/16"); len(l.v4.turns) != 2 || len(l.v6.turns) != 0 {
		t.Errorf("one block has turns %v and %v", l.v4.turns, l.v6.turns)
	}
}

func TestAllowedDoesNotAllocate(t *testing.T) {
	l := parse(t, randomRules(rand.New(rand.NewPCG(5, 6)), 100))
	peers := []netip.Addr{{}, peer("10.0.1.7"), peer("::ffff:10.0.1.7"), peer("fd00::1"), peer("fe80::1%eth0")}
	allocs := testing.AllocsPerRun(100, func() {
		for _, a := range peers {
			l.Allowed(a)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestAnyGoroutineMayAsk(t *testing.T) {
	l := parse(t, randomRules(rand.New(rand.NewPCG(7, 8)), 50))
	list := corners(l)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, a := range list {
				if l.Allowed(a) != linear(l, a) {
					t.Errorf("%v is wrong", a)
				}
			}
		})
	}
	wg.Wait()
}

// What is read can be written and read again, and decides as the rules do one by
// one.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"allow 10.0.0.0/8\ndeny 10.9.0.6\nallow ::1\ndefault deny",
		"deny ::ffff:10.0.0.0/104\nallow all\ndeny unix\n",
		"allow 10.0.0.0/255.0.0.0 # x\r\n\ndeny fe80::/10",
		"allow 0.0.0.0/0\ndeny ::/0", "default allow", "allow 10.0.0.1/8", "allow", "#",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrRule) || l != nil {
				t.Fatalf("%v, %v", l, err)
			}
			return
		}
		again, err := Parse(l.String())
		if err != nil || again.String() != l.String() || again.Len() != l.Len() {
			t.Fatalf("%q became %q, %v", text, l, err)
		}
		for _, a := range corners(l) {
			if got, want := l.Allowed(a), linear(l, a); got != want || again.Allowed(a) != want {
				t.Fatalf("%v: allowed is %v, want %v, by\n%s", a, got, want, l)
			}
		}
	})
}

// Looking through the rules one by one is the way not taken: it is not ahead even
// for one rule.
func BenchmarkAllowed(b *testing.B) {
	for _, n := range []int{1, 10, 100, 10_000} {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "deny 10.%d.%d.0/25\n", i/256, i%256)
		}
		l := parse(b, text.String()+"default allow")
		for _, version := range []string{"192.0.2.1", "::ffff:192.0.2.1"} {
			a := peer(version)
			b.Run(fmt.Sprintf("rules=%d/peer=%s", n, version), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					l.Allowed(a)
				}
			})
		}
		b.Run(fmt.Sprintf("rules=%d/linear", n), func(b *testing.B) {
			a := peer("192.0.2.1")
			for b.Loop() {
				linear(l, a)
			}
		})
	}
}
