//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// patience bounds what must happen in the end; no test waits so long unless it
// fails.
const patience = 20 * time.Second

// shortDir is a directory whose path leaves room in a socket address, which that
// of t.TempDir may not.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "iomux")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// started is a server as far as its file goes.
type started struct {
	fd   int
	file *File
}

// tryStart binds a socket and listens.
func tryStart(path string, typ int, mode uint32) (s started, err error) {
	fd, errno := sys.Socket(unix.AF_UNIX, typ)
	if errno != 0 {
		return s, fmt.Errorf("socket: %w", errno)
	}
	file, unlock, err := Bind(fd, path, mode)
	if err == nil {
		if typ != unix.SOCK_DGRAM {
			if errno := sys.Listen(fd, 1); errno != 0 {
				err = fmt.Errorf("listen: %w", errno)
			}
		}
		unlock()
	}
	if err != nil {
		_ = unix.Close(fd)
		return s, err
	}
	return started{fd, file}, nil
}

// start is tryStart that must succeed.
func start(t *testing.T, path string, typ int) started {
	t.Helper()
	s, err := tryStart(path, typ, 0o600)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		t.Skip("this system has no such unix sockets")
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// crash leaves the file behind, as the kernel does when a process dies.
func (s started) crash(t *testing.T) {
	t.Helper()
	if err := unix.Close(s.fd); err != nil {
		t.Fatal(err)
	}
}

// stop ends a server in good order.
func (s started) stop(t *testing.T) {
	t.Helper()
	if err := s.file.Remove(); err != nil {
		t.Error(err)
	}
	s.crash(t)
}

// answers reports whether a client of the same kind reaches a server at path.
func answers(t *testing.T, path string, typ int) bool {
	t.Helper()
	fd, errno := sys.Socket(unix.AF_UNIX, typ)
	if errno != 0 {
		t.Fatal(errno)
	}
	defer unix.Close(fd)
	return sys.ConnectUnix(fd, path) == 0
}

// refuses expects that a start fails and leaves what is at path as it was.
func refuses(t *testing.T, path string, typ int, errno error, why string) {
	t.Helper()
	before, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := tryStart(path, typ, 0o600)
	if err == nil {
		t.Fatalf("a server started at %s, want %v", path, errno)
	}
	if !errors.Is(err, errno) || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want %v, %q and the path", err, errno, why)
	}
	if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) || before.Mode() != after.Mode() || s.file != nil {
		t.Errorf("%s was %v and is %v, %v", path, before, after, err)
	}
}

// kinds are the types of unix sockets.
var kinds = map[string]int{"unix": unix.SOCK_STREAM, "unixpacket": unix.SOCK_SEQPACKET, "unixgram": unix.SOCK_DGRAM}

// The life of a file: made, kept from others, left by a crash, taken over, removed.
func TestLife(t *testing.T) {
	for name, typ := range kinds {
		t.Run(name, func(t *testing.T) {
			leaktest.Check(t)
			path := filepath.Join(shortDir(t), "x.sock")
			s := start(t, path, typ)
			for other, typ := range kinds {
				if other == "unixpacket" && runtime.GOOS == "darwin" {
					continue
				}
				refuses(t, path, typ, unix.EADDRINUSE, "a live server answers")
			}
			s.crash(t)
			if answers(t, path, typ) {
				t.Fatal("a dead server answers")
			}
			s = start(t, path, typ)
			if !answers(t, path, typ) {
				t.Error("the new server does not answer")
			}
			s.stop(t)
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after the end: %v, want no file", err)
			}
			if err := s.file.Remove(); err != nil {
				t.Errorf("removed twice: %v", err)
			}
		})
	}
}

