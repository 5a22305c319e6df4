//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package explain

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/internal/sys"
)

// epollCtl explains a change of an epoll's interest table.
func (e *Explainer) epollCtl(r *trace.Record) string {
	if len(r.Asked) != 1 {
		return "The interest table is changed."
	}
	a := r.Asked[0]
	if r.Errno != 0 {
		return "The kernel refuses the change."
	}
	switch r.Verb {
	case "ADD":
		return e.added(a, strings.Contains(a.Bits, "|ET")) + live(r)
	case "DEL":
		return e.removed(a)
	}
	if strings.Contains(a.Bits, "|ET") {
		return fmt.Sprintf("Output for %s waits for room: OUT is asked for, and may stay. An edge that does not come costs nothing.", a.Name)
	}
	c, now := e.conn(a.FD), strings.Split(a.Bits, "|")
	if c.ended && c.in && !slices.Contains(now, "IN") {
		return inputOver(a.Name)
	}
	return modified(a.Name, c.in, c.out, slices.Contains(now, "IN"), slices.Contains(now, "OUT"))
}

// watch takes in a change of what c is watched for.
func (c *conn) watch(r *trace.Record, bits []string) {
	on := r.Verb != "DEL" && !slices.Contains(bits, "DELETE")
	if r.Errno != 0 && (on || r.Errno != syscall.ENOENT) {
		return // all is as before
	}
	if r.Op == sys.OpKevent { // each filter by itself
		if slices.Contains(bits, "WRITE") {
			c.out = on
		} else {
			c.in = on
		}
	} else {
		c.in, c.out = on && slices.Contains(bits, "IN"), on && slices.Contains(bits, "OUT")
	}
	c.edge = slices.Contains(bits, "ET") || slices.Contains(bits, "CLEAR")
}

// kevent explains a change of a kqueue's table.
func (e *Explainer) kevent(r *trace.Record) string {
	if len(r.Asked) != 1 {
		return "The interest table is changed."
	}
	a := r.Asked[0]
	if r.Errno == syscall.ENOENT {
		return "The filter was gone already."
	}
	if r.Errno != 0 {
		return "The kernel refuses the change."
	}
	c, write := e.conn(a.FD), strings.HasPrefix(a.Bits, "WRITE")
	if strings.Contains(a.Bits, "DELETE") {
		return e.filterGone(a, c, write)
	}
	switch {
	case write && c.in:
		return fmt.Sprintf("Output for %s waits for room: a second filter, for writing, asks to be told.", a.Name)
	case write && a.Kind == trace.Conn:
		return fmt.Sprintf("Output for %s waits for room: a filter for writing asks to be told.", a.Name)
	case !write && c.out:
		return modified(a.Name, c.in, true, true, true)
	}
	return e.added(a, strings.Contains(a.Bits, "CLEAR")) + live(r)
}

// filterGone explains the end of one of the two filters that a connection may have: it
// leaves the table with the last of them.
func (e *Explainer) filterGone(a trace.Ready, c *conn, write bool) string {
	switch stays := write && c.in || !write && c.out; {
	case !stays, c.failed:
		return e.removed(a)
	case write:
		return fmt.Sprintf("Nothing waits to be sent to %s any more: its write filter goes, or it would end every wait.", a.Name)
	case c.ended:
		return inputOver(a.Name)
	}
	return modified(a.Name, true, true, false, true)
}

// live says what a change by another goroutine means to a wait that may be going on.
func live(r *trace.Record) string {
	if r.Phase == trace.Outside {
		return " The kernel heeds the change at once, even while the loop sleeps."
	}
	return ""
}

// added explains an entry that is new in the table.
func (e *Explainer) added(a trace.Ready, edge bool) string {
	switch a.Kind {
	case trace.Waker:
		return "First of all the loop watches its waker, so that other goroutines can end its waits."
	case trace.Listener:
		return "The listener goes into the interest table: it is readable when a client has connected."
	case trace.Datagram:
		return "The socket goes into the interest table: it is readable when a datagram has come."
	case trace.Conn, trace.Dialed:
		switch {
		case edge:
			return fmt.Sprintf("%s goes into the interest table, once. ET: each change is reported once, and not as long as it lasts.", upper(a.Name))
		case strings.Contains(a.Bits, "RDHUP"):
			return fmt.Sprintf("%s goes into the interest table, once; no wait has to name it again. RDHUP asks to be told of the peer's end apart from data.", upper(a.Name))
		}
		return fmt.Sprintf("%s goes into the interest table, once; no wait has to name it again.", upper(a.Name))
	}
	return fmt.Sprintf("%s goes into the interest table.", upper(a.Name))
}

// removed explains an entry that is taken out.
func (e *Explainer) removed(a trace.Ready) string {
	c := e.conn(a.FD)
	switch {
	case a.Kind == trace.Listener:
		return "The server ends: it accepts no more."
	case c.failed:
		return fmt.Sprintf("%s is broken: out of the interest table with it, so that nothing more is reported of it.", upper(a.Name))
	case c.ended:
		return fmt.Sprintf("%s has come to its end: out of the interest table with it, before it is closed.", upper(a.Name))
	}
	return fmt.Sprintf("%s leaves the interest table: the loop wants to hear no more of it.", upper(a.Name))
}

// modified explains a change from one interest to another.
func modified(name string, in, out, wantIn, wantOut bool) string {
	switch {
	case wantOut && !out && in && !wantIn:
		return fmt.Sprintf("%s has no room, and so much waits for it that its input is not read any more: tell me of room only.", upper(name))
	case wantOut && !out:
		return fmt.Sprintf("Output for %s waits for room: from now on OUT is asked for too. Earlier it would have ended every wait, for there was room.", name)
	case !wantOut && out:
		return fmt.Sprintf("Nothing waits to be sent to %s any more: OUT goes, or it would end every wait from now on.", name)
	case wantIn && !in:
		return fmt.Sprintf("Enough of the output is gone: input of %s is read again.", name)
	case in && !wantIn:
		return fmt.Sprintf("Input of %s is not wanted for now; it stays with the kernel, which in time stops the peer.", name)
	}
	return fmt.Sprintf("What is asked of %s changes.", name)
}

// inputOver explains why a connection that has sent its end, and for which output waits,
// is watched for room only.
func inputOver(name string) string {
	return fmt.Sprintf("The end of %s was read, and would be reported again by every wait: from now on it is watched for room only.", name)
}

// upper is a text that begins a sentence.
func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
