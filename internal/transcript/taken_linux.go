package transcript

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"example.com/iomux/internal/sys"
)

// isTaken reports whether the peer, which is on this machine, has read all that
// was sent to it. A Unix socket's bytes count as unsent until they are read; TCP's
// are sent when the peer's kernel has them, whose tables say what is unread.
func isTaken(c net.Conn) (bool, error) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return false, errTaken
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false, err
	}
	var unsent int
	var errno sys.Errno
	if err := raw.Control(func(fd uintptr) { unsent, errno = sys.Unsent(int(fd)) }); err != nil {
		return false, err
	}
	if errno != 0 {
		return false, errno
	}
	if _, tcp := c.(*net.TCPConn); !tcp || unsent > 0 {
		return unsent == 0, nil
	}
	unread, found, err := peerUnread(c)
	return found && unread == 0, err
}

// peerUnread finds the other end of a TCP connection in the kernel's tables,
// proc_net(5), and returns how many bytes wait there to be read. The tables
// change while they are read, so that an end may be missing once.
func peerUnread(c net.Conn) (n uint64, found bool, err error) {
	own, peer := c.LocalAddr().(*net.TCPAddr).AddrPort(), c.RemoteAddr().(*net.TCPAddr).AddrPort()
	for _, table := range []struct {
		name string
		v6   bool
	}{{"/proc/net/tcp", false}, {"/proc/net/tcp6", true}} {
		if !table.v6 && !own.Addr().Unmap().Is4() {
			continue
		}
		text, err := os.ReadFile(table.name)
		if os.IsNotExist(err) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return 0, false, err
		}
		// The other end's own address stands first.
		ends := procAddress(peer, table.v6) + " " + procAddress(own, table.v6) + " "
		_, rest, found := strings.Cut(string(text), " "+ends)
		if !found {
			continue
		}
		var state, queues string
		if _, err := fmt.Sscan(rest, &state, &queues); err != nil {
			return 0, false, fmt.Errorf("%s: %w", table.name, err)
		}
		_, unread, _ := strings.Cut(queues, ":")
		n, err = strconv.ParseUint(unread, 16, 64)
		return n, true, err
	}
	return 0, false, nil
}

// procAddress is an address as those tables write it: words of 32 bits as they
// lie in memory. An IPv4 address is in IPv6's table when the listener serves both.
func procAddress(a netip.AddrPort, v6 bool) string {
	var b strings.Builder
	bytes := a.Addr().Unmap().AsSlice()
	if mapped := a.Addr().As16(); v6 {
		bytes = mapped[:]
	}
	for ; len(bytes) > 0; bytes = bytes[4:] {
		fmt.Fprintf(&b, "%08X", binary.NativeEndian.Uint32(bytes))
	}
	fmt.Fprintf(&b, ":%04X", a.Port())
	return b.String()
}
