//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// startCalls are the system calls of a start in a dead socket's place with
// permissions that the umask does not allow, stopCalls those of the end; but for
// close, which cannot fail to close.
var (
	startCalls = []sys.Op{
		sys.OpOpen, sys.OpFlock, // the directory
		sys.OpLstat, sys.OpSocket, sys.OpConnect, sys.OpLstat, sys.OpUnlink, // the dead socket
		sys.OpFchmod, sys.OpBind, sys.OpLstat, sys.OpFchmodat, // the new one
	}
	stopCalls = []sys.Op{sys.OpOpen, sys.OpFlock, sys.OpLstat, sys.OpUnlink}
)

// failing makes the kth call fail, from 1 on, while f runs, and returns the calls
// there were.
func failing(k int, errno sys.Errno, f func()) (calls []sys.Op) {
	defer sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		if c.Op == sys.OpClose {
			return 0
		}
		if calls = append(calls, c.Op); len(calls) == k {
			return errno
		}
		return 0
	}})()
	f()
	return calls
}

// Each system call of a start fails in turn: the error says so, nothing stays
// open, what is left is a dead socket or nothing, and the next start succeeds.
func TestBindFaults(t *testing.T) {
	old := syscall.Umask(0o022)
	defer syscall.Umask(old)
	for k := 0; k <= len(startCalls); k++ {
		name := "none"
		if k > 0 {
			name = string(startCalls[k-1])
		}
		t.Run(name, func(t *testing.T) {
			leaktest.Check(t)
			path := filepath.Join(shortDir(t), "x.sock")
			start(t, path, unix.SOCK_STREAM).crash(t)
			fd, errno := sys.Socket(unix.AF_UNIX, unix.SOCK_STREAM)
			if errno != 0 {
				t.Fatal(errno)
			}
			var err error
			var unlock func()
			calls := failing(k, unix.ENOMEM, func() { _, unlock, err = Bind(fd, path, 0o666) })
			started{fd: fd}.crash(t)
			if k == 0 {
				if err != nil || !slices.Equal(calls, startCalls) {
					t.Fatalf("%v, and the calls were\n%v, want\n%v", err, calls, startCalls)
				}
				unlock()
				return
			}
			if !errors.Is(err, unix.ENOMEM) || unlock != nil {
				t.Errorf("got %v, want ENOMEM", err)
			}
			_, err = os.Lstat(path)
			if there, want := err == nil, name != "fchmod" && name != "bind" && name != "fchmodat"; there != want {
				t.Errorf("there is a file: %v, want %v", there, want)
			}
			start(t, path, unix.SOCK_STREAM).stop(t)
		})
	}
}

// When a call of the end fails, the error says so, and the end can be tried again.
func TestRemoveFaults(t *testing.T) {
	leaktest.Check(t)
	path := filepath.Join(shortDir(t), "x.sock")
	s := start(t, path, unix.SOCK_STREAM)
	for k := range stopCalls {
		var err error
		failing(k+1, unix.ENOMEM, func() { err = s.file.Remove() })
		if !errors.Is(err, unix.ENOMEM) {
			t.Errorf("%s: got %v, want ENOMEM", stopCalls[k], err)
		}
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s: %v", stopCalls[k], err)
		}
	}
	if calls := failing(0, 0, func() { s.stop(t) }); !slices.Equal(calls, stopCalls) {
		t.Errorf("the calls were %v, want %v", calls, stopCalls)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the end: %v, want no file", err)
	}
}

// A start does what it can where a call is answered in a way that has a meaning.
func TestAnswers(t *testing.T) {
	for _, f := range []struct {
		name  string
		op    sys.Op
		errno sys.Errno
		want  error // nil: the server starts
	}{
		{"a signal", sys.OpFlock, unix.EINTR, nil},
		{"fchmod is for files only", sys.OpFchmod, unix.EINVAL, nil},
		{"another was faster to remove it", sys.OpUnlink, unix.ENOENT, unix.EADDRINUSE}, // and to bind
		{"gone before the probe", sys.OpConnect, unix.ENOENT, nil},
		{"of another kind", sys.OpConnect, unix.EPROTOTYPE, unix.EADDRINUSE},
		{"connected to another", sys.OpConnect, unix.EPERM, unix.EADDRINUSE},
		{"may not look", sys.OpConnect, unix.EACCES, unix.EACCES},
		{"not to be told", sys.OpConnect, unix.EAGAIN, unix.EAGAIN},
		{"not ours to lock", sys.OpOpen, unix.EACCES, unix.EACCES},
	} {
		t.Run(f.name, func(t *testing.T) {
			leaktest.Check(t)
			path := filepath.Join(shortDir(t), "x.sock")
			start(t, path, unix.SOCK_STREAM).crash(t)
			times := 0
			restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
				if c.Op != f.op {
					return 0
				}
				if times++; times > 1 {
					return 0
				}
				return f.errno
			}})
			s, err := tryStart(path, unix.SOCK_STREAM, 0o600)
			restore()
			if !errors.Is(err, f.want) || times == 0 {
				t.Errorf("got %v after %d calls of %s, want %v", err, times, f.op, f.want)
			}
			if err != nil {
				return
			}
			if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
				t.Errorf("got %v, %v, want a socket of mode 600", info, err)
			}
			s.stop(t)
		})
	}
}
