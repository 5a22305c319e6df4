//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import "example.com/iomux/internal/proxyheader"

// proxy takes the header of a proxy off p, and admits whom it is for. used is 0 as long
// as it is not whole.
func (m *Member) proxy(p []byte) (used int) {
	source, used, err := proxyheader.Parse(p)
	switch {
	case err != nil:
		m.refuse(err)
		return len(p)
	case used == 0:
		return 0
	}
	a := source.Addr().Unmap().WithZone("")
	if !a.IsValid() { // the proxy itself, looking whether the server is there
		a = address(m.conn.RemoteAddr())
	}
	m.admit(a)
	return used
}
