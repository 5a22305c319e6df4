package names

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Service is a service with its port, over one protocol.
type Service struct {
	Name    string
	Port    uint16
	Proto   string // tcp, udp, ...
	Aliases []string
}

// Service looks a service up by its name or an alias, as getservbyname does. proto
// is tcp, udp or what else the file of services knows; "" is any, tcp first.
//
// The error is an ErrNotFound.
func (b *Book) Service(name, proto string) (Service, error) {
	return b.service(over(strconv.Quote(name), proto), func(s Service) bool {
		return (proto == "" || s.Proto == proto) && (s.Name == name || slices.Contains(s.Aliases, name))
	})
}

// Port looks a service up by its port, as getservbyport does. The error is an
// ErrNotFound.
func (b *Book) Port(port uint16, proto string) (Service, error) {
	return b.service(over(fmt.Sprintf("with port %d", port), proto), func(s Service) bool {
		return (proto == "" || s.Proto == proto) && s.Port == port
	})
}

func over(what, proto string) string {
	if proto == "" {
		return what
	}
	return what + " over " + proto
}

// service is the first that fits, of the table before the file.
func (b *Book) service(what string, fits func(Service) bool) (Service, error) {
	if i := slices.IndexFunc(services, fits); i >= 0 {
		return services[i], nil
	}
	list := parseServices(readFile(b.ServicesFile))
	if i := slices.IndexFunc(list, fits); i >= 0 {
		return list[i], nil
	}
	return Service{}, fmt.Errorf("names: service %s: %w", what, ErrNotFound)
}

// parseServices reads a file like services(5). What is no entry is skipped.
func parseServices(text []byte) (list []Service) {
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		number, proto, ok := strings.Cut(words[1], "/")
		port, err := ParsePort(number)
		if ok && err == nil && port > 0 && proto != "" {
			list = append(list, Service{words[0], port, proto, words[2:]})
		}
	}
	return list
}

// ParsePort reads the number of a port, in decimal. The error is an ErrPort.
func ParsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("names: %q: %w", s, ErrPort)
	}
	return uint16(n), nil
}

// services are those that everybody knows, by the registry of IANA.
var services = expand([]known{
	{"echo", 7, "tcp udp", ""},
	{"discard", 9, "tcp udp", "sink null"},
	{"daytime", 13, "tcp udp", ""},
	{"chargen", 19, "tcp udp", "ttytst source"},
	{"ftp-data", 20, "tcp", ""},
	{"ftp", 21, "tcp udp", ""},
	{"ssh", 22, "tcp", ""},
	{"telnet", 23, "tcp", ""},
	{"smtp", 25, "tcp udp", "mail"},
	{"time", 37, "tcp udp", "timserver"},
	{"domain", 53, "tcp udp", ""},
	{"bootps", 67, "udp", ""},
	{"bootpc", 68, "udp", ""},
	{"tftp", 69, "udp", ""},
	{"gopher", 70, "tcp udp", ""},
	{"finger", 79, "tcp", ""},
	{"http", 80, "tcp udp", "www"},
	{"kerberos", 88, "tcp udp", "kerberos5 krb5 kerberos-sec"},
	{"pop3", 110, "tcp udp", "pop-3"},
	{"sunrpc", 111, "tcp udp", "portmapper"},
	{"nntp", 119, "tcp", "readnews untp"},
	{"ntp", 123, "udp", ""},
	{"imap", 143, "tcp udp", "imap2"},
	{"snmp", 161, "tcp udp", ""},
	{"bgp", 179, "tcp", ""},
	{"irc", 194, "tcp udp", ""},
	{"ldap", 389, "tcp udp", ""},
	{"https", 443, "tcp udp", ""},
	{"submissions", 465, "tcp", "ssmtp smtps urd"},
	{"syslog", 514, "udp", ""},
	{"submission", 587, "tcp", ""},
	{"ldaps", 636, "tcp udp", ""},
	{"domain-s", 853, "tcp udp", ""},
	{"rsync", 873, "tcp", ""},
	{"ftps", 990, "tcp", ""},
	{"imaps", 993, "tcp udp", ""},
	{"pop3s", 995, "tcp udp", ""},
	{"socks", 1080, "tcp", ""},
	{"mysql", 3306, "tcp", ""},
	{"postgresql", 5432, "tcp", "postgres"},
	{"http-alt", 8080, "tcp udp", "webcache"},
})

// known is a service of the table, with its protocols and aliases as words.
type known struct {
	name            string
	port            uint16
	protos, aliases string
}

func expand(table []known) (list []Service) {
	for _, k := range table {
		for proto := range strings.FieldsSeq(k.protos) {
			list = append(list, Service{k.name, k.port, proto, strings.Fields(k.aliases)})
		}
	}
	return list
}
