//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// A path is what it names itself, and a file is told from its successor.
func TestPaths(t *testing.T) {
	leaktest.Check(t)
	dir := t.TempDir()
	file, link, sock := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "sock")
	check(t, os.WriteFile(file, nil, 0o600))
	check(t, os.Symlink(file, link))
	fd, e := Socket(unix.AF_UNIX, unix.SOCK_STREAM)
	ok(t, e)
	defer Close(fd)
	ok(t, BindUnix(fd, sock))

	seen := map[FileID]string{}
	for path, kind := range map[string]uint32{file: unix.S_IFREG, link: unix.S_IFLNK, sock: unix.S_IFSOCK, dir: unix.S_IFDIR} {
		id, mode, uid, e := Lstat(path)
		if e != 0 || mode&unix.S_IFMT != kind || int(uid) != os.Geteuid() || id.Ino == 0 {
			t.Errorf("%s: %+v, %#o, uid %d, %v", path, id, mode, uid, e)
		}
		if other := seen[id]; other != "" {
			t.Errorf("%s and %s are both %v", path, other, id)
		}
		seen[id] = path
		again, _, _, e := Lstat(path)
		if again != id || e != 0 {
			t.Errorf("%s was %v and is %v, %v", path, id, again, e)
		}
	}
	for _, mode := range []uint32{0o640, 0o777, 0o600} {
		for _, path := range []string{file, sock} {
			ok(t, Chmod(path, mode))
			if _, got, _, e := Lstat(path); got&0o7777 != mode || e != 0 {
				t.Errorf("%s: %#o, %v, want %#o", path, got, e, mode)
			}
		}
	}
	if e := Chmod(link, 0o777); e == 0 {
		if _, mode, _, e := Lstat(file); mode&0o777 != 0o600 || e != 0 {
			t.Errorf("a link was followed: %#o, %v", mode, e)
		}
	} else if e != unix.EOPNOTSUPP {
		t.Errorf("Chmod of a link: %v", e)
	}
	ok(t, Unlink(link))
	if _, _, _, e := Lstat(link); e != unix.ENOENT {
		t.Errorf("unlinked, it is there: %v", e)
	}
	if _, _, _, e := Lstat(file); e != 0 {
		t.Errorf("and where it led: %v", e)
	}
	for name, e := range map[string]Errno{"Unlink": Unlink(link), "Chmod": Chmod(link, 0)} {
		if e != unix.ENOENT {
			t.Errorf("%s of none: %v", name, e)
		}
	}
}

// One holds a directory, and the next once that one is closed. Whatever fails,
// nothing stays open.
func TestLockDir(t *testing.T) {
	leaktest.Check(t)
	dir := t.TempDir()
	first, e := LockDir(dir)
	ok(t, e)
	if !closeOnExec(t, first) {
		t.Error("a child would hold it too")
	}
	for range 3 {
		if fd, e := LockDir(dir); fd != -1 || e != unix.EWOULDBLOCK {
			t.Errorf("a second: %d, %v", fd, e)
		}
	}
	ok(t, Close(first))
	second, e := LockDir(dir)
	ok(t, e)
	ok(t, Close(second))

	file := filepath.Join(dir, "file")
	check(t, os.WriteFile(file, nil, 0o600))
	if fd, e := LockDir(file); fd != -1 || e != unix.ENOTDIR {
		t.Errorf("a file: %d, %v", fd, e)
	}
	if fd, e := LockDir(filepath.Join(dir, "none")); fd != -1 || e != unix.ENOENT {
		t.Errorf("none: %d, %v", fd, e)
	}
	for _, op := range []Op{OpOpen, OpFlock} {
		restore := SetHooks(&Hooks{Fault: func(c Call) Errno {
			if c.Op == op {
				return unix.ENOLCK
			}
			return 0
		}})
		fd, e := LockDir(dir)
		restore()
		if fd != -1 || e != unix.ENOLCK {
			t.Errorf("%s failed: %d, %v", op, fd, e)
		}
	}
}
