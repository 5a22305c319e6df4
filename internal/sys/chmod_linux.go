package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// chmod goes by way of a descriptor where there is no fchmodat2(2), which came
// with Linux 6.6, or a sandbox does not know it.
func chmod(path string, mode uint32) Errno {
	_, e := ret(0, unix.Fchmodat(unix.AT_FDCWD, path, mode, unix.AT_SYMLINK_NOFOLLOW))
	if e == unix.EOPNOTSUPP || e == unix.EPERM {
		return chmodByProc(path, mode)
	}
	return e
}

func chmodByProc(path string, mode uint32) Errno {
	fd, e := ret(unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0))
	if e != 0 {
		return e
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if _, e := ret(0, unix.Fstat(fd, &st)); e != 0 {
		return e
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return unix.EOPNOTSUPP // old kernels give a link a mode that means nothing
	}
	_, e = ret(0, unix.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), mode))
	return e
}
