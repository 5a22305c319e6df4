//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package trace

import (
	"syscall"
	"time"

	"example.com/iomux/internal/sys"
)

// Kind is what a descriptor is.
type Kind string

// The kinds of descriptors.
const (
	Listener Kind = "listener"
	Conn     Kind = "conn"
	Dialed   Kind = "dialed"
	Socket   Kind = "socket" // of which it is not known yet what it becomes
	Datagram Kind = "datagram socket"
	Waker    Kind = "waker"
	Epoll    Kind = "epoll"
	Kqueue   Kind = "kqueue"
	Spare    Kind = "spare"
	Other    Kind = "other"
	Nothing  Kind = "" // the call is about no descriptor
)

// Phase is where in a turn of the loop a call was made, as far as the calls tell.
type Phase string

// The phases, in the order of a turn, and what is no part of one.
const (
	Setup    Phase = "setup"    // before a loop has run
	Waiting  Phase = "wait"     // the wait, and taking in the wake-up that ended it
	Dispatch Phase = "dispatch" // for what the wait has found
	Posted   Phase = "posted"   // functions that other goroutines have posted
	Timers   Phase = "timers"
	Flush    Phase = "flush" // what was written goes out
	Close    Phase = "close" // what was closed is closed
	Outside  Phase = "outside"
)

// Ref is a descriptor with its name at the time.
type Ref struct {
	FD   int    `json:"fd"`
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
}

// Ready is a descriptor in the list of a wait.
type Ready struct {
	Ref
	Bits string `json:"bits"`
	Data int64  `json:"data,omitempty"` // of kqueue
}

// Record is one system call, or a note between them.
type Record struct {
	Note string // not a call: what the client does

	At    time.Duration // when it began, since the recorder was made
	Took  time.Duration
	Loop  int  // 1 for the first one; 0: not made by a loop
	Turn  int  // of that loop, from 1; 0: before its first wait
	Depth int  // 1: made by what plays the kernel, within a call of its
	Wait  bool // it is the wait, or the look without waiting, that a turn begins with
	Phase Phase

	Op      sys.Op
	On      Ref
	Args    string // as internal/sys has them
	Verb    string
	Size    int
	Timeout time.Duration
	Asked   []Ready
	Found   []Ready
	Result  int
	Errno   sys.Errno
	Out     string
	New     *Ref // the descriptor that it returned

	// Ready is what the wait of this turn said of the descriptor; "": nothing.
	Ready string
	Table []Row // the interest table after the call, if the call has changed it, see Recorder.Tables
}

// Interrupted reports whether a signal ended the call, which is made again then. In
// which call signals come, most of them the Go runtime's own, is another in each run.
func (r *Record) Interrupted() bool { return r.Errno == syscall.EINTR }

// Row is an entry of a loop's interest table.
type Row struct {
	Loop int    `json:"loop"`
	FD   int    `json:"fd"`
	Name string `json:"name"`
	Bits string `json:"bits"`
}

// isWait reports whether a call is the one that a loop's turn begins with. Its size
// tells a kevent that waits from one that changes, and the probes of poll and select,
// which are about nothing, from waits. A poll about one descriptor, which is not the
// waker's, is a question beside the table.
func (n *names) isWait(c *sys.Call) bool {
	switch c.Op {
	case opEpollPwait, opEpollPwait2, sys.OpSelect, sys.OpKevent:
		return c.Size > 0
	case sys.OpPoll:
		return c.Size > 1 || c.Size == 1 && len(c.Asked) == 1 && n.of(c.Asked[0].FD).Kind == Waker
	}
	return false
}

// The calls of epoll, by name: the constants of internal/sys are Linux's alone.
const (
	opEpollCreate sys.Op = "epoll_create1"
	opEpollCtl    sys.Op = "epoll_ctl"
	opEpollPwait  sys.Op = "epoll_pwait"
	opEpollPwait2 sys.Op = "epoll_pwait2"
	opEventfd     sys.Op = "eventfd2"
)
