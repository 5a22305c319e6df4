package sys

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// The way round for kernels that have no fchmodat2 does the same.
func TestChmodByProc(t *testing.T) {
	leaktest.Check(t)
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	check(t, os.WriteFile(file, nil, 0o600))
	check(t, os.Symlink(file, link))
	ok(t, chmodByProc(file, 0o751))
	if _, mode, _, e := Lstat(file); mode != unix.S_IFREG|0o751 || e != 0 {
		t.Errorf("%#o, %v", mode, e)
	}
	if e := chmodByProc(link, 0o700); e != unix.EOPNOTSUPP {
		t.Errorf("a link: %v", e)
	}
	if _, mode, _, e := Lstat(file); mode != unix.S_IFREG|0o751 || e != 0 {
		t.Errorf("the link was followed: %#o, %v", mode, e)
	}
	if e := chmodByProc(filepath.Join(dir, "none"), 0o700); e != unix.ENOENT {
		t.Errorf("none: %v", e)
	}
}

// A socket that is given a mode before its bind makes a file of that mode, less
// the umask: at no instant may more people connect.
func TestFchmodBeforeBind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sock")
	fd, e := Socket(unix.AF_UNIX, unix.SOCK_STREAM)
	ok(t, e)
	defer Close(fd)
	ok(t, Fchmod(fd, 0o600))
	ok(t, BindUnix(fd, path))
	if _, mode, _, e := Lstat(path); mode != unix.S_IFSOCK|0o600 || e != 0 {
		t.Errorf("%#o, %v", mode, e)
	}
}
