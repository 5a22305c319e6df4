//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// What a socket is bound to it says itself, up to the longest path; what does
// not fit, or would name another file, is refused and leaves nothing behind.
func TestUnixName(t *testing.T) {
	leaktest.Check(t)
	dir := t.TempDir()
	t.Chdir(dir)
	for _, c := range []struct {
		name string
		e    Errno
	}{
		{name: filepath.Join(dir, "absolute")},
		{name: "relative"},
		{name: "./@file"},
		{name: strings.Repeat("x", MaxUnixName)},
		{name: strings.Repeat("x", MaxUnixName+1), e: unix.ENAMETOOLONG},
		{name: "a\x00b", e: unix.EINVAL},
		{name: "\x00b", e: unix.EINVAL},
		{name: "none/of/that", e: unix.ENOENT},
		{name: "relative", e: unix.EADDRINUSE},
	} {
		before, err := os.ReadDir(dir)
		check(t, err)
		fd, e := Socket(unix.AF_UNIX, unix.SOCK_STREAM)
		ok(t, e)
		if e := BindUnix(fd, c.name); e != c.e {
			t.Errorf("bound to %q: %v, want %v", c.name, e, c.e)
		}
		want := c.name
		if c.e != 0 {
			want = ""
		}
		if got, e := UnixName(fd); got != want || e != 0 {
			t.Errorf("bound to %q it is %q, %v", c.name, got, e)
		}
		if c.e == 0 {
			ok(t, Listen(fd, 1))
			if e := connected(t, c.name); e != 0 {
				t.Errorf("connect to %q: %v", c.name, e)
			}
		} else if after, err := os.ReadDir(dir); err != nil || len(after) != len(before) {
			t.Errorf("refused, %q leaves %v, %v", c.name, after, err)
		}
		ok(t, Close(fd))
		// Its file is there and nobody behind it.
		if e := connected(t, c.name); c.e == 0 && e != unix.ECONNREFUSED || c.e != 0 && e == 0 {
			t.Errorf("connect to %q, closed: %v", c.name, e)
		}
	}
	tcp, e := Socket(unix.AF_INET, unix.SOCK_STREAM)
	ok(t, e)
	if name, e := UnixName(tcp); name != "" || e != 0 {
		t.Errorf("a socket of IPv4: %q, %v", name, e)
	}
	ok(t, Close(tcp))
	if _, e := UnixName(tcp); e != unix.EBADF {
		t.Errorf("closed: %v", e)
	}
}

// connected is what a connect to name comes to.
func connected(t *testing.T, name string) Errno {
	t.Helper()
	fd, e := Socket(unix.AF_UNIX, unix.SOCK_STREAM)
	ok(t, e)
	defer Close(fd)
	return ConnectUnix(fd, name)
}
