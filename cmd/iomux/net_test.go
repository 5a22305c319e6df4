//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"example.com/iomux/cmd/internal/names"
)

// netZone is a resolver that knows the hosts of the tutorial, and strangers.
type netZone struct{}

var (
	netAddresses = map[string][]string{
		"pymotw.com": {"66.33.211.242"}, "www.python.org": {"151.101.32.223", "2a04:4e42:8::223"}, "stranger": {"192.0.2.66"},
	}
	netCanonical = map[string]string{"www.python.org": "prod.python.map.fastlylb.net.", "stranger": hostile}
	netNames     = map[string][]string{"66.33.211.242": {"apache2-echo.catalina.dreamhost.com."}, "192.0.2.66": {hostile, "x\u009b2J.example."}}
	netNotFound  = &net.DNSError{Err: "no such host", IsNotFound: true}
)

// hostile is a name that a server may send. It would move the cursor, fake a line
// and turn text round.
const hostile = "a\x1b[2J\r\naddress 127.0.0.1\t\u202e\U000e0041b.example"

func (netZone) LookupNetIP(ctx context.Context, _, host string) (list []netip.Addr, err error) {
	if host == "silent" {
		<-ctx.Done()
		return nil, &net.DNSError{Err: ctx.Err().Error(), IsTimeout: true}
	}
	for _, s := range netAddresses[host] {
		list = append(list, netip.MustParseAddr(s))
	}
	if list == nil {
		return nil, netNotFound
	}
	return list, nil
}

func (netZone) LookupCNAME(_ context.Context, host string) (string, error) {
	if name, ok := netCanonical[host]; ok {
		return name, nil
	}
	return host + ".", nil
}

func (netZone) LookupAddr(_ context.Context, addr string) ([]string, error) {
	if list, ok := netNames[addr]; ok {
		return list, nil
	}
	return nil, netNotFound
}

// callNet runs iomux net in this process, on a machine called apu.
func callNet(t *testing.T, args ...string) result {
	t.Helper()
	var stdout bytes.Buffer
	r := callNetTo(t, &stdout, args...)
	r.stdout = stdout.String()
	return r
}

