//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package explain

import (
	"fmt"
	"strings"
	"syscall"

	"example.com/iomux/cmd/internal/study/trace"
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
	now, before := strings.Split(a.Bits, "|"), strings.Split(e.conn(a.FD).watching, "|")
	if strings.Contains(a.Bits, "|ET") {
		return fmt.Sprintf("Output for %s waits for room: OUT is asked for, and may stay. An edge that does not come costs nothing.", a.Name)
	}
	return modified(a.Name, has(before, "IN"), has(before, "OUT"), has(now, "IN"), has(now, "OUT"))
}

func has(words []string, w string) bool {
	for _, x := range words {
		if x == w {
			return true
		}
	}
	return false
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
	write := strings.HasPrefix(a.Bits, "WRITE")
	switch del := strings.Contains(a.Bits, "DELETE"); {
	case write && del:
		return fmt.Sprintf("Nothing waits to be sent to %s any more: its write filter goes, or it would end every wait.", a.Name)
	case write:
		return fmt.Sprintf("Output for %s waits for room: a second filter, for writing, asks to be told.", a.Name)
	case del:
		return e.removed(a)
	}
	return e.added(a, strings.Contains(a.Bits, "CLEAR")) + live(r)
}

// live says what a change by another goroutine means to the wait that goes on.
func live(r *trace.Record) string {
	if r.Phase == trace.Outside {
		return " The loop sleeps meanwhile, and the kernel heeds the change all the same."
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

// upper is a text that begins a sentence.
func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
