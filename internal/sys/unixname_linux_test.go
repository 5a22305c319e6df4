package sys

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What the kernel writes, byte for byte, and the name that is. Family and
// length of the structure are unix(7)'s: sun_path ends with the length, not with
// a NUL, where it begins with one.
func TestRawUnixName(t *testing.T) {
	long := strings.Repeat("p", 108)
	for _, c := range []struct {
		path string // what is in sun_path
		size uint32 // of the structure
		want string
	}{
		{"", 2, ""},
		{"", 0, ""},
		{"/stale", 0, ""},
		{"/stale", 2, ""},
		{"\x00", 3, "@"},
		{"\x00abc", 6, "@abc"},
		{"\x00abc\x00\x00", 8, "@abc\x00\x00"},
		{"\x00a\x00b\x00c", 8, "@a\x00b\x00c"},
		{"\x00\x00\x00", 5, "@\x00\x00"},
		{"\x00@/x", 6, "@@/x"},
		{"\x00" + long[1:], 110, "@" + long[1:]},
		{"/run/x\x00", 9, "/run/x"},
		{"/run/x\x00/old", 9, "/run/x"},
		{"/run/x\x00/old", 13, "/run/x"},
		{"@x\x00", 5, "./@x"},
		{long, 111, long}, // no room for the NUL, which the length counts
		{long, 110, long},
		{"/x", 1000, "/x"},
		{"\x00abc", 1000, "@abc" + strings.Repeat("\x00", 106)}, // no more than the structure
	} {
		var sa unix.RawSockaddrAny
		sa.Addr.Family = unix.AF_UNIX
		copy(unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(&sa), 2)), unix.SizeofSockaddrAny-2), c.path)
		if got := rawUnixName(&sa, c.size); got != c.want {
			t.Errorf("%q, %d bytes: %q, want %q", c.path, c.size, got, c.want)
		}
		sa.Addr.Family = unix.AF_INET
		if got := rawUnixName(&sa, c.size); got != "" {
			t.Errorf("IPv4, %d bytes: %q", c.size, got)
		}
	}
}

// And what is written for the kernel, over what was there.
func TestPutUnixName(t *testing.T) {
	for _, c := range []struct {
		name string
		path string
		size uint32
		e    Errno
	}{
		{"", "", 2, 0},
		{"@", "\x00", 3, 0},
		{"@abc", "\x00abc", 6, 0},
		{"@a\x00b\x00", "\x00a\x00b\x00", 7, 0},
		{"@@", "\x00@", 4, 0},
		{"/run/x", "/run/x\x00", 9, 0},
		{"./@x", "./@x\x00", 7, 0},
		{"@" + strings.Repeat("a", 107), "\x00" + strings.Repeat("a", 107), 110, 0},
		{strings.Repeat("a", 107), strings.Repeat("a", 107) + "\x00", 110, 0},
		{"@" + strings.Repeat("a", 108), "", 0, unix.ENAMETOOLONG},
		{strings.Repeat("a", 108), "", 0, unix.ENAMETOOLONG},
		{"/run\x00/x", "", 0, unix.EINVAL},
		{"/run\x00", "", 0, unix.EINVAL},
	} {
		var sa unix.RawSockaddrAny
		raw := unsafe.Slice((*byte)(unsafe.Pointer(&sa)), unix.SizeofSockaddrAny)
		for i := range raw {
			raw[i] = 0xff
		}
		size, e := putUnixName(&sa, c.name)
		if size != c.size || e != c.e {
			t.Errorf("%q: %d bytes, %v, want %d, %v", c.name, size, e, c.size, c.e)
			continue
		}
		if e == 0 && (sa.Addr.Family != unix.AF_UNIX || string(raw[2:size]) != c.path) {
			t.Errorf("%q: family %d, %q, want %q", c.name, sa.Addr.Family, raw[2:size], c.path)
		}
		if n := testing.AllocsPerRun(100, func() { putUnixName(&sa, c.name) }); n != 0 {
			t.Errorf("%q: %v allocations", c.name, n)
		}
	}
}

