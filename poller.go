// Package iomux multiplexes input and output over the system calls made for it:
// epoll, kqueue, poll and select.
//
// This package is the lowest floor: [Poller], the seam that each backend
// implements in one file. Above it stand
//
//   - selectors: keys with data over one poller, as Python's selectors module;
//   - reactor: event loops, connections, one loop per core;
//   - servers: echo and what follows, written as reactor handlers.
//
// A poller tells which descriptors are ready; it neither reads nor writes. It
// has no wake-up, no timers and knows no sockets: those are the floors above.
package iomux

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Events is a set of conditions and of flags that say how to report them.
// Readable and Writable have the values of Python's EVENT_READ and EVENT_WRITE.
type Events uint16

const (
	// Readable: a read would not block; also a pending connection on a
	// listener, and the end of the stream.
	Readable Events = 1 << iota
	// Writable: a write of at least one byte would not block; also a connect
	// that has ended, well or badly.
	Writable
	// Priority: urgent (out-of-band) data. epoll, poll and select; kqueue
	// answers ErrUnsupported.
	Priority

	// Edge reports a condition once when it appears, not as long as it lasts.
	// epoll (EPOLLET) and kqueue (EV_CLEAR).
	Edge
	// OneShot mutes the descriptor after one report, until the next Update.
	// epoll (EPOLLONESHOT) and kqueue (EV_ONESHOT).
	OneShot
	// Exclusive wakes at least one, not all, of several pollers that watch the
	// same description. epoll (EPOLLEXCLUSIVE); not together with OneShot or
	// Priority.
	Exclusive
)

// Conditions is the part of an Events that can be found ready; the rest are flags.
const Conditions = Readable | Writable | Priority

// Valid reports whether e can be an interest: at least one condition, and no
// unknown bit.
func (e Events) Valid() bool {
	return e&Conditions != 0 && e&^(Conditions|Edge|OneShot|Exclusive) == 0
}

// String names the set, such as "Readable|Edge"; "0" when it is empty.
func (e Events) String() string {
	return bitNames(uint32(e), []string{"Readable", "Writable", "Priority", "Edge", "OneShot", "Exclusive"})
}

// Raw is what the kernel itself said of a descriptor, in poll(2)'s words on
// every backend. On Linux epoll's and poll's bits pass through as they are;
// select knows only In, Out and Pri (and Nval for a closed descriptor); kqueue's
// EV_EOF shows as RdHup on the reading side and as Hup on the writing side.
type Raw uint32

// The bits of Raw, with Linux's values of POLLIN and so on.
const (
	RawIn    Raw = 0x1
	RawPri   Raw = 0x2
	RawOut   Raw = 0x4
	RawErr   Raw = 0x8
	RawHup   Raw = 0x10
	RawNval  Raw = 0x20
	RawRdHup Raw = 0x2000
)

// String names the bits, such as "IN|HUP"; "0" when there is none.
func (r Raw) String() string {
	return bitNames(uint32(r), []string{"IN", "PRI", "OUT", "ERR", "HUP", "NVAL",
		"RDNORM", "RDBAND", "WRNORM", "WRBAND", "MSG", "", "", "RDHUP"})
}

// events folds raw bits into conditions: an error or a hang-up is readiness in
// both directions, since the next read or write is what tells which it is.
func (r Raw) events() (e Events) {
	if r&(RawIn|RawRdHup|RawErr|RawHup|RawNval) != 0 {
		e |= Readable
	}
	if r&(RawOut|RawErr|RawHup|RawNval) != 0 {
		e |= Writable
	}
	if r&RawPri != 0 {
		e |= Priority
	}
	return e
}

// Ready is a descriptor that Wait found ready.
type Ready struct {
	FD     int
	Events Events // conditions only; may hold one that was not asked for
	Raw    Raw    // why, for those who study it
}

// Forever as a timeout waits without end. Every other timeout of zero or less
// polls: a deadline that has passed must not turn into an endless wait, so
// here, unlike in poll(2), a negative timeout does not mean "for ever".
const Forever time.Duration = math.MaxInt64

