package handover

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// asNobody runs f as another user: only the thread it runs on becomes one.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	const nobody, unchanged = 65534, ^uintptr(0)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	become := func(uid uintptr) {
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, unchanged, uid, unchanged); errno != 0 {
			t.Fatal(errno)
		}
	}
	become(nobody)
	defer become(0)
	f()
}

// Another user is kept out by the file's permissions, and if they were lost, by
// the look at who it is; and nobody takes sockets from another user.
func TestAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	leaktest.Check(t)
	path := place(t)
	if err := os.Chmod(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	p := precede(t, listenAt(t, path), path, none)
	take := func() (err error) {
		asNobody(t, func() {
			_, err = Take(context.Background(), path)
		})
		return err
	}
	want(t, "by the permissions", take(), unix.EACCES)
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	err := take()
	want(t, "by the look", err, ErrRefused)
	p.stays(t)

	theirs := filepath.Join(filepath.Dir(path), "theirs.sock")
	var server *Server
	asNobody(t, func() { server, err = Listen(theirs) })
	if err != nil {
		t.Fatal(err)
	}
	q := precede(t, server, theirs, none)
	_, err = Take(within(t), theirs)
	want(t, "from another", err, ErrUser)
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v is no os.ErrPermission", err)
	}
	q.stays(t)
	takeOver(t, p)
}
