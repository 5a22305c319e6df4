//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketfile

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// File is the file of a bound socket, remembered so that its server removes this
// one and not what somebody else has put in its place.
type File struct {
	Path string // absolute, where the working directory is known
	ID   sys.FileID
}

// lockPatience is how long to wait for others that start or stop servers in the
// same directory, each of which takes a few system calls. A variable so that a
// test need not wait.
var lockPatience = 10 * time.Second

// lockless are the answers of file systems that know no flock. NFS wants a
// descriptor to write to, which there is none of for a directory: EBADF.
var lockless = []sys.Errno{unix.ENOLCK, unix.ENOSYS, unix.ENOTSUP, unix.EOPNOTSUPP, unix.EINVAL, unix.EBADF}

// Bind binds the Unix socket fd to path, relative or absolute, with the
// permissions mode, of which the low nine bits count. A dead socket that is in
// the way is removed if it belongs to this process's user, or this process is
// root's; anything else stays as it is, symbolic links among them. unlock is to
// be called once the socket listens, and lets others start there; calling it
// twice is fine. When listening fails, Remove comes after unlock. Bind may wait
// for others, ten seconds at most. Any goroutine may call it.
//
// Errors: EADDRINUSE when a server answers there, or a dead socket is somebody
// else's; EEXIST when what is there is no socket; EWOULDBLOCK when the directory
// stays locked; and those of the system calls.
func Bind(fd int, path string, mode uint32) (f *File, unlock func(), err error) {
	unlock, err = lockDirectory(path)
	if err != nil {
		return nil, nil, err
	}
	if err = removeDead(path); err == nil {
		f, err = bind(fd, path, mode&0o777)
	}
	if err != nil {
		unlock()
		return nil, nil, err
	}
	return f, unlock, nil
}

// Remove removes the file if it is still there and still this one. It is called
// before the socket is closed: as long as that is open, the number of its file
// cannot be given to a successor's. It may wait for others, ten seconds at most,
// and is not for a loop. Removing twice is fine, and so is a nil File, of a socket
// without one. Any goroutine may call it. Errors: those of the system calls, and
// EWOULDBLOCK as in Bind.
func (f *File) Remove() error {
	if f == nil {
		return nil
	}
	unlock, err := lockDirectory(f.Path)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil // the directory is gone, and the file with it
	case err != nil:
		return err
	}
	defer unlock()
	return unlinkSame(f.Path, f.ID)
}

// lockDirectory locks the directory of path against other starts and stops.
// unlock may be called more than once.
func lockDirectory(path string) (unlock func(), err error) {
	dir := "." // what is before the name, as it stands: to clean "link/../x" would make another directory of it
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir = path[:i+1]
	}
	end := time.Now().Add(lockPatience)
	// The pause grows, and differs: a herd that all asks each millisecond leaves
	// the one that has the lock no processor to finish with.
	for pause := time.Millisecond; ; pause = min(2*pause, 32*time.Millisecond) {
		if pause > time.Millisecond {
			time.Sleep(rand.N(pause))
		}
		fd, errno := sys.LockDir(dir)
		switch {
		case errno == 0:
			return sync.OnceFunc(func() { _ = sys.Close(fd) }), nil // nothing was written to it
		case slices.Contains(lockless, errno):
			return func() {}, nil
		case errno != unix.EWOULDBLOCK && errno != unix.EINTR:
			return nil, fmt.Errorf("lock directory %q: %w", dir, errno)
		case time.Now().After(end):
			return nil, fmt.Errorf("lock directory %q: %w: somebody has held the lock for %v", dir, errno, lockPatience)
		}
	}
}

// removeDead removes the socket at path if nobody has it open and it is ours to
// remove. If there is nothing, nothing is done.
func removeDead(path string) error {
	id, mode, uid, errno := sys.Lstat(path)
	switch {
	case errno == unix.ENOENT:
		return nil
	case errno != 0:
		return fmt.Errorf("lstat %q: %w", path, errno)
	case mode&unix.S_IFMT != unix.S_IFSOCK:
		return fmt.Errorf("bind: %w: %q is %s, not a socket, and is left as it is", unix.EEXIST, path, kindOf(mode))
	}
	alive, err := inUse(path)
	switch euid := os.Geteuid(); {
	case err != nil:
		return err
	case alive:
		return fmt.Errorf("bind: %w: a live server answers at %q", unix.EADDRINUSE, path)
	case euid != 0 && uid != uint32(euid):
		return fmt.Errorf("bind: %w: %q is a dead socket of user %d, for whom it is to remove", unix.EADDRINUSE, path, uid)
	}
	return unlinkSame(path, id)
}