// Poller is the seam between iomux and a readiness interface of the kernel.
// The caller holds the one table of registrations; a poller is told both the
// old and the new interest and so needs none of its own.
//
// Reports are level-triggered unless Edge is asked for. Poll and select see
// only what was registered when their Wait began; epoll and kqueue see an
// Update made meanwhile at once.
//
// One goroutine at a time may call Wait. Update may be called by another one
// during a Wait, but not together with another Update; Close not during either.
type Poller interface {
	// Update changes the interest in fd from old to new; 0 means not
	// registered. With Edge or OneShot it also re-arms, even when old == new.
	//
	// A descriptor that is not open is refused with EBADF when it is added,
	// a regular file by epoll with EPERM. ErrUnsupported: a flag this backend
	// cannot honour. ErrFDTooLarge: beyond what select takes here. After any
	// error the old interest is still in force, but for a removal, after
	// which the poller does not know fd whatever the error.
	Update(fd int, old, new Events) error

	// Wait fills ready with at most len(ready) descriptors, each once, and
	// returns how many. It blocks until there is one or until timeout has
	// passed: never less (rounding goes up, signals do not end it), by as
	// little more as the kernel can do. What does not fit comes with the next
	// calls, and in turn: no descriptor is starved. ErrNoRoom: ready is empty.
	Wait(ready []Ready, timeout time.Duration) (n int, err error)

	// Backend says which one this is.
	Backend() Backend

	// Close gives the poller's descriptor back, if it has one, and leaves the
	// registered ones open. Closing twice is fine; all else after it is
	// ErrClosed.
	Close() error
}

// Descriptor is what a Poller with a kernel object of its own offers as well
// (epoll, kqueue).
type Descriptor interface {
	// Fd is the poller's own descriptor, as Python's fileno; it is readable
	// while Wait would return something. -1 after Close, and where the number
	// cannot itself be polled.
	Fd() int
}

// Errors of this package. They come wrapped with the operation and the
// descriptor; errors.Is finds them, and the errno where there is one.
var (
	// ErrClosed: the poller was used after Close.
	ErrClosed = errors.New("poller is closed")
	// ErrFDTooLarge: select cannot watch so large a number on this system.
	ErrFDTooLarge = errors.New("descriptor is beyond FD_SETSIZE")
	// ErrNoRoom: Wait was given an empty slice.
	ErrNoRoom = errors.New("no room for what is ready")
)

// Backend names a readiness interface of the kernel.
type Backend string

// The backends iomux knows, best first where a system has several.
const (
	Kqueue Backend = "kqueue"
	Epoll  Backend = "epoll"
	Poll   Backend = "poll"
	Select Backend = "select"
)

// opener is a backend of this system; each os_*.go lists its own, best first.
type opener struct {
	backend Backend
	open    func() (Poller, error)
}

// Open makes a poller; "" picks the best that works here. A backend this system
// has not, or a name that is none, is errors.ErrUnsupported.
func Open(b Backend) (Poller, error) {
	var errs []error
	for _, o := range openers() {
		if b != "" && b != o.backend {
			continue
		}
		p, err := o.open()
		if err == nil {
			return p, nil
		}
		errs = append(errs, fmt.Errorf("iomux: open %s: %w", o.backend, err))
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	if b == "" {
		b = "any backend"
	} else if !slices.Contains([]Backend{Kqueue, Epoll, Poll, Select}, b) {
		return nil, fmt.Errorf("iomux: open %q: %w: there is no such backend, want %s, %s, %s or %s",
			b, errors.ErrUnsupported, Epoll, Kqueue, Poll, Select)
	}
	return nil, fmt.Errorf("iomux: open %s: %w on %s", b, errors.ErrUnsupported, runtime.GOOS)
}

// Backends lists what Open accepts here, best first: each was opened once to
// see that it works, for a sandbox may forbid what the kernel has.
func Backends() []Backend {
	var list []Backend
	for _, o := range openers() {
		if p, err := o.open(); err == nil {
			_ = p.Close() // a probe; nothing was registered with it
			list = append(list, o.backend)
		}
	}
	return list
}

// bitNames joins the names of the bits set in v; a bit without a name is
// written as a number.
func bitNames(v uint32, names []string) string {
	if v == 0 {
		return "0"
	}
	var s []string
	for i := range 32 {
		switch bit := uint32(1) << i; {
		case v&bit == 0:
		case i < len(names) && names[i] != "":
			s = append(s, names[i])
		default:
			s = append(s, fmt.Sprintf("%#x", bit))
		}
	}
	return strings.Join(s, "|")
}
