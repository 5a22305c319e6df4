//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package experiment

import (
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/cmd/internal/study/scenario"
	"example.com/iomux/internal/sys"
)

var kqueue = Experiment{
	Name:    "kqueue",
	Shows:   "a filter for each direction, how much there is, and the end told beside the data",
	Expects: "data counted 5 bytes; two events for one socket, which iomux.Poller merged into one; EV_EOF came with data 5",
	run: func(l *lab) string {
		l.later(scenario.Kqueue.Prepare())
		l.step("a queue, and one filter: a is to be readable")
		if scenario.Kqueue.Simulated() {
			l.note("(%s has no kqueue: internal/kqueuesim plays it here, in Go)", runtime.GOOS)
		}
		a, b := l.plainPair("a", "b")
		kq, errno := sys.NewKqueue()
		if errno != 0 {
			l.fail("kqueue: %w", errno)
		}
		l.later(func() { _ = sys.CloseKqueue(kq) })
		l.call("kqueue()", "kq")
		l.kevent(kq, []sys.Kevent{{Ident: a.fd, Filter: sys.FilterRead, Flags: sys.EvAdd}}, 0)

		l.step("5 bytes come: the event says how many there are to read")
		l.plainSend(b, "hello")
		read := l.kevent(kq, nil, 8)

		l.step("a filter of its own for writing: it is added by the very call that waits")
		both := l.kevent(kq, []sys.Kevent{{Ident: a.fd, Filter: sys.FilterWrite, Flags: sys.EvAdd}}, 8)

		l.step("the same asked of iomux.Poller, which reports each descriptor once")
		merged := l.pollerWait(iomux.Kqueue, a)

		l.step("b is closed, and the 5 bytes are unread still: one event has both the end and the data")
		l.must("close", unix.Close(b.fd))
		l.disown(b)
		l.call("close(b)", "0")
		end := l.kevent(kq, []sys.Kevent{{Ident: a.fd, Filter: sys.FilterWrite, Flags: sys.EvDelete}}, 8)
		counted, eof := -1, "no event"
		if len(read) == 1 {
			counted = int(read[0].Data)
		}
		if len(end) == 1 && end[0].Flags&sys.EvEOF != 0 {
			eof = fmt.Sprintf("EV_EOF came with data %d", end[0].Data)
		}
		many := map[int]string{1: "one", 2: "two"}
		return fmt.Sprintf("data counted %d bytes; %s events for one socket, which iomux.Poller merged into %s; %s",
			counted, many[len(both)], many[len(merged)], eof)
	},
}

// plainPair is a pair of sockets, as all systems can make it.
func (l *lab) plainPair(a, b string) (file, file) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	l.must("socketpair", err)
	l.call("socketpair(AF_UNIX, SOCK_STREAM, 0, ["+a+", "+b+"])", "0")
	return l.own(fds[0], a), l.own(fds[1], b)
}

// plainSend writes a short text, which must be taken.
func (l *lab) plainSend(f file, text string) {
	n, err := unix.Write(f.fd, []byte(text))
	l.must("write", err)
	l.call(fmt.Sprintf("write(%s, %q, %d)", f.name, text, len(text)), number(n, err))
}

// kevent is kevent(2) with room for size events; it does not wait.
func (l *lab) kevent(kq int, changes []sys.Kevent, size int) []sys.Kevent {
	events := make([]sys.Kevent, size)
	n, errno := sys.KeventWait(kq, changes, events, 0)
	if errno != 0 {
		l.fail("kevent: %w", errno)
	}
	asked := "NULL"
	if len(changes) > 0 {
		asked = l.keventList(changes, false)
	}
	answer := fmt.Sprint(n)
	if n > 0 {
		answer += ": " + l.keventList(events[:n], true)
	}
	l.call(fmt.Sprintf("kevent(kq, %s, %d, events, %d, {0})", asked, len(changes), size), answer)
	return events[:n]
}

// keventList is how a list is written down. How much room there is to write is left
// out, for systems differ in that.
func (l *lab) keventList(list []sys.Kevent, found bool) string {
	var words []string
	for _, e := range list {
		text := "?"
		for _, f := range l.open {
			if f.fd == e.Ident {
				text = f.name
			}
		}
		filter := "EVFILT_READ"
		if e.Filter == sys.FilterWrite {
			filter = "EVFILT_WRITE"
		}
		text += " " + filter
		for _, f := range []struct {
			flag sys.KFlags
			name string
		}{{sys.EvAdd, "EV_ADD"}, {sys.EvDelete, "EV_DELETE"}, {sys.EvEOF, "EV_EOF"}} {
			if e.Flags&f.flag != 0 && (!found || f.flag == sys.EvEOF) {
				text += " " + f.name
			}
		}
		if found && e.Filter == sys.FilterRead {
			text += fmt.Sprintf(" data=%d", e.Data)
		}
		words = append(words, "{"+text+"}")
	}
	return strings.Join(words, ", ")
}

// pollerWait asks a poller of iomux about both directions of f.
func (l *lab) pollerWait(b iomux.Backend, f file) []iomux.Ready {
	p, err := iomux.Open(b)
	l.must("iomux.Open", err)
	defer p.Close()
	interest := iomux.Readable | iomux.Writable
	l.must("Update", p.Update(f.fd, 0, interest))
	l.call(fmt.Sprintf("Update(%s, 0, %v)", f.name, interest), "nil")
	ready := make([]iomux.Ready, 8)
	n, err := p.Wait(ready, 0)
	l.must("Wait", err)
	answer := fmt.Sprint(n)
	for i := range n {
		answer += fmt.Sprintf(": %s %v", f.name, ready[i].Events)
	}
	l.call("Wait(ready, 0)", answer)
	return ready[:n]
}