// What is not a socket stays, and a symbolic link is not one, wherever it leads.
func TestThingsInTheWay(t *testing.T) {
	leaktest.Check(t)
	dir := shortDir(t)
	path, target := filepath.Join(dir, "x.sock"), filepath.Join(dir, "target")
	link := func() error { return os.Symlink(target, path) }
	for _, f := range []struct {
		name, why string
		make      func() error
	}{
		{"a file", "is a file", func() error { return os.WriteFile(path, []byte("precious"), 0o600) }},
		{"an empty file", "is a file", func() error { return os.WriteFile(path, nil, 0o600) }},
		{"a directory", "is a directory", func() error { return os.Mkdir(path, 0o700) }},
		{"a pipe", "is something else", func() error { return unix.Mkfifo(path, 0o600) }},
		{"a link to nothing", "is a symbolic link", link},
		{"a link to a file", "is a symbolic link", func() error { return errors.Join(link(), os.WriteFile(target, nil, 0o600)) }},
		{"a link to a dead socket", "is a symbolic link", func() error { start(t, target, unix.SOCK_STREAM).crash(t); return link() }},
		{"a link to a live socket", "is a symbolic link", func() error {
			s := start(t, target, unix.SOCK_STREAM)
			t.Cleanup(func() { s.crash(t) })
			return link()
		}},
	} {
		if err := f.make(); err != nil {
			t.Fatal(err)
		}
		t.Log(f.name)
		before, errBefore := os.Lstat(target)
		refuses(t, path, unix.SOCK_STREAM, unix.EEXIST, f.why)
		after, errAfter := os.Lstat(target)
		if fmt.Sprint(errBefore) != fmt.Sprint(errAfter) || errBefore == nil && !os.SameFile(before, after) {
			t.Errorf("what the link leads to was %v, %v and is %v, %v", before, errBefore, after, errAfter)
		}
		for _, name := range []string{path, target} {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
}

// Alive is whoever has the socket open, whether it listens or has time to accept.
func TestASilentServerIsAlive(t *testing.T) {
	leaktest.Check(t)
	path := filepath.Join(shortDir(t), "x.sock")
	bound := func(typ int) (fd int) {
		fd, errno := sys.Socket(unix.AF_UNIX, typ)
		if errno == 0 {
			errno = sys.BindUnix(fd, path)
		}
		if errno != 0 {
			t.Fatal(errno)
		}
		return fd
	}
	fd := bound(unix.SOCK_STREAM) // a program that does not know of our lock
	refuses(t, path, unix.SOCK_STREAM, unix.EADDRINUSE, "a live server answers")
	started{fd: fd}.crash(t)

	s := start(t, path, unix.SOCK_STREAM)
	var clients []int
	for errno := sys.Errno(0); errno == 0; {
		var c int
		if c, errno = sys.Socket(unix.AF_UNIX, unix.SOCK_STREAM); errno != 0 {
			t.Fatal(errno)
		}
		clients = append(clients, c)
		errno = sys.ConnectUnix(c, path) // until the queue is full
	}
	refuses(t, path, unix.SOCK_STREAM, unix.EADDRINUSE, "a live server answers")
	for _, c := range clients {
		started{fd: c}.crash(t)
	}
	s.stop(t)

	fd = bound(unix.SOCK_DGRAM)
	if errno := sys.ConnectUnix(fd, path); errno != 0 { // it hears only itself
		t.Fatal(errno)
	}
	refuses(t, path, unix.SOCK_DGRAM, unix.EADDRINUSE, "a live server answers")
	started{fd: fd}.crash(t)
}

// A relative path is relative to where the process was at the start.
func TestRelativePaths(t *testing.T) {
	leaktest.Check(t)
	dir := shortDir(t)
	t.Chdir(dir)
	if err := os.Mkdir("sub", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"x.sock", "./x.sock", "sub/../x.sock", "sub/y.sock"} {
		t.Chdir(dir)
		s := start(t, path, unix.SOCK_STREAM)
		whole := filepath.Join(dir, path)
		if !answers(t, whole, unix.SOCK_STREAM) {
			t.Errorf("%s: nobody answers at %s", path, whole)
		}
		t.Chdir("sub")
		s.stop(t)
		if _, err := os.Lstat(whole); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want no file", path, err)
		}
	}
}

// To stop is no trouble where the directory is gone, and to start there is.
func TestNoDirectory(t *testing.T) {
	leaktest.Check(t)
	dir := filepath.Join(shortDir(t), "run")
	path := filepath.Join(dir, "x.sock")
	if _, err := tryStart(path, unix.SOCK_STREAM, 0o600); !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v, want ENOENT and the directory", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := start(t, path, unix.SOCK_STREAM)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	s.stop(t)
	if err := (*File)(nil).Remove(); err != nil {
		t.Errorf("a socket without a file: %v", err)
	}
}

// U2: the permissions are what was asked for, whatever the umask, and on Linux
// not for a moment are they more.
func TestMode(t *testing.T) {
	leaktest.Check(t)
	path := filepath.Join(shortDir(t), "x.sock")
	var mode uint32
	var looks, wider atomic.Int64
	defer sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) {
		if c.Op != sys.OpBind || runtime.GOOS != "linux" {
			return
		}
		info, err := os.Lstat(path)
		if err != nil {
			t.Error(err)
			return
		}
		looks.Add(1)
		if uint32(info.Mode().Perm())&^mode != 0 {
			wider.Add(1)
		}
	}})()
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	const restarts = 1000
	for i := range restarts {
		mode = []uint32{0o600, 0o660, 0o666, 0o777, 0}[i%5]
		syscall.Umask([]int{0, 0o022, 0o077}[i%3])
		s, err := tryStart(path, []int{unix.SOCK_STREAM, unix.SOCK_DGRAM}[i%2], 0o7000|mode)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != fs.ModeSocket|fs.FileMode(mode) {
			t.Fatalf("got %v, %v, want a socket of mode %o", info, err, mode)
		}
		s.stop(t)
	}
	if wider.Load() > 0 || looks.Load() != restarts && runtime.GOOS == "linux" {
		t.Errorf("of %d looks %d saw more permissions than asked for", looks.Load(), wider.Load())
	}
}

