//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package explain

import (
	"strings"
	"syscall"

	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/internal/sys"
)

// other explains what is no part of a dialogue: how a server begins, and how a socket
// is prepared.
func (e *Explainer) other(r *trace.Record) string {
	failed := ""
	if r.Errno != 0 && !absent(r) {
		failed = " It failed."
	}
	return e.otherWhy(r) + failed
}

// absent reports whether a call has found no file where it is well if there is none.
func absent(r *trace.Record) bool {
	return r.Errno == syscall.ENOENT && (r.Op == sys.OpLstat || r.Op == sys.OpUnlink)
}

func (e *Explainer) otherWhy(r *trace.Record) string {
	switch r.Op {
	case "epoll_create1":
		return "An interest table in the kernel: the loop says once what it watches, and each wait brings only what is ready."
	case sys.OpKqueue:
		return "An interest table in the kernel: the loop says once what it watches, and each wait brings only what is ready."
	case "eventfd2":
		return "The waker: a counter with a descriptor. Other goroutines add to it to end the loop's wait."
	case sys.OpPipe:
		return "The waker: a pipe, whose reading end the loop watches. Other goroutines write to it to end the loop's wait."
	case sys.OpOpen:
		if r.New != nil && r.New.Kind == trace.Spare {
			return "A spare descriptor: given up when there are no others, it lets the server accept a client once more, to turn it away."
		}
		return "A file is opened."
	case sys.OpSocket:
		return "A socket, non-blocking from the start: no call on it will ever put the loop to sleep."
	case sys.OpBind:
		if strings.HasPrefix(r.Args, `"`) {
			return "The socket gets its name, by which clients find it."
		}
		if strings.HasSuffix(r.Args, ":0") {
			return "The socket gets its address; port 0 lets the kernel choose one."
		}
		return "The socket gets the address that was asked for."
	case sys.OpListen:
		return "From now on the kernel completes connections by itself and queues them, so many at most, until they are accepted."
	case sys.OpGetsockname:
		return "Which port has the kernel chosen?"
	case sys.OpGetpeername:
		return "Who is at the other end?"
	case sys.OpConnect:
		return "A connection is begun; the socket turns writable when it is there, or has failed."
	case sys.OpShutdown:
		return "The peer is sent the end of file, behind all that was written; its own data still comes."
	case sys.OpPoll, sys.OpSelect:
		switch {
		case r.On.FD >= 0: // see sys.HoldForRead
			return "The loop keeps its processor for a moment longer, since others had it before, and waits there."
		case len(r.Asked) > 0:
			return "This entry was made while the wait was going on, so the event might be of something older with the same number. The loop asks about it alone."
		}
		return "Is this call allowed here? A probe of nothing, before the loop relies on it."
	case sys.OpIoctl:
		if r.Out == "0" {
			return "How much of the output has the peer's kernel not confirmed yet? All is there."
		}
		return "How much of the output has the peer's kernel not confirmed yet? Later it shows whether the peer gets on."
	case sys.OpSetsockopt:
		return option(r)
	case sys.OpGetsockopt:
		return asked(r)
	case sys.OpFcntl:
		return fcntl(r)
	case sys.OpLstat, sys.OpUnlink, sys.OpFlock, sys.OpFchmod, sys.OpFchmodat:
		if absent(r) {
			return "A Unix socket has a file. ENOENT: there is none of this name, so nothing has to be taken away."
		}
		return "A Unix socket has a file. A lock keeps two servers from taking each other's, and what is left of a dead one goes first."
	}
	return "Something outside of the loop's turn."
}

// options are those that servers here set, by a word of their names.
var options = []struct{ name, why string }{
	{"SO_REUSEADDR", "The server may start again at once, while old connections to its port linger."},
	{"SO_REUSEPORT", "Each loop has a listener of its own on this port, and the kernel spreads the clients."},
	{"TCP_NODELAY", "Small answers go out at once; the loop gathers them itself, so the kernel need not (Nagle)."},
	{"SO_RCVBUF", "How much the kernel keeps that was not read yet."},
	{"SO_SNDBUF", "How much the kernel takes that the peer has not confirmed yet."},
	{"SO_LINGER", "Closing will reset the connection: what is not delivered is thrown away."},
	{"IPV6_V6ONLY", "Whether this socket takes IPv4 as well."},
	{"TCP_KEEPIDLE", "After so many seconds of silence the first probe is sent."},
	{"TCP_KEEPINTVL", "So many seconds lie between two probes."},
	{"TCP_KEEPCNT", "After so many probes without an answer the connection is given up."},
	{"TCP_USER_TIMEOUT", "What the peer has not confirmed after so many milliseconds ends the connection."},
	{"TCP_DEFER_ACCEPT", "A client is queued for accept only when it has sent something."},
	{"MULTICAST_ALL", "The socket is to get what is sent to groups that it has joined itself, and not to those that others here have."},
	{"SO_KEEPALIVE", "The kernel probes a silent peer, so that one which has vanished is noticed."},
}

// askedFor are those that servers here ask for.
var askedFor = []struct{ name, why string }{
	{"SO_ERROR", "How did the connect end, or what else has gone wrong since? 0 is nothing."},
	{"SO_TYPE", "Of an inherited socket: does it keep messages apart?"},
	{"SO_DOMAIN", "Of an inherited socket: are its addresses IPv4, IPv6 or files?"},
	{"SO_ACCEPTCONN", "Of an inherited socket: does it listen already?"},
	{"UDP_SEGMENT", "Does this kernel take several datagrams as one message, to take them apart itself? Then the answers to one peer are sent so."},
}

func asked(r *trace.Record) string {
	name := trace.OptionName(r.Args)
	for _, o := range askedFor {
		if strings.HasSuffix(name, o.name) {
			return o.why
		}
	}
	return "The kernel is asked for an option of the socket."
}

func option(r *trace.Record) string {
	name := trace.OptionName(r.Args)
	for _, o := range options {
		if strings.Contains(name, o.name) {
			if r.On.Kind == trace.Conn && strings.HasSuffix(o.name, "BUF") {
				return o.why + " A Unix socket does not have its listener's."
			}
			return o.why
		}
	}
	return "An option of the socket is set."
}

func fcntl(r *trace.Record) string {
	switch {
	case strings.HasPrefix(r.Args, "F_GETFD"):
		return "Poll and select find out only in the next wait whether a number is open. This asks now, before it goes into the table."
	case strings.HasPrefix(r.Args, "F_DUPFD") && (r.On.Kind == trace.Epoll || r.On.Kind == trace.Kqueue):
		return "A copy for Go's own poller, which watches the interest table as one descriptor: so the loop waits without a thread."
	case strings.HasPrefix(r.Args, "F_DUPFD"):
		return "A copy of the descriptor."
	case strings.HasPrefix(r.Args, "F_SETFL"):
		return "From now on no call on it blocks."
	}
	return "A flag of the descriptor is set."
}

// inner explains a call of what plays the kernel.
func inner(r *trace.Record) string {
	switch r.Op {
	case sys.OpPoll:
		return "(simulation) To play the kernel, it polls what the kqueue watches, and first its own descriptor."
	case "eventfd2":
		return "(simulation) The kqueue's descriptor is an eventfd, so that it is a real number."
	case sys.OpRead:
		return "(simulation) The table was changed during the wait: it looks at it again."
	case sys.OpWrite:
		return "(simulation) A wait is going on, and must look at the changed table."
	}
	return "(simulation) Done to play the kernel."
}
