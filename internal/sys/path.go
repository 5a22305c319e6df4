//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// FileID is what makes a file that one and no other of the same name: its device
// and its number there. A file that is gone may leave its number to a new one.
type FileID struct{ Dev, Ino uint64 }

// Lstat is lstat(2): which file path names, itself and not where a link leads.
// mode has the type (unix.S_IFMT) and the permissions. ENOENT: there is none.
func Lstat(path string) (id FileID, mode, uid uint32, errno Errno) {
	call := func(c *Call) (int, Errno) {
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return ret(0, err)
		}
		id, mode, uid = FileID{widened(st.Dev), widened(st.Ino)}, uint32(widened(st.Mode)), st.Uid
		if c != nil {
			c.Out = fmt.Sprintf("%#o, uid %d, dev %#x, ino %d", mode, uid, id.Dev, id.Ino)
		}
		return 0, 0
	}
	if h := hooks.Load(); h != nil {
		_, errno = h.do(Call{Op: OpLstat, FD: -1, Args: strconv.Quote(path)}, call)
	} else {
		_, errno = call(nil)
	}
	return id, mode, uid, errno
}

// widened is a number of struct stat, whose fields' types differ from system to
// system.
func widened[T ~int32 | ~uint16 | ~uint32 | ~uint64](n T) uint64 { return uint64(n) }

// Fchmod is fchmod(2). On a Unix socket before its bind it is Linux's way to
// give the socket's file its mode, less the umask; the BSDs answer EINVAL.
func Fchmod(fd int, mode uint32) Errno {
	call := func(*Call) (int, Errno) { return ret(0, unix.Fchmod(fd, mode)) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpFchmod, FD: fd, Args: fmt.Sprintf("%#o", mode)}, call)
		return e
	}
	_, e := call(nil)
	return e
}

// Chmod is fchmodat(2) that follows no link: EOPNOTSUPP where path is one, which
// some systems change instead.
func Chmod(path string, mode uint32) Errno {
	call := func(*Call) (int, Errno) { return result(chmod(path, mode)) }
	if h := hooks.Load(); h != nil {
		args := strconv.Quote(path) + fmt.Sprintf(", %#o, SYMLINK_NOFOLLOW", mode)
		_, e := h.do(Call{Op: OpFchmodat, FD: -1, Args: args}, call)
		return e
	}
	_, e := call(nil)
	return e
}

// Unlink is unlink(2).
func Unlink(path string) Errno {
	call := func(*Call) (int, Errno) { return ret(0, unix.Unlink(path)) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpUnlink, FD: -1, Args: strconv.Quote(path)}, call)
		return e
	}
	_, e := call(nil)
	return e
}