// U3: the end of a server does not take away its successor's file.
func TestASuccessorKeepsItsFile(t *testing.T) {
	leaktest.Check(t)
	path := filepath.Join(shortDir(t), "x.sock")
	for range 100 {
		first := start(t, path, unix.SOCK_STREAM)
		if err := os.Remove(path); err != nil { // somebody does, against all rules
			t.Fatal(err)
		}
		second := start(t, path, unix.SOCK_STREAM)
		first.stop(t)
		if !answers(t, path, unix.SOCK_STREAM) {
			t.Fatal("the successor cannot be reached any more")
		}
		second.stop(t)
	}
	s := start(t, path, unix.SOCK_STREAM)
	if err := errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s.stop(t)
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("a file that took the place: %v", err)
	}
}

// Between the last look at a dead socket and its removal nobody else can make a
// new one there.
func TestLookAndRemovalAreOne(t *testing.T) {
	leaktest.Check(t)
	path := filepath.Join(shortDir(t), "x.sock")
	start(t, path, unix.SOCK_STREAM).crash(t)
	looked, goOn := make(chan struct{}), make(chan struct{})
	proceed := sync.OnceFunc(func() { close(goOn) })
	var looks atomic.Int64
	defer sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) {
		switch {
		case c.Op == sys.OpLstat && looks.Add(1) == 2:
			close(looked)
			<-goOn
		case c.Errno == unix.EWOULDBLOCK: // the other has come and waits
			proceed()
		}
	}})()
	var servers [2]started
	var errs [2]error
	var both sync.WaitGroup
	both.Go(func() { servers[0], errs[0] = tryStart(path, unix.SOCK_STREAM, 0o600) })
	<-looked
	both.Go(func() {
		servers[1], errs[1] = tryStart(path, unix.SOCK_STREAM, 0o600)
		proceed()
	})
	both.Wait()
	if errs[0] != nil || !errors.Is(errs[1], unix.EADDRINUSE) {
		t.Errorf("got %v and %v, want a server and EADDRINUSE", errs[0], errs[1])
	}
	for i, err := range errs {
		if err == nil {
			servers[i].stop(t)
		}
	}
}

// U1: of a thousand that start at once at a dead socket, one serves.
func TestAThousandStarts(t *testing.T) {
	for name, typ := range kinds {
		t.Run(name, func(t *testing.T) {
			leaktest.Check(t)
			defer func(d time.Duration) { lockPatience = d }(lockPatience)
			lockPatience = 3 * patience // the last of a thousand waits long on a small machine
			path := filepath.Join(shortDir(t), "x.sock")
			start(t, path, typ).crash(t)
			n := 1000
			var limit syscall.Rlimit
			if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
				t.Fatal(err)
			}
			n = int(min(float64(n), float64(limit.Cur)/4)) // a start has up to three descriptors
			servers, errs := make([]started, n), make([]error, n)
			var all sync.WaitGroup
			begin := make(chan struct{})
			for i := range n {
				all.Go(func() {
					<-begin
					servers[i], errs[i] = tryStart(path, typ, 0o600)
				})
			}
			close(begin)
			all.Wait()
			serving := 0
			for i, err := range errs {
				switch {
				case err == nil:
					serving++
					defer servers[i].stop(t)
				case !errors.Is(err, unix.EADDRINUSE):
					t.Errorf("start %d: %v", i, err)
				}
			}
			if serving != 1 || !answers(t, path, typ) {
				t.Errorf("of %d starts %d serve, and it is %v that one answers; want 1 and true", n, serving, answers(t, path, typ))
			}
		})
	}
}

// A start waits for the lock that others hold, but not for ever; where the file
// system has no locks, it goes without.
func TestLock(t *testing.T) {
	leaktest.Check(t)
	defer func(d time.Duration) { lockPatience = d }(lockPatience)
	dir := shortDir(t)
	path := filepath.Join(dir, "x.sock")
	held, errno := sys.LockDir(dir)
	if errno != 0 {
		t.Fatal(errno)
	}
	var refused atomic.Int64
	restore := sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) {
		if c.Errno == unix.EWOULDBLOCK && refused.Add(1) == 3 {
			_ = unix.Close(held)
		}
	}})
	s := start(t, path, unix.SOCK_STREAM)
	restore()
	if n := refused.Load(); n != 3 {
		t.Errorf("the lock was refused %d times, want 3", n)
	}

	if held, errno = sys.LockDir(dir); errno != 0 {
		t.Fatal(errno)
	}
	lockPatience = 5 * time.Millisecond
	for _, err := range []error{s.file.Remove(), func() error { _, err := tryStart(path, unix.SOCK_STREAM, 0); return err }()} {
		if !errors.Is(err, unix.EWOULDBLOCK) || !strings.Contains(err.Error(), "held the lock for 5ms") || !strings.Contains(err.Error(), dir) {
			t.Errorf("got %v, want EWOULDBLOCK, how long it was, and the directory", err)
		}
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
	for _, errno := range lockless {
		restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
			if c.Op == sys.OpFlock {
				return errno
			}
			return 0
		}})
		s.stop(t)
		s = start(t, path, unix.SOCK_STREAM)
		restore()
	}
	_ = unix.Close(held)
	s.stop(t)
}
