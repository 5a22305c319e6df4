//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package explain

import (
	"fmt"
	"strings"
	"syscall"

	"example.com/iomux/cmd/internal/study/trace"
)

// accept explains an accept.
func (e *Explainer) accept(r *trace.Record) string {
	accepted := e.turn(r).accepted[r.On.FD]
	switch {
	case r.Errno == 0 && accepted == 0:
		return fmt.Sprintf("The listener was readable: a client has connected. The answer is a new socket, %s, which does not block.", r.New.Name)
	case r.Errno == 0:
		return fmt.Sprintf("More clients may have connected meanwhile, so the loop asks again. Yes: %s.", r.New.Name)
	case r.Errno == syscall.EAGAIN && accepted > 0:
		return "The loop asks once more, for several may wait and one event stands for all. EAGAIN: the queue is empty now."
	case r.Errno == syscall.EAGAIN:
		return "EAGAIN: nobody waits; another loop, or nobody, has that connection now."
	case r.Errno == syscall.EMFILE, r.Errno == syscall.ENFILE:
		return "There are no descriptors left. The client waits in the kernel's queue; accepting pauses, or the loop would spin."
	}
	return "This connection failed before it was accepted. That is its own affair; the loop goes on."
}

// read explains a read, also of the waker.
func (e *Explainer) read(r *trace.Record) string {
	if r.On.Kind == trace.Waker {
		return "The loop empties the waker, or it would stay readable and end every wait. Then it runs what was posted."
	}
	c := e.conn(r.On.FD)
	why := e.whyRead(r, c)
	switch {
	case r.Errno == syscall.EAGAIN && c.edge:
		return why + " EAGAIN: empty. From here on the kernel will report the next change."
	case r.Errno == syscall.EAGAIN:
		return why + " EAGAIN: there is nothing to read now, and the socket does not block to wait for some."
	case r.Errno == syscall.ECONNRESET:
		return why + " ECONNRESET: the peer has reset the connection; what was under way is lost, and there is no end of file."
	case r.Errno != 0:
		return why + " The connection is broken."
	case r.Result == 0:
		return why + " 0 is the end of file: the peer sends no more."
	case r.Result >= r.Size:
		return why + fmt.Sprintf(" All %d bytes of the buffer are filled: there may be more.", r.Size)
	case c.edge:
		return why + " It was less than the buffer holds, but an end that came with it is not reported again: read until EAGAIN."
	case hungUp(r.Ready):
		return why + " The end of file is behind it, as the wait said: the next read finds it, and saves a turn."
	}
	return why + " Fewer bytes than the buffer holds: the socket is empty, and no second read is needed."
}

func (e *Explainer) whyRead(r *trace.Record, c *conn) string {
	again := c.turn == r.Turn && r.Turn > 0
	switch {
	case again && c.filled:
		return "The last read filled the buffer, so there may be more."
	case again && c.edge:
		return "Edge-triggered: read again, until EAGAIN."
	case again && hungUp(r.Ready):
		return "The peer has hung up, so the end must be next."
	case r.Ready == "":
		return "Before it closes the socket the loop looks whether something is unread: closing over that would reset the peer."
	}
	return fmt.Sprintf("The wait said that %s is readable.", r.On.Name)
}

// hungUp reports whether the bits of a wait say that the peer has.
func hungUp(bits string) bool {
	return strings.Contains(bits, "HUP") || strings.Contains(bits, "EOF")
}

// write explains a write, also to the waker.
func (e *Explainer) write(r *trace.Record) string {
	if r.On.Kind == trace.Waker {
		if r.Loop > 0 {
			return "This loop has posted a function, to itself or to another: 8 bytes to that one's " + e.waker() + " keep its next wait from blocking."
		}
		return "Another goroutine has something for the loop, which may be asleep: 8 bytes to its " + e.waker() + " make that readable."
	}
	c := e.conn(r.On.FD)
	why := "The handler's answer goes out when its callback is over, in one call however many writes it made."
	switch {
	case c.wrote == r.Turn && r.Turn > 0 && c.edge:
		why = "Edge-triggered: write again, until EAGAIN or until all is gone."
	case c.full && (strings.Contains(r.Ready, "OUT") || strings.Contains(r.Ready, "WRITE") || strings.Contains(r.Ready, "w")):
		why = "There is room again, so the rest of what waits is tried."
	case c.full:
		why = "Some output still waits; the loop tries it."
	case r.Phase == trace.Flush && r.Ready == "":
		why = "A timer or a posted function has written something, which goes out now."
	}
	switch {
	case r.Errno == syscall.EAGAIN && c.edge:
		return why + " EAGAIN: the socket is full. Its turning writable again will be reported, as an edge."
	case r.Errno == syscall.EAGAIN:
		return why + " EAGAIN: the socket is full. What is left waits until the kernel says that there is room."
	case r.Errno == syscall.EPIPE, r.Errno == syscall.ECONNRESET:
		return why + " The peer is gone, and nobody will read it."
	case r.Errno != 0:
		return why + " The connection is broken."
	case r.Result < r.Size && c.edge:
		return why + fmt.Sprintf(" Only %d of %d bytes: the socket is nearly full. Edge-triggered, it writes until EAGAIN.", r.Result, r.Size)
	case r.Result < r.Size:
		return why + " The kernel took only a part: the socket is full, so a second write is not even tried. The rest waits."
	}
	return why + " The kernel took all of it; that does not mean that the peer has it."
}

// waker is what the wakers are.
func (e *Explainer) waker() string {
	if e.pipes {
		return "pipe"
	}
	return "eventfd"
}

// close explains a close.
func (e *Explainer) close(r *trace.Record) string {
	switch r.On.Kind {
	case trace.Conn:
		return fmt.Sprintf("Only now, at the end of the turn, is %s closed: earlier, its number could be a new connection's while old events of it wait in the batch.", r.On.Name)
	case trace.Listener:
		return "The listener is closed: clients are refused from now on."
	case trace.Epoll, trace.Kqueue:
		return "The loop has ended. With its descriptor the kernel forgets the whole interest table."
	case trace.Waker:
		return "The loop has ended, and nobody will wake it any more."
	case trace.Spare:
		return "The spare descriptor is given back."
	}
	return "It is not needed any more."
}
