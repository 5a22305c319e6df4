//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

// OpSocketpair is a call by the kernel's name.
const OpSocketpair Op = "socketpair"

// Socketpair is socketpair(2): two connected Unix stream sockets, non-blocking and
// close-on-exec.
func Socketpair() (a, b int, errno Errno) {
	call := func(*Call) (int, Errno) {
		a, b, errno = socketpair()
		return result(errno)
	}
	if h := hooks.Load(); h != nil {
		_, errno = h.do(Call{Op: OpSocketpair, FD: -1, Args: "UNIX, STREAM|NONBLOCK|CLOEXEC"}, call)
		return a, b, errno
	}
	_, _ = call(nil)
	return a, b, errno
}
