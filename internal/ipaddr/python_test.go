package ipaddr

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// answer is what testdata/compare.py prints for a text; nil is what Python
// refuses.
type answer struct {
	Address     *addressFacts
	Network     *networkFacts
	Interface   *interfaceFacts
	FromInteger *addressFacts
	Aton        *string
	Pton4       *string
	Pton6       *string
	Ntop        *string
}

type addressFacts struct {
	Text    string
	Version int
	Private bool
	Packed  string
	Integer string
}

type networkFacts struct {
	Text         string
	Version      int
	Private      bool
	Last         string
	Netmask      string
	Hostmask     string
	WithNetmask  string
	WithHostmask string
	Size         string
	Addrs        []string
	Hosts        []string
	Middle       string
	End          string
	Start        string
}

type interfaceFacts struct {
	Text         string
	Addr         string
	Network      string
	WithNetmask  string
	WithHostmask string
}

func factsOfAddress(a netip.Addr, err error) *addressFacts {
	if err != nil {
		return nil
	}
	return &addressFacts{String(a), Version(a), IsPrivate(a), Packed(a), Integer(a).String()}
}

func factsOfNetwork(n Network, err error) *networkFacts {
	if err != nil {
		return nil
	}
	at := func(i *big.Int) string {
		a, err := n.At(i)
		if err != nil {
			return err.Error()
		}
		return String(a)
	}
	size := n.Size()
	return &networkFacts{
		n.String(), Version(n.Addr()), n.IsPrivate(), String(n.Last()), String(n.Netmask()), String(n.Hostmask()),
		n.WithNetmask(), n.WithHostmask(), size.String(), firstThree(n.Addrs()), firstThree(n.Hosts()),
		at(new(big.Int).Div(size, big.NewInt(3))), at(big.NewInt(-1)), at(new(big.Int).Neg(size)),
	}
}

func firstThree(addrs iter.Seq[netip.Addr]) (list []string) {
	for a := range addrs {
		if list = append(list, String(a)); len(list) == 3 {
			break
		}
	}
	return list
}

func factsOfInterface(i Interface, err error) *interfaceFacts {
	if err != nil {
		return nil
	}
	return &interfaceFacts{i.String(), Packed(i.Addr()), i.Network().String(), i.WithNetmask(), i.WithHostmask()}
}

func ours(text string) answer {
	a, err := Parse(text)
	result := answer{Address: factsOfAddress(a, err)}
	if err == nil {
		s, err := Ntop(a.AsSlice())
		if err == nil {
			result.Ntop = &s
		}
	}
	result.Network = factsOfNetwork(ParseNetwork(text))
	result.Interface = factsOfInterface(ParseInterface(text))
	if number, ok := new(big.Int).SetString(text, 10); ok && strings.Trim(text, "0123456789") == "" {
		result.FromInteger = factsOfAddress(FromInteger(number))
	}
	packed := func(a netip.Addr, err error) *string {
		if err != nil {
			return nil
		}
		s := Packed(a)
		return &s
	}
	result.Aton = packed(Aton(text))
	if a, err := Pton(text); err == nil && a.Is4() {
		result.Pton4 = packed(a, err)
	} else {
		result.Pton6 = packed(a, err)
	}
	return result
}

// python is an interpreter and which of the tables of private networks it has.
type python struct {
	Version []int
	Newer   bool // that of 3.12.4, 3.13 and later security releases
	Newest  bool // that with 3fff::/20, RFC 9637
}

// ask has Python answer for texts, which have no newline.
func ask(t *testing.T, texts []string) (python, []answer) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python3(t), "testdata/compare.py")
	cmd.Stdin = strings.NewReader(strings.Join(texts, "\n") + "\n")
	cmd.Env = append(os.Environ(), "PYTHONUTF8=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(texts)+1 {
		t.Fatalf("%d lines for %d", len(lines), len(texts))
	}
	var p python
	if err := json.Unmarshal([]byte(lines[0]), &p); err != nil {
		t.Fatal(err)
	}
	answers := make([]answer, len(texts))
	for i, line := range lines[1:] {
		if strings.Contains(line, "::ffff:") {
			// What inet_ntop writes stays as it is.
			facts, ntop, _ := strings.Cut(line, `"ntop": `)
			line = mapped.ReplaceAllStringFunc(facts, inHex) + `"ntop": ` + ntop
		}
		if err := json.Unmarshal([]byte(line), &answers[i]); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return p, answers
}

// mapped is a v4-mapped address as Python 3.13 writes it, and older ones do not.
var mapped = regexp.MustCompile(`([/"]::ffff:)(\d+)\.(\d+)\.(\d+)\.(\d+)`)

func inHex(s string) string {
	m := mapped.FindStringSubmatch(s)
	var b [4]uint64
	for i := range b {
		b[i], _ = strconv.ParseUint(m[2+i], 10, 8) // it is a byte that Python wrote
	}
	return fmt.Sprintf("%s%x:%x", m[1], b[0]<<8|b[1], b[2]<<8|b[3])
}