func callNetTo(t *testing.T, stdout io.Writer, args ...string) result {
	t.Helper()
	dir := t.TempDir()
	book := &names.Book{
		Resolver: netZone{}, HostsFile: filepath.Join(dir, "hosts"), ServicesFile: filepath.Join(dir, "services"),
		Hostname: func() (string, error) { return "apu.hellfly.net", nil },
	}
	for name, text := range map[string]string{
		book.HostsFile:    "10.9.0.10 apu.hellfly.net apu\n",
		book.ServicesFile: "imap2 143/tcp\nnats 4222/tcp\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root := newRoot()
	own, _, err := root.Find([]string{"net"})
	if err != nil {
		t.Fatal(err)
	}
	root.RemoveCommand(own)
	root.AddCommand(newNet(book))
	var stderr bytes.Buffer
	root.SetArgs(append([]string{"net"}, args...))
	root.SetOut(stdout)
	root.SetErr(&stderr)
	cmd, err := root.ExecuteContextC(t.Context())
	if err != nil {
		fmt.Fprintf(&stderr, "%s: %s\n", cmd.CommandPath(), oneLine(err))
	}
	return result{status: exitStatus(err), stderr: stderr.String()}
}

// The results of the tutorial's programs, and the corners that it does not show.
func TestNetGolden(t *testing.T) {
	for _, c := range []struct {
		id     string
		args   []string
		stdout string
		status int
		says   string // on standard error
	}{
		{"IP1", []string{"ip", "10.9.0.6", "fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa"}, `address        10.9.0.6
version        4
private        true
packed         0a090006
integer        168361990

address        fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa
version        6
private        true
packed         fdfd87b5b4755e3eb1bce121a8eb14aa
integer        337611086560236126439725644408160982186
`, 0, ""},
		{"IP1 by number", []string{"ip", "168361990", "4294967296"}, `address        10.9.0.6
version        4
private        true
packed         0a090006
integer        168361990

address        ::1:0:0
version        6
private        false
packed         00000000000000000000000100000000
integer        4294967296
`, 0, ""},
		{"IP1 mapped, with a zone", []string{"ip", "::ffff:1.2.3.4%e"}, `address        ::ffff:102:304%e
version        6
private        false
packed         00000000000000000000ffff01020304
integer        281470698652420
`, 0, ""},
		{"IP1 leading zero", []string{"ip", "10.9.0.6", "010.9.0.6"}, "", 2, `not an IP address: "010.9.0.6"`},
		{"IP1 short", []string{"ip", "127.1"}, "", 2, `"127.1"`},
		{"IP1 beyond", []string{"ip", "340282366920938463463374607431768211456"}, "", 2, "out of range"},
		{"IP1 nonsense of digits", []string{"ip", strings.Repeat("9", 40)}, "", 2, "not an IP address"},
		{"IP2", []string{"network", "10.9.0.0/24", "fdfd:87b5:b475:5e3e::/64"}, `network        10.9.0.0/24
version        4
private        true
broadcast      10.9.0.255
netmask        255.255.255.0
hostmask       0.0.0.255
with-netmask   10.9.0.0/255.255.255.0
with-hostmask  10.9.0.0/0.0.0.255
addresses      256

network        fdfd:87b5:b475:5e3e::/64
version        6
private        true
broadcast      fdfd:87b5:b475:5e3e:ffff:ffff:ffff:ffff
netmask        ffff:ffff:ffff:ffff::
hostmask       ::ffff:ffff:ffff:ffff
with-netmask   fdfd:87b5:b475:5e3e::/ffff:ffff:ffff:ffff::
with-hostmask  fdfd:87b5:b475:5e3e::/::ffff:ffff:ffff:ffff
addresses      18446744073709551616
`, 0, ""},
		{"IP2 host bits", []string{"network", "10.9.0.6/24"}, "", 2, `host bits are set in "10.9.0.6/24": its network is 10.9.0.0/24`},
		{"IP2 not strict", []string{"network", "--loose", "--at", "0", "10.9.0.6/24"}, "10.9.0.0\n", 0, ""},
		{"IP2 masks", []string{"network", "--at", "-1", "10.9.0.0/255.255.255.0", "10.9.0.0/0.0.0.255", "10.9.0.6"}, "10.9.0.255\n10.9.0.255\n10.9.0.6\n", 0, ""},
		{"IP2 place", []string{"network", "--at", "5", "10.9.0.0/24", "fdfd::/64"}, "10.9.0.5\nfdfd::5\n", 0, ""},
		{"IP2 no such place", []string{"network", "--at", "256", "fdfd::/64", "10.9.0.0/24"}, "", 2, "out of range, it has 256"},
		{"IP2 place that is no number", []string{"network", "--at", "first", "10.9.0.0/24"}, "", 2, "want a whole number"},
		{"IP3", []string{"network", "--first", "3", "10.9.0.0/24", "fdfd:87b5:b475:5e3e::/64"}, `10.9.0.0
10.9.0.1
10.9.0.2
fdfd:87b5:b475:5e3e::
fdfd:87b5:b475:5e3e::1
fdfd:87b5:b475:5e3e::2
`, 0, ""},
		{"IP4", []string{"hosts", "--first", "3", "10.9.0.0/24", "fdfd:87b5:b475:5e3e::/64"}, `10.9.0.1
10.9.0.2
10.9.0.3
fdfd:87b5:b475:5e3e::1
fdfd:87b5:b475:5e3e::2
fdfd:87b5:b475:5e3e::3
`, 0, ""},
		{"IP4 as a flag", []string{"network", "--hosts", "--first", "1", "10.9.0.0/24"}, "10.9.0.1\n", 0, ""},
		{"IP4 small", []string{"hosts", "10.9.0.0/30", "10.9.0.0/31", "10.9.0.6/32", "::/127", "::/128"}, "10.9.0.1\n10.9.0.2\n10.9.0.0\n10.9.0.1\n10.9.0.6\n::\n::1\n::\n", 0, ""},
		{"IP4 fewer than asked for", []string{"hosts", "--first", "9", "10.9.0.0/30"}, "10.9.0.1\n10.9.0.2\n", 0, ""},
		{"IP4 too many", []string{"hosts", "10.9.0.0/24", "10.0.0.0/15"}, "", 2, "10.0.0.0/15 has 131072 addresses: say with --first how many"},
		{"IP5", []string{
			"network", "10.9.0.0/24", "fdfd:87b5:b475:5e3e::/64", "--contains", "10.9.0.6", "--contains", "10.7.0.31",
			"--contains", "fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa", "--contains", "fe80::3840:c439:b25e:63b0",
		}, `10.9.0.6 10.9.0.0/24
fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa fdfd:87b5:b475:5e3e::/64
`, 1, "10.7.0.31 is not on a known network; fe80::3840:c439:b25e:63b0 is not on a known network"},
		{"IP5 the first", []string{"network", "10.0.0.0/8", "10.9.0.0/24", "--contains", "10.9.0.6"}, "10.9.0.6 10.0.0.0/8\n", 0, ""},
		{"IP5 no address", []string{"network", "10.0.0.0/8", "--contains", "10.9"}, "", 2, `"10.9"`},
		{"IP6", []string{"interface", "10.9.0.6/24", "fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa/64"}, `interface      10.9.0.6/24
network        10.9.0.0/24
ip             10.9.0.6
with-netmask   10.9.0.6/255.255.255.0
with-hostmask  10.9.0.6/0.0.0.255

interface      fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa/64
network        fdfd:87b5:b475:5e3e::/64
ip             fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa
with-netmask   fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa/ffff:ffff:ffff:ffff::
with-hostmask  fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa/::ffff:ffff:ffff:ffff
`, 0, ""},
		{"IP6 nonsense", []string{"interface", "10.9.0.6/33"}, "", 2, `not an IP network: "10.9.0.6/33"`},

		{"NS1", []string{"hostname"}, "apu.hellfly.net\n", 0, ""},
		{"NS2 and NS3", []string{"host", "apu", "pymotw.com", "www.python.org", "nosuchname"}, `asked          apu
name           apu.hellfly.net
alias          apu
address        10.9.0.10

asked          pymotw.com
name           pymotw.com
address        66.33.211.242

asked          www.python.org
name           prod.python.map.fastlylb.net
alias          www.python.org
address        151.101.32.223
`, 1, "nosuchname: not found"},
		{"NS2 empty", []string{"host", ""}, "asked          -\nname           0.0.0.0\naddress        0.0.0.0\n", 0, ""},
		{"NS3 localhost", []string{"host", "localhost"}, "asked          localhost\nname           localhost\naddress        127.0.0.1\n", 0, ""},
		{"NS3 by IPv6", []string{"host", "--family", "inet6", "localhost"}, "asked          localhost\nname           localhost\naddress        ::1\n", 0, ""},
		{"NS3 of another family", []string{"host", "localhost", "::1"}, "", 2, "::1: address of another family, not AF_INET"},
		{"NS3 half an address", []string{"host", "localhost", "127.1"}, "", 2, `"127.1"`},
		{"NS2 no answer", []string{"host", "--timeout", "1ms", "silent", "localhost"}, "asked          localhost\nname           localhost\naddress        127.0.0.1\n", 1, "silent: no answer in time"},
		{"NS4", []string{"fqdn", "apu", "pymotw.com", "nosuchname"}, "apu apu.hellfly.net\npymotw.com apache2-echo.catalina.dreamhost.com\nnosuchname nosuchname\n", 0, ""},
		{"NS4 of this machine", []string{"fqdn"}, "apu.hellfly.net\n", 0, ""},
		{"NS4 nonsense", []string{"fqdn", "apu", "a b"}, "", 2, `"a b"`},
		{"NS4 no answer", []string{"fqdn", "--timeout", "1ms", "silent"}, "silent silent\n", 0, ""},
		{"NS5", []string{"addr", "10.9.0.10"}, "asked          10.9.0.10\nname           apu.hellfly.net\nalias          apu\naddress        10.9.0.10\n", 0, ""},
		{"NS5 none", []string{"addr", "192.0.2.1", "10.9.0.10"}, "asked          10.9.0.10\nname           apu.hellfly.net\nalias          apu\naddress        10.9.0.10\n", 1, "192.0.2.1: not found"},
		{"NS5 no address", []string{"addr", "apu"}, "", 2, `not an IP address: "apu"`},
		{"NS6", []string{"service", "http", "https", "ftp", "gopher", "smtp", "imap", "imaps", "pop3", "pop3s"}, "http 80\nhttps 443\nftp 21\ngopher 70\nsmtp 25\nimap 143\nimaps 993\npop3 110\npop3s 995\n", 0, ""},
		{"NS6 of the file", []string{"service", "nats", "nosuch"}, "nats 4222\n", 1, `service "nosuch": not found`},
		{"NS6 other protocol", []string{"service", "--proto", "tcp", "ntp"}, "", 1, `service "ntp" over tcp: not found`},
		{"NS7", []string{"port", "80", "443", "21", "70", "25", "143", "993", "110", "995"}, "80 http\n443 https\n21 ftp\n70 gopher\n25 smtp\n143 imap\n993 imaps\n110 pop3\n995 pop3s\n", 0, ""},
		{"NS7 none", []string{"port", "--proto", "udp", "4222", "53"}, "53 domain\n", 1, "service with port 4222 over udp: not found"},
		{"NS7 beyond", []string{"port", "80", "65536"}, "", 2, `"65536": not a port, want 0 to 65535`},
		{"NS8", []string{"proto", "icmp", "udp", "tcp"}, "icmp 1 IPPROTO_ICMP\nudp 17 IPPROTO_UDP\ntcp 6 IPPROTO_TCP\n", 0, ""},
		{"NS8 none", []string{"proto", "nosuch"}, "", 1, `protocol "nosuch": not found`},
		{"NS9", []string{"addrinfo", "www.python.org", "http"}, `family         AF_INET
type           SOCK_STREAM
protocol       IPPROTO_TCP
canonical      -
address        151.101.32.223
port           80

family         AF_INET
type           SOCK_DGRAM
protocol       IPPROTO_UDP
canonical      -
address        151.101.32.223
port           80

family         AF_INET6
type           SOCK_STREAM
protocol       IPPROTO_TCP
canonical      -
address        2a04:4e42:8::223
port           80
flowinfo       0
scope          0

family         AF_INET6
type           SOCK_DGRAM
protocol       IPPROTO_UDP
canonical      -
address        2a04:4e42:8::223
port           80
flowinfo       0
scope          0
`, 0, ""},
		{"NS10", []string{"addrinfo", "--family", "inet", "--type", "stream", "--proto", "tcp", "--canon", "www.python.org", "http"}, `family         AF_INET
type           SOCK_STREAM
protocol       IPPROTO_TCP
canonical      prod.python.map.fastlylb.net
address        151.101.32.223
port           80
`, 0, ""},
		{"NS10 numeric", []string{"addrinfo", "--type", "stream", "127.0.0.1", "http"}, `family         AF_INET
type           SOCK_STREAM
protocol       IPPROTO_TCP
canonical      -
address        127.0.0.1
port           80
`, 0, ""},
		{"NS10 without a service", []string{"addrinfo", "--type", "dgram", "::1"}, `family         AF_INET6
type           SOCK_DGRAM
protocol       IPPROTO_UDP
canonical      -
address        ::1
port           0
flowinfo       0
scope          0
`, 0, ""},
		{"NS10 contradiction", []string{"addrinfo", "--type", "stream", "--proto", "udp", "localhost"}, "", 2, "type SOCK_STREAM with protocol udp"},
		{"NS10 wrong port", []string{"addrinfo", "localhost", "65536"}, "", 2, `"65536"`},
		{"NS10 wrong family", []string{"addrinfo", "--family", "inet6", "127.0.0.1"}, "", 2, "127.0.0.1: address of another family, not AF_INET6"},
		{"NS10 half an address", []string{"addrinfo", "127.1"}, "", 2, `"127.1"`},
		{"NS10 no such host", []string{"addrinfo", "nosuchname", "http"}, "", 1, "nosuchname: not found"},
		{"NS10 no such service", []string{"addrinfo", "localhost", "nosuch"}, "", 1, `service "nosuch": not found`},
		{"NS10 no answer", []string{"addrinfo", "--timeout", "1ms", "silent"}, "", 1, "silent: no answer in time"},
		{"NS10 three arguments", []string{"addrinfo", "localhost", "http", "tcp"}, "", 2, `surplus argument "tcp"`},
		{"NS11", []string{"aton", "192.168.1.1", "127.0.0.1"}, "192.168.1.1 c0a80101\n127.0.0.1 7f000001\n", 0, ""},
		{"NS11 back", []string{"ntoa", "c0a80101", "7F000001"}, "c0a80101 192.168.1.1\n7F000001 127.0.0.1\n", 0, ""},
		{"NS11 loose", []string{"aton", "127.1", "0x7f.1", "1", "127.0.0.1 and more"}, "127.1 7f000001\n0x7f.1 7f000001\n1 00000001\n127.0.0.1\\x20and\\x20more 7f000001\n", 0, ""},
		{"NS11 nonsense", []string{"aton", "127.1", "x"}, "", 2, `"x"`},
		{"NS11 too many bytes", []string{"ntoa", "2002ac10010a1234021e52fffe74040e"}, "", 2, "want 8 hexadecimal digits"},
		{"NS12", []string{"pton", "2002:ac10:10a:1234:21e:52ff:fe74:40e"}, "2002:ac10:10a:1234:21e:52ff:fe74:40e 2002ac10010a1234021e52fffe74040e\n", 0, ""},
		{"NS12 back", []string{"ntop", "2002ac10010a1234021e52fffe74040e", "c0a80101", "00000000000000000000ffff01020304"}, "2002ac10010a1234021e52fffe74040e 2002:ac10:10a:1234:21e:52ff:fe74:40e\nc0a80101 192.168.1.1\n00000000000000000000ffff01020304 ::ffff:1.2.3.4\n", 0, ""},
		{"NS12 strict", []string{"pton", "::1", "127.1"}, "", 2, `"127.1"`},
		{"NS12 leading zero", []string{"pton", "010.0.0.1"}, "", 2, `"010.0.0.1"`},
		{"NS12 half bytes", []string{"ntop", "c0a80101", "c0a8010"}, "", 2, "want 8 or 32 hexadecimal digits"},
		{"NS12 no digits", []string{"ntop", "c0a8010g"}, "", 2, "want 8 or 32 hexadecimal digits"},

		{"two questions", []string{"network", "--at", "1", "--hosts", "10.9.0.0/24"}, "", 2, "only one of --at, --contains, and --first or --hosts"},
		{"two other questions", []string{"network", "--at", "1", "--contains", "10.9.0.0", "10.9.0.0/24"}, "", 2, "only one of"},
		{"two more", []string{"network", "--first", "1", "--contains", "10.9.0.0", "10.9.0.0/24"}, "", 2, "only one of"},
		{"no addresses", []string{"network", "--first", "0", "10.9.0.0/24"}, "", 2, "want a number from 1"},
		{"nothing asked", []string{"ip"}, "", 2, `no address, see "iomux net ip --help"`},
		{"no section", []string{"networks"}, "", 2, "did you mean network?"},
		{"surplus argument", []string{"hostname", "apu"}, "", 2, `"apu"`},
		{"unknown family", []string{"host", "--family", "unix", "localhost"}, "", 2, "inet or inet6"},
		{"unknown protocol", []string{"service", "--proto", "sctp", "http"}, "", 2, "tcp or udp"},
		{"no time", []string{"host", "--timeout", "0s", "localhost"}, "", 2, "at least 1ms"},
		{"escape in an argument", []string{"service", "\x1b[31m"}, "", 1, `\x1b[31m`},
	} {
		t.Run(c.id, func(t *testing.T) {
			r := callNet(t, c.args...)
			if r.status != c.status || r.stdout != c.stdout {
				t.Errorf("exit status %d, want %d; got\n%s\nwant\n%s", r.status, c.status, r.stdout, c.stdout)
			}
			switch {
			case c.status == 0 && r.stderr != "":
				t.Errorf("standard error: %s", r.stderr)
			case c.status != 0:
				check(t, result{r.status, "", r.stderr}, c.status, []string{c.says})
				if strings.Contains(r.stderr, "names: ") || strings.Contains(r.stderr, "ipaddr: ") {
					t.Errorf("it says which package it is from: %s", r.stderr)
				}
			}
		})
	}
}

// A line of JSON has the same fields as the block or line of text, in the same
// order.
func TestNetJSON(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"ip", "10.9.0.6", "::1"}, `{"address":"10.9.0.6","version":4,"private":true,"packed":"0a090006","integer":"168361990"}
{"address":"::1","version":6,"private":true,"packed":"00000000000000000000000000000001","integer":"1"}
`},
		{[]string{"network", "fdfd::/64"}, `{"network":"fdfd::/64","version":6,"private":true,"broadcast":"fdfd::ffff:ffff:ffff:ffff","netmask":"ffff:ffff:ffff:ffff::","hostmask":"::ffff:ffff:ffff:ffff","with-netmask":"fdfd::/ffff:ffff:ffff:ffff::","with-hostmask":"fdfd::/::ffff:ffff:ffff:ffff","addresses":"18446744073709551616"}
`},
		{[]string{"hosts", "10.9.0.0/30"}, `{"network":"10.9.0.0/30","address":"10.9.0.1"}
{"network":"10.9.0.0/30","address":"10.9.0.2"}
`},
		{[]string{"network", "--contains", "10.9.0.1", "10.9.0.0/30"}, `{"address":"10.9.0.1","network":"10.9.0.0/30"}
`},
		{[]string{"host", "apu", "pymotw.com"}, `{"asked":"apu","name":"apu.hellfly.net","alias":["apu"],"address":["10.9.0.10"]}
{"asked":"pymotw.com","name":"pymotw.com","alias":[],"address":["66.33.211.242"]}
`},
		{[]string{"addrinfo", "::1", "http", "--type", "stream"}, `{"family":"AF_INET6","type":"SOCK_STREAM","protocol":"IPPROTO_TCP","canonical":"","address":"::1","port":80,"flowinfo":0,"scope":0}
`},
		{[]string{"service", "http"}, `{"service":"http","port":80}` + "\n"},
		{[]string{"port", "143"}, `{"port":143,"service":"imap"}` + "\n"},
		{[]string{"proto", "tcp"}, `{"protocol":"tcp","number":6,"constant":"IPPROTO_TCP"}` + "\n"},
		{[]string{"aton", "127.1 é"}, `{"text":"127.1 \u00e9","packed":"7f000001"}` + "\n"},
		{[]string{"ntop", "7f000001"}, `{"packed":"7f000001","text":"127.0.0.1"}` + "\n"},
		{[]string{"fqdn"}, `{"fqdn":"apu.hellfly.net"}` + "\n"},
		{[]string{"hostname"}, `{"hostname":"apu.hellfly.net"}` + "\n"},
	} {
		if r := callNet(t, append(c.args, "--json")...); r.status != 0 || r.stderr != "" || r.stdout != c.want {
			t.Errorf("%q: %+v", c.args, r)
		}
	}
}

