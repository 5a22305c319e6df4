//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package explain

import (
	"strings"
	"syscall"
	"time"

	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/internal/sys"
)

// forever is a wait without end, in a record.
const forever time.Duration = 1<<63 - 1

// Explainer remembers of the calls before what the sentences depend on. It wants every
// record, in order; one goroutine at a time may use it.
type Explainer struct {
	conns map[int]*conn // by descriptor
	turns map[int]*turn // by loop
	fair  bool          // the loops park in the runtime's poller
	pipes bool          // the wakers are some
}

// conn is what is known of a connection.
type conn struct {
	turn    int  // in which it was read last
	filled  bool // the last read filled the buffer
	full    bool // the kernel takes no more: it said so with the last write
	ended   bool // the peer's end was read
	failed  bool // an error was
	edge    bool // it is watched edge-triggered
	wrote   int  // the turn in which it was written last
	in, out bool // what it is watched for
}

// turn is what is known of a loop's turn.
type turn struct {
	several  bool        // the last wait found more than one
	accepted map[int]int // connections, by listener
}

func newTurn(several bool) *turn { return &turn{several: several, accepted: map[int]int{}} }

// New makes one that has seen nothing.
func New() *Explainer { return &Explainer{conns: map[int]*conn{}, turns: map[int]*turn{}} }

// Record is the explanation of a call, "" of a note.
func (e *Explainer) Record(r *trace.Record) string {
	if r.Note != "" {
		return ""
	}
	text := e.sentence(r)
	if r.Depth == 0 {
		e.remember(r)
	}
	return text
}

func (e *Explainer) sentence(r *trace.Record) string {
	if r.Depth > 0 {
		return inner(r)
	}
	if r.Interrupted() {
		return "A signal came in, often the Go runtime's own. Nothing was done; the call is made again."
	}
	if r.Wait {
		return e.wait(r)
	}
	switch r.Op {
	case sys.OpKevent:
		return e.kevent(r)
	case "epoll_ctl":
		return e.epollCtl(r)
	case sys.OpAccept:
		return e.accept(r)
	case sys.OpRecvmmsg, sys.OpSendmmsg, sys.OpSendto:
		return datagrams(r)
	case sys.OpRead, sys.OpRecvfrom:
		return e.read(r)
	case sys.OpWrite, sys.OpWritev:
		return e.write(r)
	case sys.OpClose:
		return e.close(r)
	}
	return e.other(r)
}

// remember takes a call in.
func (e *Explainer) remember(r *trace.Record) {
	if r.Wait && r.Errno == 0 {
		e.turns[r.Loop] = newTurn(r.Result > 1)
	}
	switch r.Op {
	case sys.OpAccept:
		if r.Errno == 0 {
			e.conns[r.Result] = &conn{}
			e.turn(r).accepted[r.On.FD]++
		}
	case "epoll_ctl", sys.OpKevent:
		for _, a := range r.Asked {
			e.conn(a.FD).watch(r, strings.Split(a.Bits, "|"))
		}
	case sys.OpRead, sys.OpRecvfrom:
		c := e.conn(r.On.FD)
		c.turn = r.Turn
		c.filled = r.Errno == 0 && r.Result >= r.Size
		c.ended = r.Errno == 0 && r.Result == 0
		c.failed = c.failed || r.Errno != 0 && r.Errno != syscall.EAGAIN
	case sys.OpWrite, sys.OpWritev:
		c := e.conn(r.On.FD)
		c.full = r.Errno == syscall.EAGAIN || r.Errno == 0 && r.Result < r.Size
		c.failed = c.failed || r.Errno != 0 && r.Errno != syscall.EAGAIN
		c.wrote = r.Turn
	case sys.OpPipe:
		e.pipes = true
	case sys.OpFcntl:
		if r.New != nil && (r.On.Kind == trace.Epoll || r.On.Kind == trace.Kqueue) {
			e.fair = true
		}
	case sys.OpClose:
		delete(e.conns, r.On.FD)
	}
}

// conn is what is known of a descriptor.
func (e *Explainer) conn(fd int) *conn {
	if e.conns[fd] == nil {
		e.conns[fd] = &conn{}
	}
	return e.conns[fd]
}

func (e *Explainer) turn(r *trace.Record) *turn {
	if e.turns[r.Loop] == nil {
		e.turns[r.Loop] = newTurn(false)
	}
	return e.turns[r.Loop]
}