// python3 is the interpreter to compare with. Before 3.11 a network was private when
// both of its ends were, whatever lay between.
func python3(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err == nil {
		err = exec.CommandContext(t.Context(), path, "-c", "import sys; sys.exit(sys.version_info < (3, 11))").Run()
	}
	if err != nil {
		if os.Getenv("IOMUX_REQUIRE_TOOLS") == "1" {
			t.Fatalf("needs the tool python3, 3.11 or later: %v", err)
		}
		t.Skipf("needs the tool python3, 3.11 or later: %v", err)
	}
	return path
}

// exceptions are the networks about which newer tables of private networks differ,
// and what they say.
var exceptions = []struct {
	of      string
	private bool
	newest  bool // only in the newest
}{
	{"192.0.0.9/32", false, false},
	{"192.0.0.10/32", false, false},
	{"192.0.0.0/24", true, false},
	{"64:ff9b:1::/48", true, false},
	{"2002::/16", true, false},
	{"2001:1::1/128", false, false},
	{"2001:1::2/128", false, false},
	{"2001:3::/32", false, false},
	{"2001:4:112::/48", false, false},
	{"2001:20::/28", false, false},
	{"2001:30::/28", false, false},
	{"3fff::/20", true, true},
}

// privateBy is whether an address is private by the table that Python has.
func (p python) privateBy(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	for _, e := range exceptions {
		if has := p.Newer && !e.newest || p.Newest && e.newest; has && netip.MustParsePrefix(e.of).Contains(a) {
			return e.private
		}
	}
	return IsPrivate(a)
}

// adapt makes of what is ours what a newer Python would say. Where a network
// meets one of the exceptions, what is private is taken from Python.
func (p python) adapt(ours, theirs *answer) {
	for _, a := range []*addressFacts{ours.Address, ours.FromInteger} {
		if a != nil {
			addr, _ := netip.AddrFromSlice(unhex(a.Packed))
			a.Private = p.privateBy(addr)
		}
	}
	if ours.Network == nil || theirs.Network == nil || !p.Newer {
		return
	}
	for _, e := range exceptions {
		if netip.MustParsePrefix(e.of).Overlaps(netip.MustParsePrefix(ours.Network.Text)) {
			ours.Network.Private = theirs.Network.Private
		}
	}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err) // it was just made
	}
	return b
}

func show(a answer) string {
	text, err := json.Marshal(a)
	if err != nil {
		panic(err) // it has nothing that cannot be
	}
	return string(text)
}

func compare(t *testing.T, texts []string) {
	t.Helper()
	p, answers := ask(t, texts)
	t.Logf("Python %d, newer table of private networks: %v, newest: %v", p.Version, p.Newer, p.Newest)
	failures := 0
	for i, theirs := range answers {
		mine := ours(texts[i])
		if strings.Contains(texts[i], "%") {
			mine.Network, theirs.Network = nil, nil // a network has no zone here
		}
		p.adapt(&mine, &theirs)
		if !reflect.DeepEqual(mine, theirs) {
			t.Errorf("%q:\n  ours   %s\n  Python %s", texts[i], show(mine), show(theirs))
			if failures++; failures == 20 {
				t.Fatal("and more")
			}
		}
	}
}

// texts that tell parsers from each other.
var hardTexts = []string{
	"", " ", ".", "/", "/8", "1", "0", "1.2.3", "1.2.3.4.5", "1.2.3.4.", ".1.2.3.4", "1..3.4", "01.2.3.4", "1.2.3.04", "1.2.3.256",
	"1.2.3.4 ", " 1.2.3.4", "1.2.3.4 x", "1.2.3.4\tx", "1.2.3.4\vx", "1.2.3.4x", "+1.2.3.4", "-1", "1.2.3.-4", "٣.2.3.4", "1,2,3,4",
	"127.1", "127.0.1", "0x7f.1", "0X7F.1", "0x7f000001", "017700000001", "2130706433", "4294967295", "4294967296", "08", "0x", "0xg", "0b1", "0o7",
	"1_0", "1.16777215", "1.16777216", "1.2.65535", "1.2.65536", "256.1", "1.0x100.1", "00000000000000000000000001", "1.", "1.2.",
	"340282366920938463463374607431768211455", "340282366920938463463374607431768211456",
	":", "::", ":::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
	"1::2::3", "12345::", "0001::", "00001::", "g::", "::1.2.3.4", "::01.2.3.4", "::1.2.3", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "::ffff:1.2.3.4",
	"::ffff:102:304", "::fffe:1.2.3.4", "1.2.3.4::", "::1.2.3.4:5", "[::1]", "::1]", "::FFFF:1", "1:0:0:2:0:0:0:3", "1:0:0:0:2:0:0:3", "1:0:2:3:4:5:6:7", "0:0:1::",
	"fe80::1%eth0", "fe80::1%", "fe80::1%a%b", "fe80::1% x", "1.2.3.4%eth0", "::ffff:1.2.3.4%e", "fe80::1%eth0/64", "fe80::%eth0/64", "fe80::1/64%eth0",
	"10.9.0.0/24", "10.9.0.6/24", "10.9.0.0/024", "10.9.0.0/", "10.9.0.0/+8", "10.9.0.0/ 8", "10.9.0.0/33", "10.9.0.0/-1", "10.9.0.0/24/24", "0.0.0.0/0", "0.0.0.0/00",
	"10.9.0.0/255.255.255.0", "10.9.0.0/0.0.0.255", "10.0.0.0/255.0.255.0", "10.0.0.0/0.255.0.255", "10.0.0.0/0.0.0.0", "0.0.0.0/0.0.0.0", "1.2.3.4/255.255.255.255",
	"1.2.3.4/0.0.0.1", "1.2.3.4/128.0.0.0", "0.0.0.0/127.255.255.255", "10.0.0.0/0255.0.0.0", "10.0.0.0/255", "10.0.0.0/255.0", "10.0.0.0/99999999999999999999999", "10.0.0.0/8.0.0.0",
	"::/0", "::/128", "::/129", "::1/0", "::/ffff::", "::/255.255.0.0", "fdfd::/064", "::ffff:0:0/96", "::ffff:0:0/80", "::/80", "::ffff:8.8.8.8/128", "2001:db8::/32", "255.255.255.255/32",
	"10.0.0.0/30", "10.0.0.0/31", "10.0.0.0/32", "255.255.255.254/31", "fd00::/126", "fd00::/127", "fd00::1/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
	"é", "1.2.3.4é", "::é", "fe80::1%é", "1.2.3.4/é",
}

