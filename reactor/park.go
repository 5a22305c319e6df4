//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
	"example.com/iomux/selectors"
)

// WaitMode is how a loop waits when nothing is ready.
type WaitMode string

const (
	// Fair parks the loop's goroutine in Go's own poller, which watches the
	// backend's descriptor: no thread sits in a system call with a processor,
	// where the runtime's monitor would have to take it away again and again.
	// While events come so fast that a wait is over before the monitor looks,
	// it blocks in the system call as Polite does, which is cheaper then. Needs
	// epoll or kqueue.
	Fair WaitMode = "fair"
	// Polite blocks in the system call. As good where processors are to spare,
	// and the only way for poll and select.
	Polite WaitMode = "polite"
)

// parker waits on a loop's selector and fills its batch.
type parker interface {
	// wait returns how many entries of the batch it filled: none when timeout
	// has passed, or when a function was posted.
	wait(timeout time.Duration) (int, error)
	close()
}

func newParker(l *Loop) (parker, error) {
	l.yield.start = time.Now()
	polite := &politeParker{l: l}
	switch {
	case l.options.Wait == Polite:
		return polite, nil
	case l.options.Wait == Fair && l.sel.Fd() < 0:
		return nil, fmt.Errorf("reactor: %w: Wait %q needs a backend with a descriptor (epoll, kqueue), not %s", ErrOption, Fair, l.sel.Backend())
	case l.options.Wait == "" && l.sel.Fd() < 0:
		return polite, nil
	}
	p := &fairParker{politeParker: *polite, brisk: briskWait}
	if l.options.Wait == "" && l.options.Loops < runtime.GOMAXPROCS(0) {
		p.brisk = spareWait
	}
	p.ask = p.askSelector
	if err := p.open(); err != nil {
		if l.options.Wait == Fair {
			return nil, err
		}
		return polite, nil
	}
	return p, nil
}

// look asks the selector.
func (l *Loop) look(timeout time.Duration) (int, error) {
	l.counts.Waits++
	return l.sel.SelectInto(l.batch, timeout)
}

// politeParker lets the selector block.
type politeParker struct {
	l *Loop
	// several: the last wait found more than one event, so that there are
	// likely more by now, and asking without waiting is cheaper.
	several bool
}

func (p *politeParker) wait(timeout time.Duration) (int, error) {
	if p.several || timeout <= 0 {
		n, err := p.l.look(0)
		p.several = n > 1
		// The look may have taken in the wake-up of a posted function, so that
		// the wait below would not return for it.
		if n > 0 || err != nil || timeout <= 0 || p.l.waiting.Load() {
			p.l.yield.byTime()
			return n, err
		}
	}
	// Not only a busy loop must yield: one that goes from system call to system
	// call looks to the runtime's monitor as if it ran all the time, and after
	// 10 ms of that the monitor takes the processor from every single wait.
	// Measured at 10,000 messages a second on one processor: 2.2 times the CPU
	// of C without the yield, 1.1 with it.
	p.l.yield.byTime()
	n, err := p.l.look(timeout)
	p.several = n > 1
	return n, err
}

func (*politeParker) close() {}

// fairParker has Go's poller watch a duplicate of the selector's descriptor.
type fairParker struct {
	politeParker
	file     *os.File // the duplicate
	raw      syscall.RawConn
	ghosts   int       // of the selector, when file was opened
	deadline time.Time // of file; zero: none
	// A wait parks if the last one, which took lasted, was not shorter than brisk.
	brisk, lasted time.Duration

	// What ask leaves for wait.
	ask func(uintptr) bool // askSelector as a value, made once
	n   int
	err error
}

// briskWait is the longest a wait may last for the next one to block in the
// system call. The runtime's monitor takes a processor that it finds twice in the
// same call, and never looks more often than every 70 µs or so (20 µs and what
// the kernel adds to a sleep): much shorter waits are safe from it. Measured on one
// processor, parked and blocked: 1.18 and 2.67 times the CPU of C at 1,000
// messages a second; 1.22 and 1.10 at 80,000, and with another goroutine's timers
// running 1.91 and 1.09. In between, at 10,000, blocking is anything from 1.0 to
// 1.7, depending on whether the monitor sleeps; parking is 1.2 and stays so.
const briskWait = 30 * time.Microsecond

// spareWait is briskWait's like where processors are to spare, so that it does not
// matter if the monitor takes one away. It does so after 10 ms, though, and looks
// every 20 µs for the next 10 ms then: of a message each 50 ms, blocked, it made 2.7
// ms of CPU time on a virtual machine; parked 0.25 ms, and a server of Go's package
// net 0.2. At one a 5 ms and more often than that both ways cost the same.
const spareWait = 5 * time.Millisecond

// open makes the duplicate. os.NewFile hands a non-blocking descriptor to the
// runtime's poller; where that refuses it, SetReadDeadline fails.
func (p *fairParker) open() error {
	fd, errno := sys.Dup(p.l.sel.Fd())
	if errno != 0 {
		return fmt.Errorf("reactor: duplicate the selector's descriptor: %w", errno)
	}
	if errno := sys.SetNonblock(fd); errno != 0 {
		_ = sys.Close(fd) // the error at hand says more
		return fmt.Errorf("reactor: make the selector's descriptor non-blocking: %w", errno)
	}
	file := os.NewFile(uintptr(fd), "selector")
	raw, err := file.SyscallConn()
	if err == nil {
		err = file.SetReadDeadline(time.Time{})
	}
	if err != nil {
		return fmt.Errorf("reactor: park in the runtime's poller: %w", errors.Join(err, file.Close()))
	}
	p.file, p.raw, p.ghosts, p.deadline = file, raw, p.l.sel.Ghosts(), time.Time{}
	return nil
}