// Names of strangers move no terminal, and cannot fake lines.
func TestNetShowsStrangersHarmless(t *testing.T) {
	const shown = `a\x1b[2J\x0d\x0aaddress\x20127.0.0.1\x09\u202e\U000e0041b.example`
	r := callNet(t, "host", "stranger")
	if want := "asked          stranger\nname           " + shown + "\nalias          stranger\naddress        192.0.2.66\n"; r.stdout != want {
		t.Errorf("host: got\n%q\nwant\n%q", r.stdout, want)
	}
	r = callNet(t, "addr", "192.0.2.66")
	if want := "asked          192.0.2.66\nname           " + shown + "\nalias          x\\u009b2J.example\naddress        192.0.2.66\n"; r.stdout != want {
		t.Errorf("addr: got\n%q\nwant\n%q", r.stdout, want)
	}
	if r := callNet(t, "fqdn", "stranger"); r.stdout != "stranger "+shown+"\n" {
		t.Errorf("fqdn: %q", r.stdout)
	}
	if r := callNet(t, "addrinfo", "--canon", "stranger", "--type", "stream"); !strings.Contains(r.stdout, "canonical      "+shown+"\n") {
		t.Errorf("addrinfo: %q", r.stdout)
	}

	r = callNet(t, "addr", "192.0.2.66", "--json")
	var got struct {
		Name  string
		Alias []string
	}
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || got.Name != hostile || !reflect.DeepEqual(got.Alias, []string{"x\u009b2J.example"}) {
		t.Errorf("JSON: %v: %q", err, got)
	}
	if i := strings.IndexFunc(strings.TrimSuffix(r.stdout, "\n"), func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
		t.Errorf("JSON has %q", r.stdout[i:])
	}
}

