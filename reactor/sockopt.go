//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// SocketOptions are options of a socket; one left zero stays as the system has it,
// but for Nagle. What the system, or the kind of socket, does not have is
// errors.ErrUnsupported.
type SocketOptions struct {
	// Nagle lets the kernel hold small TCP segments back until what was sent
	// before is confirmed (RFC 896). Without it TCP_NODELAY is set: the reactor
	// gathers small writes itself.
	Nagle bool
	// KeepAlive has the kernel probe silent TCP connections, so that peers that
	// vanished are noticed.
	KeepAlive KeepAlive
	// UserTimeout is how long data may wait for the peer's kernel to confirm it
	// before the connection is given up (TCP_USER_TIMEOUT, RFC 5482). Linux.
	UserTimeout time.Duration
	// ReadBuffer and WriteBuffer are the sizes of the kernel's buffers in bytes
	// (SO_RCVBUF, SO_SNDBUF); Linux doubles them, and cuts them at its limits.
	ReadBuffer, WriteBuffer int
	// DeferAccept has a TCP connection accepted only when it has sent something,
	// or this much time has passed (TCP_DEFER_ACCEPT, tcp(7)). Linux; of a
	// listener.
	DeferAccept time.Duration
	// FastOpen is how many TCP connections may be under way that sent data with
	// their first segment (TCP_FASTOPEN, RFC 7413). Of a listener.
	FastOpen int
	// DSCP marks what is sent with a class of service, 1 to 63 (RFC 2474), for
	// networks that heed it: 46 is expedited forwarding.
	DSCP int
}

// KeepAlive is when the kernel probes a silent connection, and gives it up. Zero
// fields are the system's; all zero, it does not.
type KeepAlive struct {
	Idle     time.Duration // of silence before the first probe, whole seconds
	Interval time.Duration // between probes, whole seconds
	Count    int           // of probes without answer that end the connection
}

// check refuses what cannot be.
func (o *SocketOptions) check() error {
	for _, f := range []struct {
		name       string
		value, max int64
	}{
		{"KeepAlive.Idle", int64(o.KeepAlive.Idle), int64(32767 * time.Second)},
		{"KeepAlive.Interval", int64(o.KeepAlive.Interval), int64(32767 * time.Second)},
		{"KeepAlive.Count", int64(o.KeepAlive.Count), 127},
		{"UserTimeout", int64(o.UserTimeout), int64(time.Hour * 24 * 24)},
		{"ReadBuffer", int64(o.ReadBuffer), 1 << 30},
		{"WriteBuffer", int64(o.WriteBuffer), 1 << 30},
		{"DeferAccept", int64(o.DeferAccept), int64(time.Hour)},
		{"FastOpen", int64(o.FastOpen), 65535},
		{"DSCP", int64(o.DSCP), 63},
	} {
		if f.value < 0 || f.value > f.max {
			return fmt.Errorf("%w: Socket.%s is %d, want 0 to %d", ErrOption, f.name, f.value, f.max)
		}
	}
	return nil
}

// socketKind is what options are for.
type socketKind struct {
	tcp, listener, v6, unix bool
}

// apply sets the options.
func (o *SocketOptions) apply(fd int, kind socketKind) error {
	if err := o.check(); err != nil {
		return err
	}
	var err error
	set := func(name string, level, opt, value int, has bool) {
		switch {
		case err != nil:
		case !has || opt == 0:
			err = fmt.Errorf("option %s: %w here", name, errors.ErrUnsupported)
		default:
			if errno := sys.SetsockoptInt(fd, level, opt, value); errno != 0 {
				err = fmt.Errorf("setsockopt %s: %w", name, errno)
			}
		}
	}
	seconds := func(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
	if kind.tcp && !o.Nagle {
		set("TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1, true)
	}
	if k := o.KeepAlive; k != (KeepAlive{}) {
		set("SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1, kind.tcp)
		if k.Idle > 0 {
			set("TCP_KEEPIDLE", unix.IPPROTO_TCP, sys.OptKeepIdle, seconds(k.Idle), kind.tcp)
		}
		if k.Interval > 0 {
			set("TCP_KEEPINTVL", unix.IPPROTO_TCP, sys.OptKeepInterval, seconds(k.Interval), kind.tcp)
		}
		if k.Count > 0 {
			set("TCP_KEEPCNT", unix.IPPROTO_TCP, sys.OptKeepCount, k.Count, kind.tcp)
		}
	}
	if o.UserTimeout > 0 {
		set("TCP_USER_TIMEOUT", unix.IPPROTO_TCP, sys.OptUserTimeout, int((o.UserTimeout+time.Millisecond-1)/time.Millisecond), kind.tcp)
	}
	if o.ReadBuffer > 0 {
		set("SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, o.ReadBuffer, true)
	}
	if o.WriteBuffer > 0 {
		set("SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, o.WriteBuffer, true)
	}
	if o.DeferAccept > 0 {
		set("TCP_DEFER_ACCEPT", unix.IPPROTO_TCP, sys.OptDeferAccept, seconds(o.DeferAccept), kind.tcp && kind.listener)
	}
	if o.FastOpen > 0 {
		set("TCP_FASTOPEN", unix.IPPROTO_TCP, sys.OptFastOpen, o.FastOpen, kind.tcp && kind.listener)
	}
	if o.DSCP > 0 {
		if kind.v6 {
			set("IPV6_TCLASS", unix.IPPROTO_IPV6, unix.IPV6_TCLASS, o.DSCP<<2, true)
			// For peers of IPv4, where the socket takes them; else it is refused.
			_ = sys.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, o.DSCP<<2)
		} else {
			set("IP_TOS", unix.IPPROTO_IP, unix.IP_TOS, o.DSCP<<2, !kind.unix)
		}
	}
	return err
}
