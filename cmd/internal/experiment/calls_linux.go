package experiment

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pair makes two connected stream sockets.
func (l *lab) pair(a, b string) (file, file) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	l.must("socketpair", err)
	l.call("socketpair(AF_UNIX, SOCK_STREAM, 0, ["+a+", "+b+"])", "0")
	return l.own(fds[0], a), l.own(fds[1], b)
}

// pipe makes one, in non-blocking mode.
func (l *lab) pipe(r, w string) (file, file) {
	var fds [2]int
	l.must("pipe2", unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC))
	l.call("pipe2(["+r+", "+w+"], O_NONBLOCK)", "0")
	return l.own(fds[0], r), l.own(fds[1], w)
}

// nonblock puts f into non-blocking mode.
func (l *lab) nonblock(f file) {
	l.must("fcntl", unix.SetNonblock(f.fd, true))
	l.call("fcntl("+f.name+", F_SETFL, O_NONBLOCK)", "0")
}

// read reads at most size bytes, and goes on after a signal.
func (l *lab) read(f file, size int) (string, error) {
	buf := make([]byte, size)
	n, err := read(f.fd, buf)
	l.call(fmt.Sprintf("read(%s, buf, %d)", f.name, size), bytesRead(buf, n, err))
	return string(buf[:max(n, 0)]), err
}

// read is read(2), which a signal to the Go runtime may interrupt.
func read(fd int, buf []byte) (n int, err error) {
	for {
		if n, err = unix.Read(fd, buf); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// bytesRead is the answer of a read.
func bytesRead(buf []byte, n int, err error) string {
	switch {
	case err != nil:
		return failed(err)
	case n == 0:
		return "0, the end"
	case n > 20:
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d: %q", n, buf[:n])
}

// write writes a short text.
func (l *lab) write(f file, text string) (int, error) {
	n, err := unix.Write(f.fd, []byte(text))
	l.call(fmt.Sprintf("write(%s, %q, %d)", f.name, text, len(text)), number(n, err))
	return n, err
}

// send writes a short text, which must be taken.
func (l *lab) send(f file, text string) {
	if n, err := l.write(f, text); err != nil || n != len(text) {
		l.fail("write: %d of %d bytes, %w", n, len(text), err)
	}
}

// close closes f.
func (l *lab) close(f file) {
	l.disown(f)
	err := unix.Close(f.fd)
	l.must("close", err)
	l.call("close("+f.name+")", "0")
}

// epoll makes an epoll instance.
func (l *lab) epoll(name string) file {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	l.must("epoll_create1", err)
	l.call("epoll_create1(0)", name)
	return l.own(fd, name)
}

// ctl is epoll_ctl(2). The data of the entry is the place of f among the lab's
// names, not its number: so a report can be told from one of another file that
// had the number before.
func (l *lab) ctl(ep file, op int, f file, events uint32) error {
	err := unix.EpollCtl(ep.fd, op, f.fd, &unix.EpollEvent{Events: events, Fd: token(f.name)})
	text := fmt.Sprintf("epoll_ctl(%s, %s, %s", ep.name, opName(op), f.name)
	if op != unix.EPOLL_CTL_DEL {
		text += ", " + epollNames(events)
	}
	l.call(text+")", number(0, err))
	return err
}

// add is a ctl that adds and must work.
func (l *lab) add(ep, f file, events uint32) {
	l.must("epoll_ctl", l.ctl(ep, unix.EPOLL_CTL_ADD, f, events))
}

// event is what epoll_wait reported.
type event struct {
	name   string
	events uint32
}

// wait is epoll_wait(2) for up to size events; it does not wait at all.
func (l *lab) wait(ep file, size int) []event {
	list, err := epollWait(ep.fd, size, 0)
	l.must("epoll_wait", err)
	l.call(fmt.Sprintf("epoll_wait(%s, events, %d, 0)", ep.name, size), eventList(list))
	return list
}

// waitLong is wait, but until there is something.
func (l *lab) waitLong(ep file, size int) []event {
	list, err := epollWait(ep.fd, size, int(patience.Milliseconds()))
	l.must("epoll_wait", err)
	l.call(fmt.Sprintf("epoll_wait(%s, events, %d, -1)", ep.name, size), eventList(list))
	return list
}

// epollWait goes on after a signal.
func epollWait(ep, size, timeout int) (list []event, err error) {
	events := make([]unix.EpollEvent, size)
	for {
		n, err := unix.EpollWait(ep, events, timeout)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		for _, e := range events[:max(n, 0)] {
			list = append(list, event{tokenName(e.Fd), e.Events})
		}
		return list, err
	}
}

func eventList(list []event) string {
	if len(list) == 0 {
		return "0"
	}
	var words []string
	for _, e := range list {
		words = append(words, e.name+" "+epollNames(e.events))
	}
	return fmt.Sprintf("%d: %s", len(list), strings.Join(words, ", "))
}

// token makes a number of a name of up to four bytes, for epoll to keep.
func token(name string) (n int32) {
	for i := range len(name) {
		n = n<<8 | int32(name[i])
	}
	return n
}

func tokenName(n int32) (name string) {
	for ; n > 0; n >>= 8 {
		name = string(n&0xff) + name
	}
	return name
}

func opName(op int) string {
	return map[int]string{unix.EPOLL_CTL_ADD: "EPOLL_CTL_ADD", unix.EPOLL_CTL_MOD: "EPOLL_CTL_MOD", unix.EPOLL_CTL_DEL: "EPOLL_CTL_DEL"}[op]
}

// epollNames names the bits of an interest or a report.
func epollNames(events uint32) string {
	var words []string
	for _, b := range []struct {
		bit  uint32
		name string
	}{
		{unix.EPOLLIN, "EPOLLIN"}, {unix.EPOLLOUT, "EPOLLOUT"}, {unix.EPOLLPRI, "EPOLLPRI"}, {unix.EPOLLERR, "EPOLLERR"},
		{unix.EPOLLHUP, "EPOLLHUP"}, {unix.EPOLLRDHUP, "EPOLLRDHUP"}, {unix.EPOLLET, "EPOLLET"},
		{unix.EPOLLONESHOT, "EPOLLONESHOT"}, {unix.EPOLLEXCLUSIVE, "EPOLLEXCLUSIVE"},
	} {
		if events&b.bit != 0 {
			words = append(words, b.name)
			events &^= b.bit
		}
	}
	if events != 0 || len(words) == 0 {
		words = append(words, fmt.Sprintf("%#x", events))
	}
	return strings.Join(words, "|")
}

// epollPwait waits for one event, by the call of which the threads' numbers speak.
func epollPwait(ep int) ([]event, error) {
	var events [1]unix.EpollEvent
	for {
		n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(ep), uintptr(unsafe.Pointer(&events)), 1, uintptr(patience.Milliseconds()), 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return nil, errno
		case n == 0:
			return nil, nil
		default:
			return []event{{tokenName(events[0].Fd), events[0].Events}}, nil
		}
	}
}