// Internet addresses as the kernel reads them: the port and the address in
// network byte order, family and zone in the machine's.
func TestPutAddrPort(t *testing.T) {
	for s, want := range map[string]string{
		"192.0.2.7:8080":          "1f90 c0000207 0000000000000000",
		"[::ffff:192.0.2.7]:8080": "1f90 c0000207 0000000000000000",
		"[2001:db8::5]:65535":     "ffff 00000000 20010db8000000000000000000000005 0",
		"[fe80::1%3]:7":           "0007 00000000 fe800000000000000000000000000001 3",
		"[fe80::1%eth0]:7":        "0007 00000000 fe800000000000000000000000000001 0",
	} {
		addr := netip.MustParseAddrPort(s)
		var sa unix.RawSockaddrAny
		raw := unsafe.Slice((*byte)(unsafe.Pointer(&sa)), unix.SizeofSockaddrAny)
		for i := range raw {
			raw[i] = 0xff
		}
		size := putAddrPort(&sa, addr)
		got, family := fmt.Sprintf("%x %x %x", raw[2:4], raw[4:8], raw[8:16]), uint16(unix.AF_INET)
		if size == unix.SizeofSockaddrInet6 {
			zone := (*unix.RawSockaddrInet6)(unsafe.Pointer(&sa)).Scope_id
			got, family = fmt.Sprintf("%x %x %x %d", raw[2:4], raw[4:8], raw[8:24], zone), unix.AF_INET6
		}
		if got != want || sa.Addr.Family != family {
			t.Errorf("%s: family %d, %d bytes, %s\nwant %s", s, sa.Addr.Family, size, got, want)
		}
		if back := rawAddrPort(&sa); addr.Addr().Zone() != "eth0" && back != netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()) {
			t.Errorf("%s came back as %v", s, back)
		}
		if n := testing.AllocsPerRun(100, func() { putAddrPort(&sa, addr) }); n != 0 && addr.Addr().Zone() != "eth0" {
			t.Errorf("%s: %v allocations", s, n)
		}
	}
}

// Abstract names are any bytes, of which the NULs count; there is no file.
func TestAbstractName(t *testing.T) {
	pid := fmt.Sprint(os.Getpid())
	for _, name := range []string{
		"@iomux" + pid, "@iomux" + pid + "\x00", "@iomux\x00" + pid + "\x00\x00", "@\x00iomux" + pid + "/x",
		"@" + pid + strings.Repeat("\x00", MaxUnixName-len(pid)),
	} {
		fd, e := Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET)
		ok(t, e)
		defer Close(fd)
		ok(t, BindUnix(fd, name))
		if got, e := UnixName(fd); got != name || e != 0 {
			t.Errorf("%q is %q, %v", name, got, e)
		}
		if e := connected(t, name); e != unix.EPROTOTYPE && e != unix.ECONNREFUSED {
			t.Errorf("a stream to a socket of packets: %v", e)
		}
	}
	// All of them are there at once, so each is another name; and these are no
	// others.
	for _, name := range []string{"@iomux" + pid, "@iomux" + pid + "\x00"} {
		fd, e := Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET)
		ok(t, e)
		defer Close(fd)
		if e := BindUnix(fd, name); e != unix.EADDRINUSE {
			t.Errorf("%q, a second time: %v", name, e)
		}
	}
	fd, e := Socket(unix.AF_UNIX, unix.SOCK_DGRAM)
	ok(t, e)
	defer Close(fd)
	ok(t, BindUnix(fd, ""))
	if name, e := UnixName(fd); len(name) != 6 || name[0] != '@' || e != 0 {
		t.Errorf("the kernel's own choice: %q, %v", name, e)
	}
}

// A full queue of a listener says so, at once.
func TestConnectUnixFull(t *testing.T) {
	l, e := Socket(unix.AF_UNIX, unix.SOCK_STREAM)
	ok(t, e)
	defer Close(l)
	name := fmt.Sprintf("@iomux full %d", os.Getpid())
	ok(t, BindUnix(l, name))
	ok(t, Listen(l, 0))
	for range 10 {
		fd, e := Socket(unix.AF_UNIX, unix.SOCK_STREAM)
		ok(t, e)
		defer Close(fd)
		switch e := ConnectUnix(fd, name); e {
		case 0:
		case unix.EAGAIN:
			return
		default:
			t.Fatal(e)
		}
	}
	t.Error("ten in a queue of none")
}
