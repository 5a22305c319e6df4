//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package trace

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// Style says how calls are written.
type Style struct {
	// Stable leaves out what is another in each run: numbers of descriptors, ports,
	// how long a wait is to last. Lists it shows to their end.
	Stable bool
}

// Call is the call with its arguments, in strace's manner: read(8<conn 1>, 65536).
func (s Style) Call(r *Record) string {
	return s.Name(r) + "(" + s.args(r) + ")"
}

// Line is Call with what it returned.
func (s Style) Line(r *Record) string { return s.Call(r) + " = " + s.Result(r) }

// Result is what the call returned: 12, -1 EAGAIN, 1 [8<conn 1>: IN].
func (s Style) Result(r *Record) string {
	switch {
	case r.Errno != 0:
		name := unix.ErrnoName(r.Errno)
		if name == "" {
			name = fmt.Sprintf("errno %d", int(r.Errno))
		}
		return "-1 " + name
	case r.New != nil && r.Out != "" && r.Out != nowhere:
		return s.ref(*r.New) + " [" + s.address(r.Out) + "]"
	case r.New != nil:
		return s.ref(*r.New)
	case len(r.Found) > 0:
		return fmt.Sprintf("%d [%s]", r.Result, s.list(r.Found, true))
	case r.Op == sys.OpGetsockname || r.Op == sys.OpGetpeername:
		return fmt.Sprintf("%d [%s]", r.Result, s.address(r.Out))
	case r.Op == sys.OpIoctl && s.Stable:
		return "0 [N]"
	case r.Out != "" && r.Found == nil:
		return fmt.Sprintf("%d [%s]", r.Result, r.Out)
	}
	return fmt.Sprint(r.Result)
}

// Name is the kernel's name of the call: on Linux some of internal/sys are others.
func (s Style) Name(r *Record) string {
	if name := kernelNames[r.Op]; name != "" {
		return name
	}
	return string(r.Op)
}

func (s Style) args(r *Record) string {
	switch {
	case r.Op == opEpollCtl && len(r.Asked) == 1:
		a := r.Asked[0]
		if r.Verb == "DEL" {
			return fmt.Sprintf("%s, DEL, %s", s.ref(r.On), s.ref(a.Ref))
		}
		return fmt.Sprintf("%s, %s, %s, %s", s.ref(r.On), r.Verb, s.ref(a.Ref), a.Bits)
	case r.Op == opEpollPwait || r.Op == opEpollPwait2:
		return fmt.Sprintf("%s, %d events, %s", s.ref(r.On), r.Size, s.timeout(r.Timeout))
	case r.Op == sys.OpPoll:
		return fmt.Sprintf("[%s], %s", s.list(r.Asked, false), s.timeout(r.Timeout))
	case r.Op == sys.OpSelect:
		return s.sets(r)
	case r.Op == sys.OpKevent && r.Size == 0:
		return fmt.Sprintf("%s, [%s]", s.ref(r.On), s.list(r.Asked, false))
	case r.Op == sys.OpKevent:
		return fmt.Sprintf("%s, %d events, %s", s.ref(r.On), r.Size, s.timeout(r.Timeout))
	}
	args := r.Args
	switch r.Op {
	case sys.OpSetsockopt, sys.OpGetsockopt:
		args = OptionName(args)
	case sys.OpBind, sys.OpConnect:
		args = s.address(args)
	}
	switch {
	case r.On.FD < 0:
		return args
	case args == "":
		return s.ref(r.On)
	}
	return s.ref(r.On) + ", " + args
}

// sets are the arguments of a select.
func (s Style) sets(r *Record) string {
	text := fmt.Sprintf("%d", r.Size)
	if s.Stable {
		text = "N"
	}
	for _, set := range []struct{ bit, name string }{{"r", "read"}, {"w", "write"}, {"x", "except"}} {
		var in []string
		more := 0
		for _, a := range r.Asked {
			switch {
			case !strings.Contains(a.Bits, set.bit):
			case len(in) < most || s.Stable:
				in = append(in, s.ref(a.Ref))
			default:
				more++
			}
		}
		text += fmt.Sprintf(", %s [%s%s]", set.name, strings.Join(in, " "), andMore(more))
	}
	return text + ", " + s.timeout(r.Timeout)
}

// list is what a wait or a change is about. counts: kqueue's data belongs to it.
func (s Style) list(list []Ready, counts bool) string {
	shown := list
	if !s.Stable {
		shown = list[:min(len(list), most)]
	}
	var out []string
	for _, a := range shown {
		text := s.ref(a.Ref) + ": " + a.Bits
		// What a socket has room for is another number in each run.
		if write := strings.HasPrefix(a.Bits, "WRITE"); counts && a.Data != 0 && !(write && s.Stable) {
			text += fmt.Sprintf(" data %d", a.Data)
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ") + andMore(len(list)-len(shown))
}

// most is how many descriptors of a list are shown: each poll has the whole table in
// its own, be there ever so many clients.
const most = 16

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" … and %d more", n)
}

func (s Style) ref(r Ref) string {
	switch {
	case s.Stable && r.Kind == Other:
		return "<fd>"
	case s.Stable:
		return "<" + r.Name + ">"
	case r.Kind == Other && !strings.HasPrefix(r.Name, "copy"):
		return fmt.Sprint(r.FD)
	}
	return fmt.Sprintf("%d<%s>", r.FD, r.Name)
}

func (s Style) timeout(d time.Duration) string {
	switch {
	case d == forever:
		return "forever"
	case d == 0:
		return "0"
	case s.Stable:
		return "TIME"
	}
	return d.String()
}

// nowhere is what internal/sys says of a peer that has no internet address.
const nowhere = "invalid AddrPort"

// port is what the kernel chooses of an address, or the number of the process in a name.
var port = regexp.MustCompile(`:[1-9]\d*$|-\d+"$`)

func (s Style) address(a string) string {
	if s.Stable {
		if strings.HasSuffix(a, `"`) {
			return port.ReplaceAllString(a, `-PID"`)
		}
		return port.ReplaceAllString(a, ":PORT")
	}
	return a
}

// OptionName turns "1, 2, 1" into SOL_SOCKET, SO_REUSEADDR, 1.
func OptionName(args string) string {
	level, rest, _ := strings.Cut(args, ", ")
	option, value, _ := strings.Cut(rest, ", ")
	name, known := optionNames[level+" "+option]
	if !known {
		return args
	}
	if value != "" {
		name += ", " + value
	}
	return name
}
