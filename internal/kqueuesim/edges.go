//go:build linux

package kqueuesim

import (
	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// edges tells when something happened to a descriptor, which poll cannot: it
// holds an edge-triggered epoll instance for each filter, made when the first
// EV_CLEAR knote needs it. They are two because an event of one tells all that
// holds of a descriptor, not which of it is new.
type edges struct{ read, write int }

var noEdges = edges{-1, -1}

// add watches k, and if it is watched already looks at it afresh: what holds
// now counts as having just happened.
func (e *edges) add(k key) sys.Errno {
	epfd, events := &e.read, uint32(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLET)
	if k.filter == sys.FilterWrite {
		epfd, events = &e.write, unix.EPOLLOUT|unix.EPOLLET
	}
	if *epfd < 0 {
		fd, errno := sys.EpollCreate()
		if errno != 0 {
			return errno
		}
		*epfd = fd
	}
	errno := sys.EpollCtl(*epfd, unix.EPOLL_CTL_ADD, k.ident, events)
	if errno == unix.EEXIST {
		errno = sys.EpollCtl(*epfd, unix.EPOLL_CTL_MOD, k.ident, events)
	}
	return errno
}

func (e *edges) remove(k key) {
	epfd := e.read
	if k.filter == sys.FilterWrite {
		epfd = e.write
	}
	_ = sys.EpollCtl(epfd, unix.EPOLL_CTL_DEL, k.ident, 0) // it fails when the descriptor is closed, which removed it
}

// collect marks the knotes to which something has happened, and reports
// whether there was one.
func (e *edges) collect(knotes map[key]*knote) (some bool) {
	for _, f := range [...]struct {
		epfd   int
		filter sys.KFilter
	}{{e.read, sys.FilterRead}, {e.write, sys.FilterWrite}} {
		var events [16]unix.EpollEvent
		for n := len(events); f.epfd >= 0 && n == len(events); {
			n, _ = sys.EpollWait(f.epfd, events[:], 0)
			for _, ev := range events[:max(n, 0)] {
				if k := knotes[key{int(ev.Fd), f.filter}]; k != nil {
					k.happened, some = true, true
				}
			}
		}
	}
	return some
}

func (e *edges) close() {
	for _, epfd := range [...]int{e.read, e.write} {
		if epfd >= 0 {
			sys.Close(epfd)
		}
	}
	*e = noEdges
}
