//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package trace

import (
	"fmt"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// option is a socket's, by its numbers and its name.
type option struct {
	level, number int
	name          string
}

// optionNames are those that are used here, by "level number".
var optionNames = func() map[string]string {
	m := map[string]string{}
	for _, o := range append(systemOptions,
		option{unix.SOL_SOCKET, unix.SO_REUSEADDR, "SOL_SOCKET, SO_REUSEADDR"},
		option{unix.SOL_SOCKET, unix.SO_REUSEPORT, "SOL_SOCKET, SO_REUSEPORT"},
		option{unix.SOL_SOCKET, unix.SO_RCVBUF, "SOL_SOCKET, SO_RCVBUF"},
		option{unix.SOL_SOCKET, unix.SO_SNDBUF, "SOL_SOCKET, SO_SNDBUF"},
		option{unix.SOL_SOCKET, unix.SO_LINGER, "SOL_SOCKET, SO_LINGER"},
		option{unix.SOL_SOCKET, unix.SO_KEEPALIVE, "SOL_SOCKET, SO_KEEPALIVE"},
		option{unix.SOL_SOCKET, unix.SO_ERROR, "SOL_SOCKET, SO_ERROR"},
		option{unix.SOL_SOCKET, unix.SO_TYPE, "SOL_SOCKET, SO_TYPE"},
		option{unix.SOL_SOCKET, unix.SO_ACCEPTCONN, "SOL_SOCKET, SO_ACCEPTCONN"},
		option{unix.IPPROTO_TCP, unix.TCP_NODELAY, "IPPROTO_TCP, TCP_NODELAY"},
		option{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, "IPPROTO_IPV6, IPV6_V6ONLY"},
		option{unix.IPPROTO_TCP, sys.OptKeepIdle, "IPPROTO_TCP, TCP_KEEPIDLE"},
		option{unix.IPPROTO_TCP, sys.OptKeepInterval, "IPPROTO_TCP, TCP_KEEPINTVL"},
		option{unix.IPPROTO_TCP, sys.OptKeepCount, "IPPROTO_TCP, TCP_KEEPCNT"},
		option{unix.IPPROTO_TCP, sys.OptUserTimeout, "IPPROTO_TCP, TCP_USER_TIMEOUT"},
		option{unix.IPPROTO_TCP, sys.OptDeferAccept, "IPPROTO_TCP, TCP_DEFER_ACCEPT"},
	) {
		if o.number == 0 {
			continue // not on this system
		}
		m[fmt.Sprintf("%d %d", o.level, o.number)] = o.name
	}
	return m
}()
