package itest

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// bare is a socket with nothing between it and the kernel, which blocks, for at
// most patience, unless it was made otherwise.
type bare int

// sockaddr is an address as the kernel takes it.
func sockaddr(addr netip.AddrPort) unix.Sockaddr {
	if addr.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
}

// bareSocket makes a socket.
func bareSocket(family, typ int) (bare, error) {
	fd, err := unix.Socket(family, typ|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	limit := unix.NsecToTimeval(patience.Nanoseconds())
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &limit); err != nil {
			unix.Close(fd)
			return -1, err
		}
	}
	return bare(fd), nil
}

// bareDial connects over TCP.
func bareDial(to netip.AddrPort) (bare, error) {
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	return bareConnect(family, unix.SOCK_STREAM, sockaddr(to))
}

// bareConnect makes a socket and connects it.
func bareConnect(family, typ int, to unix.Sockaddr) (bare, error) {
	c, err := bareSocket(family, typ)
	if err != nil {
		return -1, err
	}
	for {
		switch err := unix.Connect(int(c), to); err {
		case nil:
			return c, nil
		case unix.EINTR, unix.EALREADY: // it goes on meanwhile
		case unix.EISCONN:
			return c, nil
		default:
			c.close()
			return -1, fmt.Errorf("connect: %w", err)
		}
	}
}

// Write is write(2), again where a signal of the runtime came between.
func (c bare) Write(p []byte) (n int, err error) {
	for {
		n, err = unix.Write(int(c), p)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// Read is read(2) in the terms of io.Reader.
func (c bare) Read(p []byte) (n int, err error) {
	for {
		n, err = unix.Read(int(c), p)
		switch {
		case err == unix.EINTR:
			continue
		case n == 0 && err == nil && len(p) > 0:
			err = io.EOF
		}
		return max(n, 0), err
	}
}

// echoed sends a message and wants it back.
func (c bare) echoed(message string) error {
	if _, err := io.WriteString(c, message); err != nil {
		return err
	}
	got := make([]byte, len(message))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if string(got) != message {
		return fmt.Errorf("sent %q and got %q", message, got)
	}
	return nil
}

func (c bare) close() { _ = unix.Close(int(c)) }

// reset closes so that the peer gets a reset, if the kernel knows of a peer.
func (c bare) reset() {
	_ = unix.SetsockoptLinger(int(c), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	c.close()
}

// ended wants the peer to have closed in order, with nothing more sent.
func (c bare) ended() error {
	switch n, err := c.Read(make([]byte, 1)); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("%d more bytes instead of the end", n)
	}
}

// portOf is a port as programs want it.
func portOf(addr netip.AddrPort) string { return strconv.Itoa(int(addr.Port())) }

// room wants this process to be allowed so many descriptors, and a few more.
func room(t *testing.T, descriptors uint64) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < descriptors+100 {
		missing(t, "ulimit", fmt.Sprintf("%d descriptors are needed, and %d are allowed", descriptors+100, limit.Cur))
	}
}
