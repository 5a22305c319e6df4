//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package trace

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/iomux/internal/sys"
)

// tape is a recorder and what it has handed on.
type tape struct {
	*Recorder
	list []*Record
}

func newTape() *tape {
	t := &tape{}
	t.Recorder = New(func(r *Record) { t.list = append(t.list, r) }, nil)
	return t
}

// call tells the recorder of a whole call.
func (t *tape) call(c sys.Call) {
	t.begin(&c)
	t.end(&c)
}

// lines are the records, in the stable style, each behind its phase.
func (t *tape) lines() (list []string) {
	for _, r := range t.list {
		if r.Note != "" {
			list = append(list, "» "+r.Note)
			continue
		}
		list = append(list, fmt.Sprintf("%s%s %s", strings.Repeat("> ", r.Depth), r.Phase, Style{Stable: true}.Line(r)))
	}
	return list
}

func (t *tape) want(test *testing.T, want ...string) {
	test.Helper()
	if got := t.lines(); !reflect.DeepEqual(got, want) {
		test.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	t.list = nil
}

// elsewhere runs f on another goroutine.
func elsewhere(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func watch(fd int, bits string) []sys.Watch { return []sys.Watch{{FD: fd, Bits: bits}} }

// opened is a tape on which another goroutine has made an epoll 3, a waker 4 and a
// listener 5.
func opened() *tape {
	t := newTape()
	elsewhere(func() {
		t.call(sys.Call{Op: "epoll_create1", FD: -1, Args: "CLOEXEC", Result: 3})
		t.call(sys.Call{Op: "eventfd2", FD: -1, Args: "0", Result: 4})
		t.call(sys.Call{Op: sys.OpSocket, FD: -1, Args: "INET, STREAM", Result: 5})
		t.call(sys.Call{Op: sys.OpListen, FD: 5, Args: "128"})
	})
	t.list = nil
	return t
}

func wait(found ...sys.Watch) sys.Call {
	return sys.Call{Op: "epoll_pwait", FD: 3, Size: 512, Timeout: forever, Result: len(found), Found: found}
}

func accept(fd int) sys.Call {
	return sys.Call{Op: sys.OpAccept, FD: 5, Args: "NONBLOCK", Result: fd, Out: "127.0.0.1:4711"}
}

// A number that is closed and comes back is another connection.
func TestNamesAcrossReuse(t *testing.T) {
	p := opened()
	p.call(wait(sys.Watch{FD: 5, Bits: "IN"}))
	p.call(accept(7))
	p.call(sys.Call{Op: sys.OpRead, FD: 7, Args: "10", Size: 10, Result: 3})
	p.call(sys.Call{Op: sys.OpClose, FD: 7})
	p.call(accept(7))
	p.call(sys.Call{Op: sys.OpRead, FD: 7, Args: "10", Size: 10, Result: -1, Errno: syscall.EAGAIN})
	p.call(sys.Call{Op: sys.OpClose, FD: 7, Result: -1, Errno: syscall.EIO}) // it is gone all the same
	p.call(sys.Call{Op: sys.OpRead, FD: 7, Args: "10", Size: 10, Result: -1, Errno: syscall.EBADF})
	p.want(t,
		"wait epoll_pwait(<epoll>, 512 events, forever) = 1 [<listener>: IN]",
		"dispatch "+acceptName+"(<listener>, NONBLOCK) = <conn 1> [127.0.0.1:PORT]",
		"dispatch read(<conn 1>, 10) = 3",
		"close close(<conn 1>) = 0",
		"dispatch "+acceptName+"(<listener>, NONBLOCK) = <conn 2> [127.0.0.1:PORT]",
		"dispatch read(<conn 2>, 10) = -1 EAGAIN",
		"close close(<conn 2>) = -1 EIO",
		"dispatch read(<fd>, 10) = -1 EBADF",
	)
}

var acceptName = Style{}.Name(&Record{Op: sys.OpAccept})

// The phase is told from what the wait has found, and who makes the call.
func TestPhases(t *testing.T) {
	p := newTape()
	elsewhere(func() {
		p.call(sys.Call{Op: "epoll_create1", FD: -1, Args: "CLOEXEC", Result: 3})
		p.call(sys.Call{Op: "eventfd2", FD: -1, Args: "0", Result: 4})
	})
	p.call(wait(sys.Watch{FD: 4, Bits: "IN"}))
	p.call(sys.Call{Op: sys.OpRead, FD: 4, Args: "64", Size: 64, Result: 8})
	p.call(sys.Call{Op: "epoll_ctl", FD: 3, Verb: "MOD", Asked: watch(9, "OUT")})
	p.call(sys.Call{Op: "epoll_pwait2", FD: 3, Size: 512, Timeout: time.Second})
	p.call(sys.Call{Op: "epoll_ctl", FD: 3, Verb: "MOD", Asked: watch(9, "IN")})
	p.call(sys.Call{Op: sys.OpWrite, FD: 9, Args: "5", Size: 5, Result: 5})
	p.call(wait(sys.Watch{FD: 9, Bits: "IN"}))
	p.call(sys.Call{Op: "epoll_ctl", FD: 3, Verb: "DEL", Asked: watch(9, "")})
	elsewhere(func() { p.call(sys.Call{Op: sys.OpClose, FD: 9}) })
	p.want(t,
		"setup epoll_create1(CLOEXEC) = <epoll>",
		"setup eventfd2(0) = <waker>",
		"wait epoll_pwait(<epoll>, 512 events, forever) = 1 [<waker>: IN]",
		"wait read(<waker>, 64) = 8",
		"posted epoll_ctl(<epoll>, MOD, <fd>, OUT) = 0",
		"wait epoll_pwait2(<epoll>, 512 events, TIME) = 0",
		"timers epoll_ctl(<epoll>, MOD, <fd>, IN) = 0",
		"flush write(<fd>, 5) = 5",
		"wait epoll_pwait(<epoll>, 512 events, forever) = 1 [<fd>: IN]",
		"dispatch epoll_ctl(<epoll>, DEL, <fd>) = 0",
		"outside close(<fd>) = 0",
	)
}

// The write that ends a wait comes before it, even if it returns later.
func TestTheWakeUpComesBeforeWhatItWakes(t *testing.T) {
	p := opened()
	w, look := wait(sys.Watch{FD: 4, Bits: "IN"}), wait()
	p.begin(&w)
	write := sys.Call{Op: sys.OpWrite, FD: 4, Args: "8", Size: 8, Result: 8}
	began, end, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		p.begin(&write)
		close(began)
		<-end
		p.end(&write)
	}()
	<-began
	p.end(&w)
	p.call(sys.Call{Op: sys.OpRead, FD: 4, Args: "64", Size: 64, Result: 8})
	look.Timeout = 0
	p.call(look)
	if len(p.list) > 0 {
		t.Errorf("handed on before the write has ended: %q", p.lines())
	}
	close(end)
	<-over
	p.want(t,
		"outside write(<waker>, 8) = 8",
		"wait epoll_pwait(<epoll>, 512 events, forever) = 1 [<waker>: IN]",
		"wait read(<waker>, 64) = 8",
		"wait epoll_pwait(<epoll>, 512 events, 0) = 0",
	)
}

// The calls of what plays the kernel come behind the call that they stand for, and make
// no names and no turns.
func TestNested(t *testing.T) {
	p := newTape()
	open := sys.Call{Op: sys.OpKqueue, FD: -1, Result: 3}
	p.begin(&open)
	p.call(sys.Call{Op: "eventfd2", FD: -1, Args: "0", Result: 3})
	p.end(&open)
	p.call(sys.Call{Op: "eventfd2", FD: -1, Args: "0", Result: 4})
	w := sys.Call{Op: sys.OpKevent, FD: 3, Size: 16, Timeout: forever, Result: 1, Found: []sys.Watch{{FD: 4, Bits: "READ", Data: 1}}}
	p.begin(&w)
	p.call(sys.Call{Op: sys.OpPoll, FD: -1, Size: 2, Timeout: forever, Result: 1,
		Asked: []sys.Watch{{FD: 3, Bits: "IN"}, {FD: 4, Bits: "IN"}}, Found: watch(4, "IN")})
	p.end(&w)
	if last := p.list[len(p.list)-1]; last.Turn != 1 || last.Loop != 1 || last.Depth != 1 || last.Wait {
		t.Errorf("%+v", last)
	}
	end := sys.Call{Op: sys.OpClose, FD: 3}
	p.begin(&end)
	p.call(sys.Call{Op: sys.OpClose, FD: 3})
	p.end(&end)
	poll := Style{}.Name(&Record{Op: sys.OpPoll})
	p.want(t,
		"setup kqueue() = <kqueue>",
		"> setup eventfd2(0) = 3",
		"setup eventfd2(0) = <waker>",
		"wait kevent(<kqueue>, 16 events, forever) = 1 [<waker>: READ data 1]",
		"> wait "+poll+"([<kqueue>: IN, <waker>: IN], forever) = 1 [<waker>: IN]",
		"close close(<kqueue>) = 0",
		"> close close(<kqueue>) = 0",
	)
}

// A poll about one thing that is not the waker is a question, not a wait.
func TestAQuestionIsNoWait(t *testing.T) {
	p := opened()
	p.call(wait(sys.Watch{FD: 5, Bits: "IN"}))
	p.call(sys.Call{Op: sys.OpPoll, FD: -1, Size: 1, Asked: watch(5, "IN"), Result: 1, Found: watch(5, "IN")})
	if w, q := p.list[0], p.list[1]; !w.Wait || q.Wait || q.Turn != 1 || q.Phase != Waiting {
		t.Errorf("%+v, %+v", w, q)
	}
	p.call(sys.Call{Op: sys.OpPoll, FD: -1, Size: 1, Asked: watch(4, "IN"), Result: 0})
	p.call(sys.Call{Op: sys.OpPoll, FD: -1, Size: 0, Result: 0})
	if alone, probe := p.list[2], p.list[3]; !alone.Wait || alone.Turn != 2 || probe.Wait {
		t.Errorf("%+v, %+v", alone, probe)
	}
}

func TestInterestTables(t *testing.T) {
	p := opened()
	p.Tables = true
	last := func(want string) {
		t.Helper()
		r := p.list[len(p.list)-1]
		got := "unchanged"
		if r.Table != nil {
			got = ""
			for _, row := range r.Table {
				got += fmt.Sprintf("%s=%s ", row.Name, row.Bits)
			}
		}
		if got != want {
			t.Errorf("after %s: %q, want %q", Style{}.Line(r), got, want)
		}
	}
	ctl := func(verb string, fd int, bits string, e syscall.Errno) {
		p.call(sys.Call{Op: "epoll_ctl", FD: 3, Verb: verb, Asked: watch(fd, bits), Errno: e})
	}
	ctl("ADD", 4, "IN", 0)
	last("waker=IN ")
	ctl("ADD", 5, "IN", 0)
	last("waker=IN listener=IN ")
	ctl("MOD", 5, "IN|OUT", 0)
	last("waker=IN listener=IN|OUT ")
	ctl("MOD", 5, "OUT", syscall.ENOENT)
	last("unchanged")
	p.call(wait())
	last("unchanged")
	ctl("DEL", 5, "", 0)
	last("waker=IN ")
	p.call(sys.Call{Op: sys.OpClose, FD: 3})
	last("")

	change := func(fd int, bits string) { p.call(sys.Call{Op: sys.OpKevent, FD: 8, Asked: watch(fd, bits)}) }
	change(5, "WRITE|ADD")
	last("listener=WRITE ")
	change(5, "READ|ADD")
	last("listener=READ WRITE ")
	change(5, "WRITE|DELETE")
	last("listener=READ ")
	change(5, "READ|DELETE")
	last("")

	poll := func(asked ...sys.Watch) {
		p.call(sys.Call{Op: sys.OpPoll, FD: -1, Size: len(asked), Asked: asked})
	}
	poll(sys.Watch{FD: 4, Bits: "IN"}, sys.Watch{FD: 5, Bits: "IN"})
	last("waker=IN listener=IN ")
	poll(sys.Watch{FD: 4, Bits: "IN"}, sys.Watch{FD: 5, Bits: "IN"})
	last("unchanged")
	poll(sys.Watch{FD: 4, Bits: "IN"})
	last("waker=IN ")
}

// Unless they are asked for nobody pays for tables, which are as long as there are clients.
func TestNoTablesUnlessAskedFor(t *testing.T) {
	p := opened()
	for fd := range 100 {
		p.call(sys.Call{Op: "epoll_ctl", FD: 3, Verb: "ADD", Asked: watch(fd, "IN")})
		p.call(sys.Call{Op: sys.OpKevent, FD: 3, Asked: watch(fd, "READ|ADD")})
		p.call(sys.Call{Op: sys.OpPoll, FD: -1, Size: 2, Asked: []sys.Watch{{FD: 4, Bits: "IN"}, {FD: fd, Bits: "IN"}}})
	}
	for _, r := range p.list {
		if r.Table != nil {
			t.Fatalf("%s has one of %d", Style{}.Line(r), len(r.Table))
		}
	}
	if len(p.list) != 300 || len(p.tables.tables) > 0 {
		t.Errorf("%d records, and %d tables are kept", len(p.list), len(p.tables.tables))
	}
}

// A loop that parks in Go's poller looks without waiting, and finds nothing when it was a
// timer that has ended the park.
func TestTimersOfALoopThatParks(t *testing.T) {
	p := opened()
	look := wait()
	look.Timeout = 0
	p.call(look)
	p.call(sys.Call{Op: "epoll_ctl", FD: 3, Verb: "DEL", Asked: watch(7, "")})
	p.call(sys.Call{Op: sys.OpShutdown, FD: 7, Args: "1"})
	p.call(sys.Call{Op: sys.OpWrite, FD: 8, Args: "1", Size: 1, Result: 1})
	look.Found, look.Result = watch(7, "IN"), 1
	p.call(look)
	p.call(sys.Call{Op: sys.OpShutdown, FD: 7, Args: "1"})
	var phases []Phase
	for _, r := range p.list {
		phases = append(phases, r.Phase)
	}
	if want := []Phase{Waiting, Timers, Timers, Flush, Waiting, Dispatch}; !slices.Equal(phases, want) {
		t.Errorf("%q, want %q", phases, want)
	}
}

// A call that fails may have done something all the same, or have been counted before.
func TestStateAfterFailures(t *testing.T) {
	p := opened()
	p.call(wait())
	p.call(accept(7))
	p.call(accept(8))
	p.call(sys.Call{Op: sys.OpClose, FD: 7, Result: -1, Errno: syscall.EIO})
	if s := p.State(); s.Open != 1 {
		t.Errorf("after a close that failed %d connections are open, want 1", s.Open)
	}
	changed := p.changed
	p.call(sys.Call{Op: sys.OpWrite, FD: 4, Args: "8", Size: 8, Result: -1, Errno: syscall.EINTR})
	select {
	case <-changed:
	default:
		t.Error("nobody is told that the write came to nothing")
	}
	p.call(sys.Call{Op: sys.OpWrite, FD: 4, Args: "8", Size: 8, Result: 8})
	if s := p.State(); s.Wakes != 1 {
		t.Errorf("%d wakes after a write that was made again, want 1", s.Wakes)
	}
	p.call(sys.Call{Op: sys.OpRead, FD: 4, Args: "64", Size: 64, Result: 8})
	if s := p.State(); s.Wakes != 0 {
		t.Errorf("%d wakes are left", s.Wakes)
	}
}

// Await wakes for each change, and ends with its context.
func TestAwait(t *testing.T) {
	p := opened()
	quiet := func(s State) bool { return s.Waiting && s.Wakes == 0 && s.Waits == 2 }
	seen := make(chan error, 1)
	bounded, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	go func() { seen <- p.Await(bounded, quiet) }()
	signal, w := wait(), wait()
	signal.Errno, signal.Result = syscall.EINTR, -1
	p.call(signal) // begun anew it is the same wait
	p.begin(&w)
	if s := p.State(); s.Waits != 1 || !s.Waiting {
		t.Errorf("%+v", s)
	}
	write := sys.Call{Op: sys.OpWrite, FD: 4, Args: "8", Size: 8, Result: 8}
	elsewhere(func() { p.call(write) })
	w.Found, w.Result = watch(4, "IN"), 1
	p.end(&w)
	if s := p.State(); s.Wakes != 1 || s.Waiting {
		t.Errorf("%+v", s)
	}
	p.call(sys.Call{Op: sys.OpRead, FD: 4, Args: "64", Size: 64, Result: 8})
	p.call(accept(7))
	p.call(sys.Call{Op: sys.OpWrite, FD: 7, Args: "5", Size: 5, Result: 5})
	again := wait()
	p.begin(&again)
	if err := <-seen; err != nil {
		t.Error(err)
	}
	if s := p.State(); s != (State{Waits: 2, Waiting: true, Accepted: 1, Open: 1, Written: 5}) {
		t.Errorf("%+v", s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Await(ctx, func(State) bool { return false }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What goroutines leave behind is not kept for ever.
func TestManyGoroutines(t *testing.T) {
	p := opened()
	for range 100 {
		elsewhere(func() { p.call(sys.Call{Op: sys.OpGetsockname, FD: 5, Out: "127.0.0.1:1"}) })
	}
	if len(p.threads) > 1 {
		t.Errorf("%d of them are remembered", len(p.threads))
	}
}

// Loops are: between its calls a loop is on no stack either.
func TestALoopIsNotForgotten(t *testing.T) {
	p := opened()
	p.call(wait(sys.Watch{FD: 5, Bits: "IN"}))
	elsewhere(func() { p.call(sys.Call{Op: sys.OpGetsockname, FD: 5, Out: "127.0.0.1:1"}) })
	p.call(accept(7))
	p.call(wait())
	if a := p.list[2]; a.Loop != 1 || a.Turn != 1 || a.Phase != Dispatch || a.Ready != "IN" {
		t.Errorf("%+v", a)
	}
	if w := p.list[3]; w.Loop != 1 || w.Turn != 2 {
		t.Errorf("%+v", w)
	}
}

// A loop is called as its epoll is, whichever waits first.
func TestLoopsHaveTheNumbersOfTheirEpolls(t *testing.T) {
	p := opened()
	elsewhere(func() { p.call(sys.Call{Op: "epoll_create1", FD: -1, Result: 8}) })
	second := wait()
	second.FD = 8
	elsewhere(func() { p.call(second) })
	elsewhere(func() { p.call(wait()) })
	if a, b := p.list[1], p.list[2]; a.Loop != 2 || a.On.Name != "epoll 2" || b.Loop != 1 || b.On.Name != "epoll" {
		t.Errorf("%+v, %+v", a, b)
	}
}
