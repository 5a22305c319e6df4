//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package explain

import (
	"fmt"
	"slices"
	"strings"

	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/internal/sys"
)

// wait explains a wait: why it may block or not, and what it found.
func (e *Explainer) wait(r *trace.Record) string {
	return e.whyWait(r) + " " + e.found(r)
}

func (e *Explainer) whyWait(r *trace.Record) string {
	whole := ""
	switch r.Op {
	case sys.OpPoll:
		whole = fmt.Sprintf(" It passes its whole table, %s, for poll remembers nothing.", entries(len(r.Asked)))
	case sys.OpSelect:
		whole = " It passes its whole table as bitmaps, and the kernel asks each descriptor in them."
	}
	switch t := e.turn(r); {
	case r.Timeout == 0 && t.several:
		return "The last wait found several at once, so there may be more by now: the loop asks without waiting." + whole
	case r.Timeout == 0 && e.fair:
		return "The loop asks without waiting; to wait, it parks in Go's own poller, whose calls are not shown." + whole
	case r.Timeout == 0:
		return "There is something else to do already, so the loop only asks, without waiting." + whole
	case r.Timeout == forever:
		return "Nothing is left to do: the loop sleeps until a descriptor is ready." + whole
	}
	return "The loop sleeps until a descriptor is ready, but no longer than until its next timer." + whole
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// found says what the answer means.
func (e *Explainer) found(r *trace.Record) string {
	switch {
	case r.Errno != 0:
		return "The wait failed."
	case r.Result == 0 && r.Timeout == 0:
		return "Nothing is ready."
	case r.Result == 0:
		return "Time is over and nothing was ready: a timer is due."
	}
	var said []string
	for _, f := range r.Found {
		s := ready(f)
		if !slices.Contains(said, s) {
			said = append(said, s)
		}
	}
	const most = 4
	if more := len(said) - most; more > 0 {
		said = append(said[:most], fmt.Sprintf("and so on for %d more", more))
	}
	text := strings.Join(said, "; ")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// ready says what the kernel's bits of one descriptor mean.
func ready(f trace.Ready) string {
	switch f.Kind {
	case trace.Waker:
		return "the waker was written to: another goroutine wants the loop's attention"
	case trace.Listener:
		return "on the listener a connection waits to be accepted"
	}
	words := strings.FieldsFunc(f.Bits, func(r rune) bool { return r == '|' })
	has := func(w string) bool { return slices.Contains(words, w) }
	var what string
	switch {
	case has("NVAL"):
		what = "is closed already, yet still in the table (NVAL)"
	case has("ERR"):
		what = "has an error waiting (ERR), which the next read tells"
	case has("RDHUP") && has("HUP"):
		what = "is closed in both directions (HUP)"
	case has("RDHUP"):
		what = "has its peer's end of file (RDHUP: the peer sends no more), perhaps with data before it"
	case has("READ") && has("EOF"):
		what = fmt.Sprintf("has its peer's end of file (EV_EOF) with %d bytes before it", f.Data)
	case has("IN") && has("OUT"):
		what = "has input and room for output"
	case has("OUT"), has("WRITE"), f.Bits == "w":
		what = "has room for output again"
	case f.Bits == "rw":
		what = "has input, or its end, and room for output"
	case has("READ"):
		what = fmt.Sprintf("has %d bytes of input", f.Data)
	case f.Bits == "r":
		what = "can be read: input, an end or an error, select does not say which"
	case has("HUP"):
		what = "has hung up (HUP)"
	case has("IN"):
		what = "has input"
	default:
		what = "is ready: " + f.Bits
	}
	return f.Name + " " + what
}
