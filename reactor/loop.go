//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
	"example.com/iomux/selectors"
)

// source is what a loop's selector has as the data of a key.
type source interface {
	ready(events iomux.Events, raw iomux.Raw)
}

// Loop is one event loop: one goroutine that waits for its connections and
// calls their handlers.
type Loop struct {
	options *Options
	reserve *reserve // the group's
	log     *slog.Logger
	sel     *selectors.Selector[source]
	parker  parker
	yield   yielder
	done    chan struct{} // closed when the loop has ended

	// What the turn works on; of the loop's goroutine only.
	phase    phase
	batch    []selectors.Ready[source]
	found    int // entries of batch that are filled
	next     int // the entry to dispatch next
	running  []posted
	nextRun  int
	current  *Conn // whose callback runs, nil for none
	dirty    []*Conn
	finished []*Conn
	buried   int // entries of finished that are done with
	conns    []*Conn
	timers   timers
	fired    time.Time // what was due then is called
	readBuf  []byte
	pieces   [][]byte // room for one writev
	pool     chunkPool
	inputs   inputPool
	lastErr  time.Time // when the selector's last failure was logged
	draining bool
	forced   bool

	pausedAcceptors int

	mu        sync.Mutex
	posted    []posted
	ended     bool // no function is taken any more
	acceptors []*acceptor
	waiting   atomic.Bool // posted is not empty
}

// posted is a function from another goroutine and the connection, if any, in
// whose name it runs.
type posted struct {
	conn *Conn
	f    func()
}

// phase is how far a turn has come. A panic of a callback ends the function
// that runs the phases; the next one goes on where it was.
type phase int

const (
	phaseWait phase = iota
	phaseDispatch
	phasePosted
	phaseTimers
	phaseSettle
)

func newLoop(o *Options, r *reserve) (*Loop, error) {
	sel, err := selectors.New[source](o.Backend)
	if err != nil {
		return nil, err
	}
	l := &Loop{
		options: o,
		reserve: r,
		log:     o.Logger,
		sel:     sel,
		done:    make(chan struct{}),
		batch:   make([]selectors.Ready[source], batchSize),
		readBuf: make([]byte, readSize),
		pieces:  make([][]byte, 0, sys.MaxPieces),
	}
	l.parker, err = newParker(l)
	if err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

// now is the time of the loop's clock.
func (l *Loop) now() time.Time { return l.options.clock() }

// Post has f run on the loop's goroutine, in the order of the calls, at the
// latest after the batch at hand. Any goroutine may call it; it never blocks.
// ErrClosed: the loop has ended, and f will not run.
func (l *Loop) Post(f func()) error { return l.post(posted{f: f}) }

func (l *Loop) post(p posted) error {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return fmt.Errorf("reactor: post: %w", ErrClosed)
	}
	l.posted = append(l.posted, p)
	first := len(l.posted) == 1
	l.waiting.Store(true)
	l.mu.Unlock()
	if first {
		l.sel.Wake()
	}
	return nil
}

// run is the loop's goroutine. A callback that ends the goroutine with
// runtime.Goexit (testing.T.FailNow does) cannot be stopped from doing so; the
// loop goes on in a new one.
func (l *Loop) run() {
	over := false
	defer func() {
		if !over {
			go l.run()
		}
	}()
	for !l.over() {
		l.turn()
	}
	l.release()
	over = true
	close(l.done)
}

// over reports whether the loop has drained and takes nothing more.
func (l *Loop) over() bool {
	if !l.draining || len(l.conns) > 0 || l.phase != phaseWait {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.posted) > 0 {
		return false
	}
	l.ended = true
	return true
}

// release gives back what the loop holds.
func (l *Loop) release() {
	if l.parker != nil {
		l.parker.close()
	}
	if err := l.sel.Close(); err != nil {
		l.log.Error("cannot close a selector", "err", err)
	}
}

// turn runs the phases from where the loop stands to the end of one turn.
func (l *Loop) turn() {
	whole := false
	defer func() {
		if !whole {
			l.caught(recover())
		}
	}()
	if l.phase == phaseWait {
		l.wait()
		l.phase = phaseDispatch
	}
	if l.phase == phaseDispatch {
		for l.next < l.found {
			r := &l.batch[l.next]
			l.next++
			r.Key.Data.ready(r.Events, r.Raw)
		}
		l.phase = phasePosted
	}
	if l.phase == phasePosted {
		l.runPosted()
		if len(l.timers) > 0 {
			l.fired = l.now()
		}
		l.phase = phaseTimers
	}
	if l.phase == phaseTimers {
		l.current = nil
		l.fire()
		l.phase = phaseSettle
	}
	l.settle()
	l.phase = phaseWait
	whole = true
}