// inUse reports whether some process has the socket at path open.
//
// It asks by connecting a datagram socket, whatever kind is there. The kernel
// looks for the socket first (ECONNREFUSED: there is none), then at its kind
// (EPROTOTYPE: it is none for datagrams). A probe of the server's own kind would
// tell less: it is a connection which the server has to accept, a server that has
// not called listen yet looks dead, and so does on the BSDs one whose queue is
// full.
func inUse(path string) (bool, error) {
	probe, errno := sys.Socket(unix.AF_UNIX, unix.SOCK_DGRAM)
	if errno != 0 {
		return false, fmt.Errorf("socket: %w", errno)
	}
	defer func() { _ = sys.Close(probe) }() // nothing was sent
	switch errno := sys.ConnectUnix(probe, path); errno {
	case unix.ECONNREFUSED, unix.ENOENT: // ENOENT: it was there a moment ago
		return false, nil
	case 0, unix.EPROTOTYPE, unix.EPERM: // EPERM: one for datagrams that is connected to another itself
		return true, nil
	default:
		return false, fmt.Errorf("connect %q, to see if a server is there: %w", path, errno)
	}
}

// bind binds fd where nothing is. If it fails later, the file is removed
// again, if that can be done safely; else the next start does it.
func bind(fd int, path string, mode uint32) (*File, error) {
	// Linux gives the file what the socket has, less the umask, so that not for
	// a moment it is open to more than mode says. The BSDs know this call for
	// files only (EINVAL), and give it everything less the umask. There a stream
	// is safe nonetheless: nobody can connect before listen. To a datagram
	// socket others may send until its permissions are set.
	if errno := sys.Fchmod(fd, mode); errno != 0 && errno != unix.EINVAL {
		return nil, fmt.Errorf("fchmod: %w", errno)
	}
	if errno := sys.BindUnix(fd, path); errno != 0 {
		return nil, fmt.Errorf("bind %q: %w", path, errno)
	}
	id, got, _, errno := sys.Lstat(path)
	if errno != 0 {
		return nil, fmt.Errorf("lstat %q: %w", path, errno)
	}
	if got&0o777 != mode {
		if errno := sys.Chmod(path, mode); errno != 0 {
			_ = unlinkSame(path, id) // the error at hand says more
			return nil, fmt.Errorf("chmod %q: %w", path, errno)
		}
	}
	return newFile(path, id), nil
}

func newFile(path string, id sys.FileID) *File {
	f := &File{path, id}
	if dir, err := os.Getwd(); err == nil && !filepath.IsAbs(path) {
		f.Path = dir + "/" + path // a later chdir does not lead astray; not cleaned, see lockDirectory
	}
	return f
}

// Found is the file of a socket that another process has bound to path and passed
// on. Any goroutine may call it. Errors: EEXIST when what is there is no socket, and
// lstat's.
func Found(path string) (*File, error) {
	id, mode, _, errno := sys.Lstat(path)
	switch {
	case errno != 0:
		return nil, fmt.Errorf("lstat %q: %w", path, errno)
	case mode&unix.S_IFMT != unix.S_IFSOCK:
		return nil, fmt.Errorf("%w: %q is %s, not a socket", unix.EEXIST, path, kindOf(mode))
	}
	return newFile(path, id), nil
}

// unlinkSame removes path if it is still the socket that id says.
func unlinkSame(path string, id sys.FileID) error {
	now, mode, _, errno := sys.Lstat(path)
	switch {
	case errno == unix.ENOENT:
		return nil
	case errno != 0:
		return fmt.Errorf("lstat %q: %w", path, errno)
	case now != id || mode&unix.S_IFMT != unix.S_IFSOCK:
		return nil // it is somebody else's
	}
	if errno := sys.Unlink(path); errno != 0 && errno != unix.ENOENT {
		return fmt.Errorf("unlink %q: %w", path, errno)
	}
	return nil
}

// kindOf names what lstat has found.
func kindOf(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "a file"
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFLNK:
		return "a symbolic link"
	}
	return "something else"
}