func (p *fairParker) wait(timeout time.Duration) (int, error) {
	if p.l.sel.Ghosts() != p.ghosts { // its descriptor is another one now
		p.close()
		if err := p.open(); err != nil { // out of descriptors, which only serving can free
			return p.politeParker.wait(timeout)
		}
	}
	if keep := p.l.yield.keeps(); keep > 0 && timeout > 0 {
		return p.hold(min(keep, timeout))
	}
	began := time.Since(p.l.yield.start)
	var n int
	var err error
	if p.lasted < p.brisk || timeout <= 0 {
		n, err = p.politeParker.wait(timeout)
	} else {
		n, err = p.park(timeout)
	}
	p.lasted = time.Since(p.l.yield.start) - began
	return n, err
}

// park waits in the runtime's poller.
func (p *fairParker) park(timeout time.Duration) (int, error) {
	if err := p.limit(timeout); err != nil {
		return 0, err
	}
	// ask is called at once, and again whenever the descriptor turns readable.
	err := p.raw.Read(p.ask)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.n, p.err, p.deadline = 0, nil, time.Time{}
		err = p.file.SetReadDeadline(time.Time{})
	}
	if err != nil {
		return 0, fmt.Errorf("reactor: park in the runtime's poller: %w", err)
	}
	if p.n > 0 {
		p.l.yield.byTime() // what was there at once was no park: a busy loop comes here too
	}
	return p.n, p.err
}

// askSelector reports whether there is something to do.
func (p *fairParker) askSelector(uintptr) bool {
	p.n, p.err = p.l.look(0)
	return p.n > 0 || p.err != nil || p.l.waiting.Load() || p.l.sel.Ghosts() != p.ghosts
}

// limit makes sure that a park ends in time. An earlier deadline that is still
// to come is left as it is: it costs one idle turn, less than a change.
func (p *fairParker) limit(timeout time.Duration) error {
	if timeout == selectors.Forever {
		return nil
	}
	if end := time.Now().Add(timeout); p.deadline.IsZero() || p.deadline.After(end) {
		p.deadline = end
		if err := p.file.SetReadDeadline(end); err != nil {
			return fmt.Errorf("reactor: park in the runtime's poller: %w", err)
		}
	}
	return nil
}

// hold waits while the loop keeps its processor, as it may for as long as
// others have had it before (see yielder). The runtime's preemption signal ends
// it, which is a request to yield.
func (p *fairParker) hold(timeout time.Duration) (int, error) {
	n, err := p.l.look(0)
	if n > 0 || err != nil || p.l.waiting.Load() {
		return n, err
	}
	if sys.HoldForRead(p.l.sel.Fd(), timeout) == unix.EINTR {
		p.l.yield.now()
	}
	return p.l.look(0)
}

func (p *fairParker) close() {
	if p.file == nil { // closed, and could not be opened again
		return
	}
	if err := p.file.Close(); err != nil {
		p.l.log.Error("cannot close a loop's descriptor", "err", err)
	}
	p.file = nil
}

// yielder lets other goroutines of the processor run while a loop is busy: a
// loop that always finds something ready never blocks, and the runtime would
// take the processor from it only every 10 ms. Measured on one processor at full
// load, a garbage collection then took 101 ms instead of 5.6, and timers were 20
// ms late instead of 1.
//
// Beside a goroutine that computes, each yield costs a time slice; so the loop
// then keeps the processor for as long as it had to wait, and both get half.
type yielder struct {
	start time.Time
	last  time.Duration // when the last yield ended, since start
	keep  time.Duration // until when the loop need not yield, since start
}

const (
	yieldEvery = 500 * time.Microsecond
	// contended is how long a yield takes only when others compute.
	contended = time.Millisecond
	// keepLimit bounds how late the loop can make others: two time slices.
	keepLimit = 20 * time.Millisecond
)

// byTime yields if the last time was long enough ago.
func (y *yielder) byTime() {
	if y.due(time.Since(y.start)) {
		y.now()
	}
}

// now yields.
func (y *yielder) now() {
	before := time.Since(y.start)
	runtime.Gosched()
	y.yielded(before, time.Since(y.start))
}

// due reports whether it is time to yield.
func (y *yielder) due(now time.Duration) bool {
	return now-y.last >= yieldEvery && now >= y.keep
}

// yielded takes in how long a yield took.
func (y *yielder) yielded(before, after time.Duration) {
	y.last = after
	if took := after - before; took > contended {
		y.keep = after + min(took, keepLimit)
	}
}

// keeps is how much longer the loop need not yield; 0 if it should. The clock is
// looked at only while it matters.
func (y *yielder) keeps() time.Duration {
	if y.keep == 0 {
		return 0
	}
	keep := y.keep - time.Since(y.start)
	if keep <= 0 {
		y.keep, keep = 0, 0
	}
	return keep
}
