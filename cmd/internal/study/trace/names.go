//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package trace

import (
	"fmt"
	"strings"

	"example.com/iomux/internal/sys"
)

// names is what the open descriptors are called. A number means something else once
// it was closed and returned again: connections are counted, so each has a name of
// its own.
type names struct {
	byFD   map[int]Ref
	count  map[Kind]int // of names given out
	tables map[int]int  // the epolls and kqueues, numbered
}

func newNames() *names { return &names{map[int]Ref{}, map[Kind]int{}, map[int]int{}} }

// of is the descriptor with its name.
func (n *names) of(fd int) Ref {
	if fd < 0 {
		return Ref{FD: -1}
	}
	if r, ok := n.byFD[fd]; ok {
		return r
	}
	return Ref{fd, Other, fmt.Sprintf("fd %d", fd)}
}

// give names a descriptor. The first of its kind needs no number, but for
// connections, of which there are always many.
func (n *names) give(fd int, k Kind) Ref {
	n.count[k]++
	name := string(k)
	if c := n.count[k]; c > 1 || k == Conn {
		name = fmt.Sprintf("%s %d", k, c)
	}
	if k == Epoll || k == Kqueue {
		n.tables[fd] = n.count[k]
	}
	r := Ref{fd, k, name}
	n.byFD[fd] = r
	return r
}

// learn takes in what a call that succeeded tells of descriptors, and returns the
// one that it made, if it did. nested: the call was made by what plays the kernel.
func (n *names) learn(c *sys.Call, nested bool) *Ref {
	if c.Errno != 0 && c.Op != sys.OpClose && c.Op != sys.OpConnect {
		return nil
	}
	made := func(k Kind) *Ref {
		if nested && (k == Waker || k == Epoll) {
			return nil // it is the kqueue, or inside of it
		}
		r := n.give(c.Result, k)
		return &r
	}
	switch c.Op {
	case opEpollCreate:
		return made(Epoll)
	case sys.OpKqueue:
		return made(Kqueue)
	case opEventfd:
		return made(Waker)
	case sys.OpOpen:
		if strings.Contains(c.Args, "/dev/null") {
			return made(Spare)
		}
		return made(Other)
	case sys.OpSocket:
		if strings.Contains(c.Args, "DGRAM") {
			return made(Datagram)
		}
		return made(Socket)
	case sys.OpAccept:
		return made(Conn)
	case sys.OpFcntl:
		if !strings.HasPrefix(c.Args, "F_DUPFD") {
			return nil
		}
		r := Ref{c.Result, Other, "copy of " + n.of(c.FD).Name}
		n.byFD[c.Result] = r
		return &r
	case sys.OpListen:
		n.become(c.FD, Listener)
	case sys.OpConnect:
		n.become(c.FD, Dialed)
	case sys.OpClose: // whatever it answers
		if !nested { // else it is the kqueue, whose own close ends next
			delete(n.byFD, c.FD)
			delete(n.tables, c.FD)
		}
	}
	return nil
}

// become gives a socket another name, now that it is known what it is.
func (n *names) become(fd int, k Kind) {
	if r := n.of(fd); r.Kind == Socket {
		n.count[Socket]--
		n.give(fd, k)
	}
}
