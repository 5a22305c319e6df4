//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package explain

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/internal/sys"
)

var (
	epoll    = trace.Ref{FD: 3, Kind: trace.Epoll, Name: "epoll"}
	kqueue   = trace.Ref{FD: 3, Kind: trace.Kqueue, Name: "kqueue"}
	waker    = trace.Ref{FD: 4, Kind: trace.Waker, Name: "waker"}
	listener = trace.Ref{FD: 5, Kind: trace.Listener, Name: "listener"}
	theConn  = trace.Ref{FD: 8, Kind: trace.Conn, Name: "conn 1"}
	none     = trace.Ref{FD: -1}
)

func is(r trace.Ref, bits string) []trace.Ready { return []trace.Ready{{Ref: r, Bits: bits}} }

// wait is a wait on epoll that begins turn n.
func wait(n int, found ...trace.Ready) trace.Record {
	return trace.Record{
		Op: "epoll_pwait", On: epoll, Wait: true, Loop: 1, Turn: n, Size: 512, Timeout: forever,
		Phase: trace.Waiting, Result: len(found), Found: found,
	}
}

func read(n, result int, ready string, e syscall.Errno) trace.Record {
	return trace.Record{Op: sys.OpRead, On: theConn, Loop: 1, Turn: n, Size: 100, Result: result, Errno: e, Ready: ready, Phase: trace.Dispatch}
}

func write(n, size, result int, ready string, e syscall.Errno) trace.Record {
	return trace.Record{Op: sys.OpWrite, On: theConn, Loop: 1, Turn: n, Size: size, Result: result, Errno: e, Ready: ready, Phase: trace.Flush}
}

func ctl(verb string, of trace.Ref, bits string) trace.Record {
	return trace.Record{Op: "epoll_ctl", On: epoll, Loop: 1, Turn: 1, Verb: verb, Asked: is(of, bits), Phase: trace.Dispatch}
}

func accepted(e syscall.Errno) trace.Record { return acceptedOn(listener, e) }

func acceptedOn(ln trace.Ref, e syscall.Errno) trace.Record {
	r := trace.Record{Op: sys.OpAccept, On: ln, Loop: 1, Turn: 1, Ready: "IN", Errno: e, Result: -1}
	if e == 0 {
		r.Result, r.New = 8, &theConn
	}
	return r
}

func filter(bits string, e syscall.Errno) trace.Record {
	return trace.Record{Op: sys.OpKevent, On: kqueue, Loop: 1, Turn: 1, Asked: is(theConn, bits), Errno: e, Phase: trace.Dispatch}
}

func with(r trace.Record, f func(*trace.Record)) trace.Record {
	f(&r)
	return r
}

