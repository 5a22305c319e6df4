//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package trace

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

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
	case sys.OpPipe: // the waker where there is no eventfd: two ends of one thing
		if len(c.Found) == 2 && !nested {
			r := n.give(c.Found[0].FD, Waker)
			r.FD = c.Found[1].FD
			n.byFD[r.FD] = r
		}
	case sys.OpAccept:
		n.become(c.FD, Listener)
		return made(Conn)
	case sys.OpGetsockopt:
		if c.Args == acceptConn && c.Out != "0" {
			n.become(c.FD, Listener)
		}
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

// acceptConn asks a socket whether it listens, see internal/sys.
var acceptConn = fmt.Sprintf("%d, %d", unix.SOL_SOCKET, unix.SO_ACCEPTCONN)

// become gives a socket another name, now that it is known what it is. One that was
// inherited or taken over was not seen to be made.
func (n *names) become(fd int, k Kind) {
	switch n.of(fd).Kind {
	case Socket:
		n.count[Socket]--
	case Other:
	default:
		return
	}
	n.give(fd, k)
}