// fullDisk is what cannot be written to.
type fullDisk struct{ writes int }

var errFull = errors.New("no space left on device")

func (d *fullDisk) Write([]byte) (int, error) {
	d.writes++
	return 0, errFull
}

// A list ends when nobody can have it, and says so.
func TestNetCannotPrint(t *testing.T) {
	for _, args := range [][]string{
		{"network", "--first", "2147483647", "::/0"},
		{"network", "--first", "2147483647", "::/0", "::/0", "--json"},
		{"ip", "10.9.0.6"},
	} {
		d := &fullDisk{}
		r := callNetTo(t, d, args...)
		check(t, r, 1, []string{"cannot print: no space left on device"})
		if d.writes != 1 {
			t.Errorf("%q: it went on after %d writes", args, d.writes)
		}
	}
}

// A section that is not named is listed with all others; so it is for a shell.
func TestNetListsItsSections(t *testing.T) {
	r := call(t, "", "net")
	sections := []string{"ip", "network", "hosts", "interface", "host", "addr", "fqdn", "hostname", "addrinfo", "service", "port", "proto", "aton", "ntoa", "pton", "ntop"}
	completion := call(t, "", "__complete", "net", "")
	for _, s := range sections {
		if !strings.Contains(r.stdout, "\n  "+s+" ") {
			t.Errorf("%s is not listed", s)
		}
		if !strings.Contains("\n"+completion.stdout, "\n"+s+"\t") {
			t.Errorf("%s is not completed", s)
		}
	}
	if r.status != 0 || r.stderr != "" {
		t.Errorf("%+v", r)
	}
	for _, c := range [][]string{{"host", "--family", ""}, {"addrinfo", "--type", ""}, {"service", "--proto", ""}} {
		want := map[string]string{"--family": "inet6\n", "--type": "dgram\n", "--proto": "udp\n"}[c[1]]
		if r := call(t, "", append([]string{"__complete", "net"}, c...)...); !strings.Contains(r.stdout, want) {
			t.Errorf("%q: %q", c, r.stdout)
		}
	}
}

// The README shows what its commands print.
func TestNetInREADME(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## iomux net\n")
	blocks := strings.Split(section, "```")
	if len(blocks) < 5 {
		t.Fatal("want a block with commands, and one with what they print")
	}
	var printed strings.Builder
	for command := range strings.Lines(strings.TrimPrefix(blocks[1], "sh\n")) {
		args, ok := strings.CutPrefix(command, "go run ./cmd/iomux ")
		if !ok {
			t.Errorf("not a command of iomux: %q", command)
		}
		printed.WriteString(call(t, "", strings.Fields(args)...).stdout)
	}
	if want := strings.TrimPrefix(blocks[3], "\n"); printed.String() != want {
		t.Errorf("they print\n%s\nREADME.md has\n%s", printed.String(), want)
	}
}

// The real thing, with nothing to ask but this machine.
func TestNetOffline(t *testing.T) {
	if r := call(t, "", "net", "host", "localhost"); r.status != 0 || r.stderr != "" || !strings.Contains(r.stdout, "\naddress        127.0.0.1\n") {
		t.Errorf("%+v", r)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if r := call(t, "", "net", "hostname"); r.status != 0 || r.stdout != host+"\n" {
		t.Errorf("%+v", r)
	}
}