// Each situation has a sentence of its own: of the last of the calls, the words that
// tell it from the others, and some that must not be there.
func TestSentences(t *testing.T) {
	forTime := func(d time.Duration) func(*trace.Record) { return func(r *trace.Record) { r.Timeout = d } }
	in, end := trace.Ready{Ref: theConn, Bits: "IN"}, trace.Ready{Ref: theConn, Bits: "IN|RDHUP"}
	for _, c := range []struct {
		name  string
		calls []trace.Record
		says  []string
		not   string
	}{
		{"asleep", []trace.Record{wait(1, in)}, []string{"Nothing is left to do: the loop sleeps", "Conn 1 has input."}, ""},
		{"until a timer", []trace.Record{with(wait(1), forTime(time.Second))}, []string{"no longer than until its next timer", "a timer is due"}, ""},
		{"a look after several", []trace.Record{wait(1, in, in), with(wait(2), forTime(0))}, []string{"found several at once", "Nothing is ready."}, "sleeps"},
		{"a look after one", []trace.Record{wait(1, in), with(wait(2), forTime(0))}, []string{"something else to do already"}, "several"},
		{"a look before parking", []trace.Record{
			{Op: sys.OpFcntl, On: epoll, Args: "F_DUPFD_CLOEXEC, 0", Result: 6, New: &trace.Ref{FD: 6, Kind: trace.Other, Name: "copy of epoll"}},
			with(wait(1), forTime(0)),
		}, []string{"parks in Go's own poller"}, ""},
		{"a signal", []trace.Record{with(wait(1), func(r *trace.Record) { r.Errno, r.Result = syscall.EINTR, -1 })}, []string{"A signal came in"}, "sleeps"},
		{"woken", []trace.Record{wait(1, trace.Ready{Ref: waker, Bits: "IN"})}, []string{"another goroutine wants the loop's attention"}, ""},
		{"a client", []trace.Record{wait(1, trace.Ready{Ref: listener, Bits: "IN"})}, []string{"On the listener a connection waits"}, ""},
		{"a peer's end", []trace.Record{wait(1, end)}, []string{"RDHUP: the peer sends no more"}, ""},
		{"an error", []trace.Record{wait(1, trace.Ready{Ref: theConn, Bits: "IN|ERR|HUP|RDHUP"})}, []string{"an error waiting (ERR)"}, "sends no more"},
		{"both ways closed", []trace.Record{wait(1, trace.Ready{Ref: theConn, Bits: "IN|HUP|RDHUP"})}, []string{"closed in both directions"}, ""},
		{"room", []trace.Record{wait(1, trace.Ready{Ref: theConn, Bits: "OUT"})}, []string{"Conn 1 has room for output again."}, "input"},
		{"many", []trace.Record{wait(1, in, trace.Ready{Ref: waker}, trace.Ready{Ref: listener}, end,
			trace.Ready{Ref: trace.Ref{Name: "conn 2"}, Bits: "IN"}, trace.Ready{Ref: trace.Ref{Name: "conn 3"}, Bits: "IN"})}, []string{"and so on for 2 more."}, "conn 3"},
		{"poll", []trace.Record{{Op: sys.OpPoll, On: none, Wait: true, Size: 2, Timeout: forever, Asked: append(is(waker, "IN"), is(theConn, "IN")...), Result: 1, Found: is(theConn, "IN")}},
			[]string{"passes its whole table, 2 entries"}, ""},
		{"select", []trace.Record{{Op: sys.OpSelect, On: none, Wait: true, Size: 9, Timeout: forever, Result: 1, Found: is(theConn, "r")}},
			[]string{"as bitmaps", "select does not say which"}, ""},
		{"kevent", []trace.Record{{Op: sys.OpKevent, On: kqueue, Wait: true, Size: 9, Timeout: forever, Result: 1, Found: []trace.Ready{{Ref: theConn, Bits: "READ|EOF", Data: 7}}}},
			[]string{"EV_EOF", "with 7 bytes before it"}, ""},
		{"a question", []trace.Record{{Op: sys.OpPoll, On: none, Size: 1, Asked: is(listener, "IN"), Result: 1, Found: is(listener, "IN")}},
			[]string{"The loop asks about it alone."}, "whole table"},
		{"a probe", []trace.Record{{Op: sys.OpPoll, On: none}}, []string{"A probe of nothing"}, ""},

		{"the first accept", []trace.Record{wait(1), accepted(0)}, []string{"a client has connected", "a new socket, conn 1"}, ""},
		{"one more accept", []trace.Record{wait(1), accepted(0), accepted(0)}, []string{"asks again. Yes: conn 1."}, ""},
		{"accept at the end", []trace.Record{wait(1), accepted(0), accepted(syscall.EAGAIN)}, []string{"the queue is empty now"}, ""},
		{"the first accept of another listener", []trace.Record{wait(1), accepted(0), acceptedOn(trace.Ref{FD: 6, Kind: trace.Listener, Name: "listener 2"}, 0)},
			[]string{"a client has connected"}, "asks again"},
		{"nothing on another listener", []trace.Record{wait(1), accepted(0), acceptedOn(trace.Ref{FD: 6, Kind: trace.Listener, Name: "listener 2"}, syscall.EAGAIN)},
			[]string{"nobody waits"}, "asks once more"},
		{"accept of nothing", []trace.Record{wait(1), accepted(syscall.EAGAIN)}, []string{"another loop, or nobody"}, "queue is empty"},
		{"accept without descriptors", []trace.Record{wait(1), accepted(syscall.EMFILE)}, []string{"no descriptors left"}, ""},
		{"accept of a dead one", []trace.Record{wait(1), accepted(syscall.ECONNABORTED)}, []string{"failed before it was accepted"}, ""},

		{"a short read", []trace.Record{wait(1, in), read(1, 4, "IN", 0)},
			[]string{"The wait said that conn 1 is readable.", "Fewer bytes than the buffer holds: the socket is empty, and no second read is needed."}, "may be more"},
		{"a full read", []trace.Record{wait(1, in), read(1, 100, "IN", 0)}, []string{"All 100 bytes of the buffer are filled: there may be more."}, "empty"},
		{"after a full read", []trace.Record{wait(1, in), read(1, 100, "IN", 0), read(1, 4, "IN", 0)}, []string{"The last read filled the buffer, so there may be more.", "no second read"}, ""},
		{"nothing after a full read", []trace.Record{wait(1, in), read(1, 100, "IN", 0), read(1, -1, "IN", syscall.EAGAIN)}, []string{"EAGAIN: there is nothing to read now"}, ""},
		{"a read before the end", []trace.Record{wait(1, end), read(1, 4, "IN|RDHUP", 0)}, []string{"The end of file is behind it"}, "no second read"},
		{"the end", []trace.Record{wait(1, end), read(1, 0, "IN|RDHUP", 0)}, []string{"0 is the end of file"}, ""},
		{"the end behind data", []trace.Record{wait(1, end), read(1, 4, "IN|RDHUP", 0), read(1, 0, "IN|RDHUP", 0)}, []string{"the end must be next. 0 is the end of file"}, ""},
		{"a reset", []trace.Record{wait(1, in), read(1, -1, "IN|ERR|HUP", syscall.ECONNRESET)}, []string{"the peer has reset the connection"}, ""},
		{"another error", []trace.Record{wait(1, in), read(1, -1, "IN", syscall.ETIMEDOUT)}, []string{"The connection is broken."}, ""},
		{"a look before closing", []trace.Record{wait(1), read(1, -1, "", syscall.EAGAIN)}, []string{"Before it closes the socket"}, "The wait said"},
		{"the waker", []trace.Record{{Op: sys.OpRead, On: waker, Size: 64, Result: 8}}, []string{"empties the waker"}, "buffer"},
		{"a read at an edge", []trace.Record{ctl("ADD", theConn, "IN|RDHUP|ET"), wait(1, in), read(1, 4, "IN", 0)}, []string{"an end that came with it is not reported again"}, "no second read"},
		{"the end of an edge", []trace.Record{ctl("ADD", theConn, "IN|RDHUP|ET"), wait(1, in), read(1, 4, "IN", 0), read(1, -1, "IN", syscall.EAGAIN)},
			[]string{"Edge-triggered: read again, until EAGAIN.", "the kernel will report the next change"}, ""},

		{"a write", []trace.Record{wait(1, in), write(1, 4, 4, "IN", 0)}, []string{"when its callback is over", "took all of it"}, ""},
		{"a write without an event", []trace.Record{wait(1), write(1, 4, 4, "", 0)}, []string{"A timer or a posted function"}, ""},
		{"a part", []trace.Record{wait(1, in), write(1, 9, 4, "IN", 0)}, []string{"took only a part"}, "took all"},
		{"full", []trace.Record{wait(1, in), write(1, 9, -1, "IN", syscall.EAGAIN)}, []string{"EAGAIN: the socket is full. What is left waits"}, ""},
		{"room after a part", []trace.Record{wait(1, in), write(1, 9, 4, "IN", 0), wait(2), write(2, 5, 5, "OUT", 0)}, []string{"There is room again", "took all"}, ""},
		{"gone", []trace.Record{wait(1, in), write(1, 9, -1, "IN", syscall.EPIPE)}, []string{"The peer is gone"}, ""},
		{"full at an edge", []trace.Record{ctl("ADD", theConn, "IN|ET"), wait(1, in), write(1, 9, 4, "IN", 0), write(1, 5, -1, "IN", syscall.EAGAIN)},
			[]string{"write again, until EAGAIN", "reported, as an edge"}, "There is room"},
		{"waking", []trace.Record{{Op: sys.OpWrite, On: waker, Size: 8, Result: 8}}, []string{"Another goroutine has something for the loop"}, ""},
		{"waking itself", []trace.Record{{Op: sys.OpWrite, On: waker, Loop: 1, Size: 8, Result: 8}}, []string{"to itself or to another"}, ""},

		{"datagrams", []trace.Record{wait(1), {Op: sys.OpRecvmmsg, On: theConn, Loop: 1, Turn: 1, Result: 3}}, []string{"so many as there are, in one call: 3"}, "EAGAIN"},
		{"no datagrams", []trace.Record{wait(1), {Op: sys.OpRecvmmsg, On: theConn, Loop: 1, Turn: 1, Result: -1, Errno: syscall.EAGAIN}}, []string{"EAGAIN: there is none left"}, ""},
		{"answers", []trace.Record{wait(1), {Op: sys.OpSendmmsg, On: theConn, Loop: 1, Turn: 1, Result: 3}}, []string{"go out together: 3"}, ""},
		{"answers to one", []trace.Record{wait(1), {Op: sys.OpSendmmsg, On: theConn, Loop: 1, Turn: 1, Args: "5 datagrams in 1 message, 320 bytes", Result: 1}},
			[]string{"go out together: 5 datagrams in 1 message", "the kernel takes apart"}, ""},
		{"answers to one, refused", []trace.Record{wait(1), {Op: sys.OpSendmmsg, On: theConn, Loop: 1, Turn: 1, Args: "5 datagrams in 1 message, 320 bytes", Result: -1, Errno: syscall.EIO}},
			[]string{"sent again, one by one"}, "dropped"},
		{"no room for answers", []trace.Record{wait(1), {Op: sys.OpSendmmsg, On: theConn, Loop: 1, Turn: 1, Result: -1, Errno: syscall.EAGAIN}}, []string{"EAGAIN: no room"}, ""},
		{"a file", []trace.Record{{Op: sys.OpUnlink, On: none, Args: `"/x"`}}, []string{"file"}, "Something"},
		{"no file", []trace.Record{{Op: sys.OpLstat, On: none, Args: `"/x"`, Result: -1, Errno: syscall.ENOENT}}, []string{"nothing has to be taken away"}, "failed"},
		{"a file that cannot be seen", []trace.Record{{Op: sys.OpLstat, On: none, Args: `"/x"`, Result: -1, Errno: syscall.EACCES}}, []string{"It failed."}, "ENOENT"},
		{"any port", []trace.Record{{Op: sys.OpBind, On: theConn, Args: "127.0.0.1:0"}}, []string{"port 0 lets the kernel choose one"}, ""},
		{"one port", []trace.Record{{Op: sys.OpBind, On: theConn, Args: "127.0.0.1:42490"}}, []string{"address that was asked for"}, "port 0"},
		{"a pipe", []trace.Record{{Op: sys.OpPipe, On: none, Args: "NONBLOCK|CLOEXEC"}}, []string{"The waker: a pipe"}, "counter"},
		{"a counter", []trace.Record{{Op: "eventfd2", On: none, Args: "0, NONBLOCK|CLOEXEC"}}, []string{"a counter"}, "pipe"},
		{"waking by a pipe", []trace.Record{{Op: sys.OpPipe, On: none}, {Op: sys.OpWrite, On: waker, Size: 8, Result: 8}}, []string{"8 bytes to its pipe"}, "eventfd"},

		{"watched", []trace.Record{ctl("ADD", theConn, "IN|RDHUP")}, []string{"Conn 1 goes into the interest table, once", "RDHUP asks"}, "sleeps"},
		{"watched by another", []trace.Record{with(ctl("ADD", listener, "IN"), func(r *trace.Record) { r.Phase = trace.Outside })}, []string{"at once, even while the loop sleeps"}, "meanwhile"},
		{"watched at edges", []trace.Record{ctl("ADD", theConn, "IN|ET")}, []string{"ET: each change is reported once"}, ""},
		{"room wanted", []trace.Record{ctl("ADD", theConn, "IN"), ctl("MOD", theConn, "IN|OUT")}, []string{"from now on OUT is asked for too"}, ""},
		{"room only", []trace.Record{ctl("ADD", theConn, "IN"), ctl("MOD", theConn, "OUT")}, []string{"tell me of room only"}, ""},
		{"room not wanted", []trace.Record{ctl("ADD", theConn, "IN"), ctl("MOD", theConn, "IN|OUT"), ctl("MOD", theConn, "IN")}, []string{"OUT goes"}, ""},
		{"input again", []trace.Record{ctl("ADD", theConn, "OUT"), ctl("MOD", theConn, "IN|OUT")}, []string{"input of conn 1 is read again"}, ""},
		{"input not wanted", []trace.Record{ctl("ADD", theConn, "IN|OUT"), ctl("MOD", theConn, "OUT")}, []string{"Input of conn 1 is not wanted"}, ""},
		{"out at the end", []trace.Record{wait(1, end), read(1, 0, "IN|RDHUP", 0), ctl("DEL", theConn, "")}, []string{"has come to its end"}, "broken"},
		{"out when broken", []trace.Record{wait(1, in), read(1, -1, "IN", syscall.ECONNRESET), ctl("DEL", theConn, "")}, []string{"is broken"}, "come to its end"},
		{"out for no reason", []trace.Record{ctl("DEL", theConn, "")}, []string{"wants to hear no more"}, ""},
		{"a number used again", []trace.Record{wait(1, in), read(1, -1, "IN", syscall.ECONNRESET), {Op: sys.OpClose, On: theConn}, wait(1), ctl("DEL", theConn, "")},
			[]string{"wants to hear no more"}, "broken"},
		{"out after a write to nobody", []trace.Record{wait(1, in), write(1, 4, -1, "IN", syscall.EPIPE), ctl("DEL", theConn, "")}, []string{"is broken"}, "wants to hear"},
		{"out after a look at what is broken", []trace.Record{wait(1, in), write(1, 4, -1, "IN", syscall.EPIPE), read(1, -1, "", syscall.EAGAIN), ctl("DEL", theConn, "")},
			[]string{"is broken"}, "wants to hear"},
		{"room only, at the end", []trace.Record{ctl("ADD", theConn, "IN"), wait(1, end), read(1, 0, "IN|RDHUP", 0), ctl("MOD", theConn, "OUT")},
			[]string{"The end of conn 1 was read", "for room only"}, "no room"},
		{"a refusal changes nothing", []trace.Record{ctl("ADD", theConn, "IN"), with(ctl("MOD", theConn, "IN|OUT"), func(r *trace.Record) { r.Errno = syscall.ENOMEM }), ctl("MOD", theConn, "IN|OUT")},
			[]string{"from now on OUT is asked for too"}, ""},
		{"a filter", []trace.Record{filter("READ|ADD", 0), filter("WRITE|ADD", 0)}, []string{"a second filter, for writing"}, ""},
		{"no filter", []trace.Record{filter("READ|ADD", 0), filter("WRITE|ADD", 0), filter("WRITE|DELETE", 0)}, []string{"its write filter goes"}, ""},
		{"the filter of a paused one", []trace.Record{filter("READ|ADD", 0), filter("READ|DELETE", 0), filter("WRITE|ADD", 0)}, []string{"a filter for writing asks"}, "second"},
		{"the read filter goes, the other stays", []trace.Record{filter("READ|ADD", 0), filter("WRITE|ADD", 0), filter("READ|DELETE", 0)},
			[]string{"Input of conn 1 is not wanted for now"}, "leaves the interest table"},
		{"the read filter comes back", []trace.Record{filter("READ|ADD", 0), filter("WRITE|ADD", 0), filter("READ|DELETE", 0), filter("READ|ADD", 0)},
			[]string{"input of conn 1 is read again"}, "goes into the interest table"},
		{"the last filter goes", []trace.Record{filter("READ|ADD", 0), filter("WRITE|ADD", 0), filter("READ|DELETE", 0), filter("WRITE|DELETE", 0)},
			[]string{"leaves the interest table"}, "its write filter goes"},
		{"the read filter at the end", []trace.Record{filter("READ|ADD", 0), filter("WRITE|ADD", 0), wait(1, end), read(1, 0, "READ|EOF", 0), filter("READ|DELETE", 0)},
			[]string{"The end of conn 1 was read"}, "before it is closed"},
		{"a filter of what is broken", []trace.Record{filter("READ|ADD", 0), filter("WRITE|ADD", 0), wait(1, in), write(1, 4, -1, "", syscall.EPIPE), filter("READ|DELETE", 0)},
			[]string{"is broken"}, "not wanted"},
		{"a filter that is gone", []trace.Record{filter("READ|ADD", 0), filter("READ|DELETE", syscall.ENOENT)}, []string{"The filter was gone already."}, "refuses"},
		{"a filter that is refused", []trace.Record{filter("READ|ADD", syscall.ENOMEM)}, []string{"The kernel refuses the change."}, "gone"},
		{"a check", []trace.Record{{Op: sys.OpFcntl, On: theConn, Args: "F_GETFD"}}, []string{"only in the next wait"}, ""},
		{"closing", []trace.Record{{Op: sys.OpClose, On: theConn}}, []string{"Only now, at the end of the turn, is conn 1 closed"}, ""},
		{"simulated", []trace.Record{{Op: sys.OpPoll, On: none, Depth: 1}}, []string{"(simulation)"}, ""},
		{"a note", []trace.Record{{Note: "client 1 connects"}}, nil, "e"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := New()
			var got string
			for i := range c.calls {
				got = e.Record(&c.calls[i])
			}
			for _, want := range c.says {
				if !strings.Contains(got, want) {
					t.Errorf("it says %q, want %q", got, want)
				}
			}
			if c.not != "" && strings.Contains(got, c.not) {
				t.Errorf("it says %q, and should not say %q", got, c.not)
			}
		})
	}
}
