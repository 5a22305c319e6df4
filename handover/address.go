//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// address is the URL of the socket that a descriptor stands for, after a check
// that a server can serve it. Errors: ErrSocket.
func address(fd int) (string, error) {
	family, typ, listening, errno := sys.SocketKind(fd)
	switch {
	case errno == unix.EBADF:
		return "", fmt.Errorf("%w: %w: it is not open", ErrSocket, errno)
	case errno != 0:
		return "", fmt.Errorf("%w: %w", ErrSocket, errno)
	case typ != unix.SOCK_DGRAM && !listening:
		return "", fmt.Errorf("%w: it does not listen; is it a connection (Accept=yes of systemd.socket)?", ErrSocket)
	}
	switch {
	case family == unix.AF_UNIX && typ == unix.SOCK_STREAM:
		return unixURL("unix", fd)
	case family == unix.AF_UNIX && typ == unix.SOCK_SEQPACKET:
		return unixURL("unixpacket", fd)
	case family == unix.AF_UNIX && typ == unix.SOCK_DGRAM:
		return unixURL("unixgram", fd)
	case (family == unix.AF_INET || family == unix.AF_INET6) && typ == unix.SOCK_STREAM:
		return internetURL("tcp", fd)
	case (family == unix.AF_INET || family == unix.AF_INET6) && typ == unix.SOCK_DGRAM:
		return internetURL("udp", fd)
	}
	return "", fmt.Errorf("%w: it is of address family %d and type %d", ErrSocket, family, typ)
}

func internetURL(scheme string, fd int) (string, error) {
	addr, errno := sys.Getsockname(fd)
	if errno != 0 {
		return "", fmt.Errorf("%w: getsockname: %w", ErrSocket, errno)
	}
	return (&url.URL{Scheme: scheme, Host: addr.String()}).String(), nil // the % before a zone becomes %25
}

func unixURL(scheme string, fd int) (string, error) {
	name, errno := sys.UnixName(fd)
	switch {
	case errno != 0:
		return "", fmt.Errorf("%w: getsockname: %w", ErrSocket, errno)
	case name == "":
		return "", fmt.Errorf("%w: it has no name that a client could connect to", ErrSocket)
	}
	path := (&url.URL{Path: name}).EscapedPath()
	if strings.HasPrefix(path, "/") {
		return scheme + "://" + path, nil
	}
	return scheme + ":" + path, nil
}
