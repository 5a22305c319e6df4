//go:build linux

package kqueuesim

import (
	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// knote is one entry of a queue: a filter on a descriptor.
type knote struct {
	key
	file  file       // what the number stood for when it was added
	flags sys.KFlags // EV_CLEAR and EV_ONESHOT, as it was added with

	happened bool  // with EV_CLEAR: something has, since the last report
	reported bool  // in the batch at hand
	at       int32 // where in fds it is asked about; 0: not in this poll
}

// file tells the thing that a number stands for from one that had it before.
// That of a closed number is the zero value, which no open one has.
type file struct {
	dev, ino uint64
	socket   bool
}

func fileOf(fd int) (file, sys.Errno) {
	var st unix.Stat_t
	if errno, bad := unix.Fstat(fd, &st).(sys.Errno); bad {
		return file{}, errno
	}
	dev := uint64(st.Dev) //nolint:unconvert // it is 32 bits wide on MIPS
	return file{dev: dev, ino: st.Ino, socket: st.Mode&unix.S_IFMT == unix.S_IFSOCK}, 0
}

// quiet: there is nothing to report before something happens.
func (k *knote) quiet() bool { return k.flags&sys.EvClear != 0 && !k.happened }

// wants is what k asks of poll.
func (k *knote) wants() int16 {
	if k.filter == sys.FilterWrite {
		return unix.POLLOUT
	}
	return unix.POLLIN | unix.POLLRDHUP
}

// bits is what poll said to k.
func (k *knote) bits(fds []unix.PollFd) int16 {
	return fds[k.at].Revents & (k.wants() | unix.POLLERR | unix.POLLHUP | unix.POLLNVAL)
}

// event says what poll said as kevent does.
func (k *knote) event(bits int16) sys.Kevent {
	e := sys.Kevent{Ident: k.ident, Filter: k.filter, Flags: k.flags}
	var eof int16
	if k.filter == sys.FilterRead {
		e.Data = k.unread()
		eof = unix.POLLRDHUP | unix.POLLHUP
	} else {
		e.Data = k.room()
		eof = unix.POLLHUP
	}
	if !k.file.socket {
		eof |= unix.POLLERR // a pipe without a reader
	}
	if bits&eof != 0 {
		e.Flags |= sys.EvEOF
		if k.file.socket && bits&unix.POLLERR != 0 {
			e.Fflags = uint32(unix.EIO)
		}
	}
	return e
}

// unread is how many bytes, or for a listener connections, are to be had.
func (k *knote) unread() int64 {
	n, err := unix.IoctlGetInt(k.ident, unix.TIOCINQ)
	if err == nil {
		return int64(n)
	}
	if !k.file.socket {
		return 1
	}
	if info, err := unix.GetsockoptTCPInfo(k.ident, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
		return int64(info.Unacked) // of a listener it is the backlog: tcp_get_info in the kernel
	}
	return 1
}

// room is how many bytes can be written.
func (k *knote) room() int64 {
	if !k.file.socket {
		size, err := unix.FcntlInt(uintptr(k.ident), unix.F_GETPIPE_SZ, 0)
		if err != nil {
			return 1
		}
		return int64(size) - k.unread()
	}
	size, err1 := unix.GetsockoptInt(k.ident, unix.SOL_SOCKET, unix.SO_SNDBUF)
	queued, err2 := unix.IoctlGetInt(k.ident, unix.TIOCOUTQ)
	if err1 != nil || err2 != nil {
		return 1
	}
	return int64(max(size-queued, 0))
}