func TestAsPythonDoesHardTexts(t *testing.T) { compare(t, hardTexts) }

// randomAddr is an address whose bits are in runs, so that prefixes, zeros and the
// short form occur.
func randomAddr(r *rand.Rand) netip.Addr {
	b := make([]byte, 4+12*r.IntN(2))
	fill := byte(0)
	for i := range b {
		if r.IntN(3) == 0 {
			fill = []byte{0, 0, 0xff, byte(r.Uint32())}[r.IntN(4)]
		}
		b[i] = fill
	}
	a, _ := netip.AddrFromSlice(b) // it is 4 or 16 bytes
	return a
}

func randomTexts(r *rand.Rand, n int) (texts []string) {
	for range n {
		a := randomAddr(r)
		p := netip.PrefixFrom(a, r.IntN(a.BitLen()+1))
		if r.IntN(2) == 0 {
			p = p.Masked()
		}
		n := NetworkOf(p)
		candidates := []string{a.String(), String(a), a.StringExpanded(), p.String(), String(p.Addr()) + "/" + String(n.Netmask()), String(p.Addr()) + "/" + String(n.Hostmask()), Integer(a).String()}
		text := candidates[r.IntN(len(candidates))]
		if r.IntN(3) == 0 { // spoilt
			const with = "0123456789abcdefx:./% "
			i := r.IntN(len(text) + 1)
			j := min(i+r.IntN(2), len(text))
			text = text[:i] + with[r.IntN(len(with)):][:1] + text[j:]
		}
		texts = append(texts, text)
	}
	return texts
}

func TestAsPythonDoesRandomTexts(t *testing.T) {
	compare(t, randomTexts(rand.New(rand.NewPCG(1, 2)), 3000))
}

// Private is compared where a table could be wrong, at the ends of its networks,
// and in between.
func TestAsPythonDoesPrivate(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	list := append(append([]netip.Prefix{}, private4...), private6...)
	for _, e := range exceptions {
		list = append(list, netip.MustParsePrefix(e.of))
	}
	list = append(list, prefixes("100.64.0.0/10", "224.0.0.0/4", "192.88.99.0/24", "192.31.196.0/24", "fec0::/10", "ff00::/8", "5f00::/16", "2620:4f:8000::/48", "64:ff9b::/96", "100:0:0:1::/64")...)
	var texts []string
	for _, p := range list {
		n := NetworkOf(p)
		texts = append(texts, n.String())
		within := []netip.Addr{n.Addr(), n.Addr().Prev(), n.Last(), n.Last().Next()}
		for range 10 {
			inside, err := n.At(new(big.Int).Rsh(new(big.Int).Mul(n.Size(), big.NewInt(int64(r.Uint32()))), 32))
			if err != nil {
				t.Fatal(err)
			}
			within = append(within, inside)
		}
		for _, a := range within {
			if !a.IsValid() {
				continue
			}
			texts = append(texts, String(a))
			if a.Is4() {
				texts = append(texts, String(netip.AddrFrom16(a.As16())))
			}
			// A network within, one around and one beside.
			for _, bits := range []int{max(p.Bits()-1, 0), p.Bits(), min(p.Bits()+1, a.BitLen())} {
				texts = append(texts, NetworkOf(netip.PrefixFrom(a, bits)).String())
			}
		}
	}
	for range 2000 {
		texts = append(texts, String(randomAddr(r)))
	}
	for i := range 256 { // every first byte
		texts = append(texts, fmt.Sprintf("%d.0.0.1", i), fmt.Sprintf("%x00::1", i))
	}
	compare(t, texts)
}
