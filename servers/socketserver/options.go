//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"example.com/iomux/reactor"
)

// Mode is how requests are served.
type Mode string

// The modes. In Python they are mix-ins of the server's class; the names here are
// those of the command line.
const (
	// Loop runs each request as a coroutine on one loop a core: as many at a time
	// as come, and none of them has a thread.
	Loop Mode = "loop"
	// Sync runs one request at a time, as TCPServer does without a mix-in. While it
	// runs, clients wait in the kernel's queue.
	Sync Mode = "sync"
	// Threading runs each request on a goroutine of its own: ThreadingMixIn, but
	// bounded by Options.MaxThreads.
	Threading Mode = "thread"
	// Forking runs each request in a process of its own: ForkingMixIn. See Main.
	Forking Mode = "fork"
)

// Options tune a server. The zero value is what most want; a field left zero means
// its default. Where Python has an attribute of a class for it, that is named.
type Options struct {
	// Mode is how requests are served. Default: Loop.
	Mode Mode
	// Hooks are what a subclass of Python's would override. Default: Base.
	Hooks Hooks

	// Timeout is how long HandleRequest waits for a request: timeout. Default: for
	// ever. Negative: not at all, it takes one that is there.
	Timeout time.Duration
	// PollInterval is how often the hook ServiceActions is called while nothing
	// happens: poll_interval. Default: 500 ms. Shutdown does not wait for it.
	PollInterval time.Duration
	// RequestQueueSize is the length of the kernel's queue of connections that wait:
	// request_queue_size. Default: reactor.Options.Backlog. Python's 5 loses bursts.
	RequestQueueSize int

	// ReadBufferSize is that of Request.ReadLine and Read: rbufsize. Default: 8192.
	ReadBufferSize int
	// WriteBufferSize, if it is not 0, has what is written wait until so much is
	// there, for Flush, or for the end: wbufsize. Default: 0.
	WriteBufferSize int
	// LineLimit is the longest line that ReadLine takes, with its end. Default:
	// 64 KiB. Python has no limit.
	LineLimit int
	// IOTimeout bounds each read from and write to a connection: timeout of a
	// StreamRequestHandler. Default: none.
	IOTimeout time.Duration
	// MaxPacketSize is how much of a datagram a handler gets: max_packet_size.
	// Default: 8192. Request.Truncated tells whether there was more.
	MaxPacketSize int
	// SuppressEmptyReply keeps a handler of datagrams that has written nothing from
	// sending an empty one, as it does in Python.
	SuppressEmptyReply bool

	// OnInput begins a request in mode Loop when the client has sent something, and
	// not when it connects: one that is silent costs no coroutine then. For
	// handlers that read first.
	OnInput bool
	// MaxThreads is how many requests run at a time in mode Threading. More clients
	// wait in the kernel's queue. Default: 1024. Python has no limit.
	MaxThreads int
	// MaxChildren is the same of processes in mode Forking: max_children.
	// Default: 40.
	MaxChildren int
	// Child is the name by which Register knows what serves requests in mode Forking,
	// which needs it; the handler that New gets is not used then. See Main.
	Child string
	// ChildTimeout is how long a request may take in mode Forking. Then the child is
	// killed, with the group of processes that it leads. Default: as long as it
	// wants. (Python's timeout, 300 in ForkingMixIn, is that of handle_request.)
	ChildTimeout time.Duration
	// Pool has MaxChildren processes started when the server first serves. Each takes
	// one request after the other, and is replaced when it dies. Unlike one that was
	// started for a request, such a process knows what earlier handlers have left
	// in its variables.
	Pool bool
	// DaemonThreads has Close not wait for requests, in any mode: daemon_threads,
	// and block_on_close turned off.
	DaemonThreads bool

	// Listen are options of the socket. Its Gate and Balance are the server's.
	Listen reactor.ListenOptions
	// Reactor are options of the loops the server makes. Loops is 1 but in mode
	// Loop, where its default is GOMAXPROCS.
	Reactor reactor.Options
	// Logger gets what goes wrong. Default: slog.Default().
	Logger *slog.Logger
	// NoBind leaves Bind and Activate to the caller: bind_and_activate=False.
	NoBind bool
}

// withDefaults fills in what was left zero and refuses what cannot be.
func (o Options) withDefaults() (Options, error) {
	if o.Mode == "" {
		o.Mode = Loop
	}
	if o.Hooks == nil {
		o.Hooks = Base{}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.PollInterval == 0 {
		o.PollInterval = 500 * time.Millisecond
	}
	for _, f := range []struct {
		name  string
		value *int
		def   int
	}{
		{"RequestQueueSize", &o.RequestQueueSize, o.Reactor.Backlog},
		{"ReadBufferSize", &o.ReadBufferSize, 8192},
		{"WriteBufferSize", &o.WriteBufferSize, 0},
		{"LineLimit", &o.LineLimit, 64 << 10},
		{"MaxPacketSize", &o.MaxPacketSize, 8192},
		{"MaxThreads", &o.MaxThreads, 1024},
		{"MaxChildren", &o.MaxChildren, 40},
	} {
		if *f.value < 0 {
			return o, fmt.Errorf("socketserver: %w: %s is %d, want a positive number or 0 for the default", reactor.ErrOption, f.name, *f.value)
		}
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	switch o.Mode {
	case Loop:
		if o.Reactor.Loops == 0 {
			o.Reactor.Loops = runtime.GOMAXPROCS(0)
		}
	case Sync, Forking:
		o.Reactor.Loops = 1
	case Threading:
		o.Reactor.Loops = 1
		if most := o.Reactor.MaxConns; most > 0 { // in this mode it is the same
			o.MaxThreads, o.Reactor.MaxConns = min(o.MaxThreads, most), 0
		}
	default:
		return o, fmt.Errorf("socketserver: %w: Mode is %q, want %q, %q, %q or %q", reactor.ErrOption, o.Mode, Loop, Sync, Threading, Forking)
	}
	switch {
	case o.PollInterval < 0:
		return o, fmt.Errorf("socketserver: %w: PollInterval is %v, want a positive duration", reactor.ErrOption, o.PollInterval)
	case o.IOTimeout < 0:
		return o, fmt.Errorf("socketserver: %w: IOTimeout is %v, want a positive duration or 0 for none", reactor.ErrOption, o.IOTimeout)
	case o.ChildTimeout < 0:
		return o, fmt.Errorf("socketserver: %w: ChildTimeout is %v, want a positive duration or 0 for none", reactor.ErrOption, o.ChildTimeout)
	case o.OnInput && o.Mode != Loop:
		return o, fmt.Errorf("socketserver: %w: OnInput is for mode %q", reactor.ErrOption, Loop)
	case o.Listen.Gate != nil || o.Listen.Balance != "":
		return o, fmt.Errorf("socketserver: %w: Listen.Gate and Listen.Balance are the server's", reactor.ErrOption)
	}
	if _, ok := registered(o.Child); o.Mode == Forking && !ok {
		return o, fmt.Errorf("socketserver: %w: Child is %q, which is not registered; mode %q needs one, see Main", reactor.ErrOption, o.Child, Forking)
	}
	o.Reactor.Backlog = o.RequestQueueSize
	o.Reactor.Logger = o.Logger
	return o, nil
}
