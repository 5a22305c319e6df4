package names

import (
	"fmt"
	"strings"
)

// Protocol is a protocol on top of IP.
type Protocol struct {
	Name     string
	Number   int
	Constant string // in C
}

// LookupProtocol looks a protocol up by its name, in any case, or by its other name in
// the registry of IANA, as getprotobyname does. The error is an ErrNotFound.
func LookupProtocol(name string) (Protocol, error) {
	for _, p := range protocols {
		if strings.EqualFold(name, p.Name) || p.alias != "" && strings.EqualFold(name, p.alias) {
			return p.Protocol, nil
		}
	}
	return Protocol{}, fmt.Errorf("names: protocol %q: %w", name, ErrNotFound)
}

// The protocols that a socket of a type has unless another is asked for.
var (
	tcp = protocol("tcp")
	udp = protocol("udp")
)

func protocol(name string) Protocol {
	p, err := LookupProtocol(name)
	if err != nil {
		panic(err) // it is in the table
	}
	return p
}

// protocols are those that have a constant.
var protocols = []struct {
	Protocol
	alias string
}{
	{Protocol{"ip", 0, "IPPROTO_IP"}, ""},
	{Protocol{"icmp", 1, "IPPROTO_ICMP"}, ""},
	{Protocol{"igmp", 2, "IPPROTO_IGMP"}, ""},
	{Protocol{"ipencap", 4, "IPPROTO_IPIP"}, "ipv4"},
	{Protocol{"tcp", 6, "IPPROTO_TCP"}, ""},
	{Protocol{"egp", 8, "IPPROTO_EGP"}, ""},
	{Protocol{"pup", 12, "IPPROTO_PUP"}, ""},
	{Protocol{"udp", 17, "IPPROTO_UDP"}, ""},
	{Protocol{"xns-idp", 22, "IPPROTO_IDP"}, ""},
	{Protocol{"iso-tp4", 29, "IPPROTO_TP"}, ""},
	{Protocol{"dccp", 33, "IPPROTO_DCCP"}, ""},
	{Protocol{"ipv6", 41, "IPPROTO_IPV6"}, ""},
	{Protocol{"ipv6-route", 43, "IPPROTO_ROUTING"}, ""},
	{Protocol{"ipv6-frag", 44, "IPPROTO_FRAGMENT"}, ""},
	{Protocol{"rsvp", 46, "IPPROTO_RSVP"}, ""},
	{Protocol{"gre", 47, "IPPROTO_GRE"}, ""},
	{Protocol{"esp", 50, "IPPROTO_ESP"}, "ipsec-esp"},
	{Protocol{"ah", 51, "IPPROTO_AH"}, "ipsec-ah"},
	{Protocol{"ipv6-icmp", 58, "IPPROTO_ICMPV6"}, "icmpv6"},
	{Protocol{"ipv6-nonxt", 59, "IPPROTO_NONE"}, ""},
	{Protocol{"ipv6-opts", 60, "IPPROTO_DSTOPTS"}, ""},
	{Protocol{"pim", 103, "IPPROTO_PIM"}, ""},
	{Protocol{"sctp", 132, "IPPROTO_SCTP"}, ""},
	{Protocol{"udplite", 136, "IPPROTO_UDPLITE"}, ""},
	{Protocol{"mptcp", 262, "IPPROTO_MPTCP"}, ""},
}
