//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package compare

import (
	"fmt"
	"strings"

	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/internal/sys"
)

// cell is a call, short enough to stand beside those of other backends.
type cell struct {
	kind    kind
	key     string // the same for calls that stand in one row
	outcome string // what came of it, in words that all backends share
	text    string
}

// kind is what a call is for, whatever its name.
type kind string

const (
	waits   kind = "waits"
	watches kind = "changes of the table" // told to the kernel
	checks  kind = "checks of a number"
	accepts kind = "accepts"
	reads   kind = "reads"
	writes  kind = "writes"
	closes  kind = "closes"
	wakes   kind = "wake-ups"
	others  kind = "others"
)

var kinds = []kind{waits, watches, checks, accepts, reads, writes, wakes, closes, others}

func newCell(r *trace.Record) cell {
	style := trace.Style{Stable: true}
	name := style.Name(r)
	c := cell{kind: others, key: name + " " + r.On.Name, outcome: result(r)}
	c.text = strings.TrimSpace(name+" "+r.On.Name) + " " + arrow(c.outcome)
	switch {
	case r.Wait:
		c.kind, c.key = waits, "wait"
		c.outcome = found(r, false)
		c.text = name + entries(r) + " " + arrow(found(r, true))
	case r.Op == "epoll_ctl" && len(r.Asked) == 1:
		c.kind, c.key = watches, "watch "+r.Asked[0].Name
		c.text = fmt.Sprintf("%s %s %s", name, r.Verb, r.Asked[0].Name)
		if r.Verb != "DEL" {
			c.text += " " + r.Asked[0].Bits
		}
	case r.Op == sys.OpKevent && len(r.Asked) == 1:
		c.kind, c.key = watches, "watch "+r.Asked[0].Name
		c.text = fmt.Sprintf("%s %s %s", name, r.Asked[0].Name, r.Asked[0].Bits)
	case r.Op == sys.OpFcntl:
		c.kind, c.key = checks, "watch "+r.On.Name
		c.text = fmt.Sprintf("%s %s", name, r.On.Name)
		c.outcome = "0" // as that of the call which it stands for
	case r.Op == sys.OpAccept:
		c.kind = accepts
	case r.Op == sys.OpRead && r.On.Kind == trace.Waker, r.Op == sys.OpWrite && r.On.Kind == trace.Waker:
		c.kind = wakes
	case r.Op == sys.OpRead, r.Op == sys.OpRecvfrom:
		c.kind = reads
	case r.Op == sys.OpWrite, r.Op == sys.OpWritev:
		c.kind, c.key = writes, "write "+r.On.Name
	case r.Op == sys.OpClose:
		c.kind = closes
		if r.On.Kind == trace.Epoll || r.On.Kind == trace.Kqueue {
			c.key = "close table"
		}
	case r.Op == "epoll_create1", r.Op == sys.OpKqueue, r.Op == sys.OpPoll, r.Op == sys.OpSelect:
		if len(r.Asked) == 0 {
			c.key = "open table"
		} else {
			c.key, c.text = "ask", name+" "+r.Asked[0].Name+" "+arrow(found(r, true))
		}
	}
	return c
}

// entries is how much of a table goes with a wait.
func entries(r *trace.Record) string {
	if r.Op == sys.OpPoll || r.Op == sys.OpSelect {
		return fmt.Sprintf("(%d)", len(r.Asked))
	}
	return ""
}

func arrow(what string) string { return "→ " + what }

// result is what a call returned.
func result(r *trace.Record) string {
	switch {
	case r.Errno != 0:
		return strings.TrimPrefix(trace.Style{Stable: true}.Result(r), "-1 ")
	case r.New != nil:
		return r.New.Name
	}
	return fmt.Sprint(r.Result)
}

// found is what a wait found, with the kernel's bits or without.
func found(r *trace.Record, bits bool) string {
	if r.Errno != 0 || len(r.Found) == 0 {
		return result(r)
	}
	const few = 2
	var list []string
	for _, f := range r.Found {
		text := f.Name
		if bits {
			text += " " + f.Bits
		}
		list = append(list, text)
	}
	if len(list) > few && bits {
		return fmt.Sprintf("%d: %s, …", len(list), list[0])
	}
	return strings.Join(list, ", ")
}