// caught deals with a callback that did not return: the connection it ran for
// is closed, and the turn goes on behind it. Every phase moves its cursor before
// it calls, so nothing is called twice. v is nil after runtime.Goexit.
func (l *Loop) caught(v any) {
	if l.phase == phaseWait {
		panic(v) // no callback runs there: the fault is our own
	}
	if v == nil {
		v = "runtime.Goexit was called"
	}
	err := fmt.Errorf("reactor: %w: %v", ErrPanic, v)
	attrs := []any{"panic", fmt.Sprint(v), "stack", string(debug.Stack())}
	if l.current != nil {
		attrs = append(attrs, "remote", l.current.remote)
		l.current.finish(err)
		l.current = nil
	}
	l.log.Error("handler panicked", attrs...)
}

// wait fills the batch. It does not block while there is something else to do.
func (l *Loop) wait() {
	timeout := selectors.Forever
	if at, ok := l.timers.next(); ok {
		timeout = max(0, at.Sub(l.now()))
	}
	if l.waiting.Load() {
		timeout = 0
	}
	var err error
	l.next = 0
	if l.found, err = l.parker.wait(timeout); err != nil {
		// Short of memory or descriptors for what a wait needs. The pause keeps
		// the loop from spinning on it.
		if now := time.Now(); now.Sub(l.lastErr) > time.Second {
			l.lastErr = now
			l.log.Error("cannot wait for events", "err", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// runPosted runs the functions posted so far; what they post comes next turn.
func (l *Loop) runPosted() {
	if len(l.running) == 0 && l.waiting.Load() {
		l.mu.Lock()
		l.running, l.posted = l.posted, l.running
		l.waiting.Store(false)
		l.mu.Unlock()
	}
	for l.nextRun < len(l.running) {
		p := l.running[l.nextRun]
		l.running[l.nextRun] = posted{}
		l.nextRun++
		l.current = p.conn
		p.f()
		if p.conn != nil {
			p.conn.settle()
		}
	}
	l.running, l.nextRun = l.running[:0], 0
}

// settle brings every connection that a callback touched in line, and buries
// those that are finished: again and again, for Closed may touch others.
func (l *Loop) settle() {
	l.current = nil
	for len(l.dirty) > 0 || len(l.finished) > 0 {
		for i := 0; i < len(l.dirty); i++ {
			c := l.dirty[i]
			c.dirty = false
			c.settle()
		}
		clear(l.dirty)
		l.dirty = l.dirty[:0]
		for l.buried < len(l.finished) {
			c := l.finished[l.buried]
			l.finished[l.buried] = nil
			l.buried++
			l.bury(c)
		}
		l.finished, l.buried = l.finished[:0], 0
	}
}

// open takes a new connection in and tells its handler.
func (l *Loop) open(fd int, remote netip.AddrPort, h Handler) {
	c := &Conn{loop: l, handler: h, remote: remote, fd: int32(fd)}
	if _, err := l.sel.Register(fd, iomux.Readable, c); err != nil {
		l.log.Error("cannot register a connection", "remote", remote, "err", err)
		_ = sys.Close(fd) // nothing was read or written
		return
	}
	c.interest = iomux.Readable
	c.index = int32(len(l.conns))
	l.conns = append(l.conns, c)
	l.debug("opened", c, nil)
	l.current = c
	h.Opened(c)
	if l.forced {
		c.finish(fmt.Errorf("reactor: %v: %w", remote, ErrForced))
	} else if l.draining {
		c.Close()
	}
	c.settle()
	l.current = nil
}

// bury calls Closed and closes the descriptor, whatever Closed does.
func (l *Loop) bury(c *Conn) {
	last := len(l.conns) - 1
	l.conns[c.index] = l.conns[last]
	l.conns[c.index].index = c.index
	l.conns[last] = nil
	l.conns = l.conns[:last]
	defer func() {
		l.debug("closed", c, c.reason)
		if errno := sys.Close(int(c.fd)); errno != 0 {
			l.log.Debug("cannot close a connection", "remote", c.remote, "err", errno)
		}
		c.fd = -1
		l.descriptorFreed()
	}()
	l.current = c
	c.handler.Closed(c, c.reason)
	l.current = nil
}

// debug logs what becomes of a connection, if anyone wants to know.
func (l *Loop) debug(what string, c *Conn, err error) {
	if !l.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	if err != nil {
		l.log.Debug(what, "remote", c.remote, "err", err)
	} else {
		l.log.Debug(what, "remote", c.remote)
	}
}

// drain begins to end the loop: no more connections, and those there are get
// what has arrived for them handled and what waits for them sent.
func (l *Loop) drain() {
	l.draining = true
	for _, a := range l.takeAcceptors() {
		a.close()
	}
	for _, c := range l.conns {
		_ = l.post(posted{c, c.drain}) // one each: a panic ends only its own
	}
}

// force ends every connection as it stands, and takes no more functions: one
// that posts itself again would keep the loop for ever.
func (l *Loop) force() {
	l.forced = true
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	for _, c := range l.conns {
		c.finish(fmt.Errorf("reactor: %v: %w", c.remote, ErrForced))
	}
}
