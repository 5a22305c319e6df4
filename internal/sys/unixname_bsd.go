//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"strings"

	"golang.org/x/sys/unix"
)

func bindUnix(fd int, name string) (int, Errno) {
	if e := checkUnixName(name); e != 0 {
		return -1, e
	}
	return ret(0, unix.Bind(fd, &unix.SockaddrUnix{Name: name}))
}

func connectUnix(fd int, name string) (int, Errno) {
	if e := checkUnixName(name); e != 0 {
		return -1, e
	}
	return ret(0, unix.Connect(fd, &unix.SockaddrUnix{Name: name}))
}

func checkUnixName(name string) Errno {
	switch {
	case strings.HasPrefix(name, "@"):
		return unix.ENOTSUP
	case len(name) > MaxUnixName:
		return unix.ENAMETOOLONG
	case name == "", strings.IndexByte(name, 0) >= 0:
		return unix.EINVAL
	}
	return 0
}

func getUnixName(fd int) (string, Errno) {
	sa, err := unix.Getsockname(fd)
	_, e := ret(0, err)
	return unixName(sa), e
}

// unixName is the name in an address, "" in one of another family.
func unixName(sa unix.Sockaddr) string {
	u, ok := sa.(*unix.SockaddrUnix)
	switch {
	case !ok:
		return ""
	case strings.HasPrefix(u.Name, "@"):
		return "./" + u.Name // a file of that name: no abstract ones here
	}
	return u.Name
}
