package sys

import (
	"bytes"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Both calls look a path up, which may have to wait for a disk.

func bindUnix(fd int, name string) (int, Errno) {
	var sa unix.RawSockaddrAny
	size, e := putUnixName(&sa, name)
	if e != 0 {
		return -1, e
	}
	return ret3(unix.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(size)))
}

func connectUnix(fd int, name string) (int, Errno) {
	var sa unix.RawSockaddrAny
	size, e := putUnixName(&sa, name)
	if e != 0 {
		return -1, e
	}
	return ret3(unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(size)))
}

func getUnixName(fd int) (string, Errno) {
	var sa unix.RawSockaddrAny
	size, e := socketName(unix.SYS_GETSOCKNAME, fd, &sa)
	if e != 0 {
		return "", e
	}
	return rawUnixName(&sa, size), 0
}

// unixHead is how many bytes of a Unix socket's address come before the name.
const unixHead = uint32(unsafe.Offsetof(unix.RawSockaddrUnix{}.Path))

// putUnixName writes name as the kernel wants it, see unix(7), and returns the
// size, which is what ends an abstract name.
func putUnixName(sa *unix.RawSockaddrAny, name string) (size uint32, errno Errno) {
	*(*unix.RawSockaddrUnix)(unsafe.Pointer(sa)) = unix.RawSockaddrUnix{Family: unix.AF_UNIX}
	path := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(sa), unixHead)), MaxUnixName+1)
	rest, abstract := strings.CutPrefix(name, "@")
	switch {
	case len(rest) > MaxUnixName:
		return 0, unix.ENAMETOOLONG
	case abstract:
		copy(path[1:], rest)
		return unixHead + 1 + uint32(len(rest)), 0
	case name == "":
		return unixHead, 0
	case strings.IndexByte(name, 0) >= 0:
		return 0, unix.EINVAL // the kernel would stop there, at another file
	}
	copy(path, name)
	return unixHead + uint32(len(name)) + 1, 0
}

// rawUnixName is the name in what the kernel wrote, size bytes.
func rawUnixName(sa *unix.RawSockaddrAny, size uint32) string {
	size = min(size, unix.SizeofSockaddrAny)
	if size <= unixHead || sa.Addr.Family != unix.AF_UNIX {
		return ""
	}
	path := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(sa), unixHead)), size-unixHead)
	if path[0] == 0 {
		return "@" + string(path[1:])
	}
	if end := bytes.IndexByte(path, 0); end >= 0 {
		path = path[:end]
	}
	if path[0] == '@' {
		return "./" + string(path) // a file of that name, not an abstract one
	}
	return string(path)
}
