//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"example.com/iomux/reactor"
)

// pyBytes is bytes as Python's repr writes them: b'…'. It is in apostrophes unless
// there are some, and no quotes, in it.
func pyBytes(p []byte) string {
	quote := byte('\'')
	if strings.Contains(string(p), "'") && !strings.Contains(string(p), `"`) {
		quote = '"'
	}
	b := make([]byte, 0, len(p)+3)
	b = append(b, 'b', quote)
	for _, c := range p {
		switch {
		case c == quote || c == '\\':
			b = append(b, '\\', c)
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c < ' ' || c >= 0x7f:
			b = fmt.Appendf(b, `\x%02x`, c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, quote))
}

// pyFloat is a float as Python's repr writes it: the shortest digits that mean it,
// with an exponent where there would be many zeros.
func pyFloat(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	switch s {
	case "+Inf":
		return "inf"
	case "-Inf":
		return "-inf"
	case "NaN":
		return "nan"
	}
	if exponent := f != 0 && (abs(f) < 1e-4 || abs(f) >= 1e16); exponent {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	if s = strconv.FormatFloat(f, 'f', -1, 64); !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func abs(f float64) float64 {
	if f < 0 {
		return -f
	}
	return f
}

// pyAddr is an address as Python prints it: ('127.0.0.1', 50000). A client of a Unix
// socket mostly has none, and nothing is printed for it.
func pyAddr(a net.Addr) string {
	switch a := a.(type) {
	case *net.TCPAddr:
		return pyInet(a.IP, a.Port)
	case *net.UDPAddr:
		return pyInet(a.IP, a.Port)
	case *net.UnixAddr:
		if a.Net == "unixgram" {
			return plain([]byte(a.Name))
		}
	}
	return ""
}

func pyInet(ip net.IP, port int) string {
	if ip.To4() == nil {
		return fmt.Sprintf("('%v', %d, 0, 0)", ip, port)
	}
	return fmt.Sprintf("('%v', %d)", ip, port)
}

// hostOf is the first part of pyAddr's.
func hostOf(a net.Addr) string {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.IP.String()
	case *net.UDPAddr:
		return a.IP.String()
	}
	return pyAddr(a)
}

// peerAddr is the address of who sent a datagram.
func peerAddr(from reactor.Peer) net.Addr {
	if from.Addr.IsValid() {
		return net.UDPAddrFromAddrPort(from.Addr)
	}
	return &net.UnixAddr{Name: from.Name, Net: "unixgram"}
}

// place is a URL as the originals say where they are: 127.0.0.1 port 10000.
func place(url string) string {
	_, address, err := reactor.SplitURL(url)
	if err != nil {
		return url
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return plain([]byte(address))
	}
	return host + " port " + port
}
