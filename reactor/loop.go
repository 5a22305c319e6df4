//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"log/slog"
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

// party is for whom a callback runs.
type party interface {
	name() string       // in messages
	settle()            // what comes after a callback
	panicked(err error) // what comes instead, if it does not return
}

// Loop is one event loop: one goroutine that waits for its connections and
// calls their handlers.
type Loop struct {
	group   *Group
	options *Options // the group's
	number  int      // in the group
	log     *slog.Logger
	sel     *selectors.Selector[source]
	parker  parker
	yield   yielder
	epoch   time.Time     // of the loop's clock
	done    chan struct{} // closed when the loop has ended

	// What the turn works on; of the loop's goroutine only.
	phase      phase
	batch      []selectors.Ready[source]
	found      int // entries of batch that are filled
	next       int // the entry to dispatch next
	running    []posted
	nextRun    int
	current    party // whose callback runs, nil for none
	dirty      []tidier
	tidied     int // entries of dirty that are done with
	finished   []ending
	buried     int // entries of finished that are done with
	conns      []*Conn
	coroutines []*Coroutine
	inside     *Coroutine // that runs, nil for none
	strands    []*strand  // that are idle
	unwatched  int        // conns in which the selector has no interest
	sweep      *Timer     // looks after these
	dials      []*Dial
	packets    packets
	alarms     alarms
	order      uint64        // of the last timer that was set
	fired      time.Duration // what was due then is called
	readBuf    []byte
	pieces     [][]byte // room for one writev
	pool       chunkPool
	inputs     inputPool
	plain      []byte     // what of TLS is decrypted; nil: there was none yet
	handshakes handshakes // of TLS
	counts     Stats      // published once a turn
	lastErr    time.Time  // when the selector's last failure was logged
	draining   bool
	forced     bool
	crashed    bool // a panic is to end the process

	pausedAcceptors int
	watched         watched

	mu        sync.Mutex
	posted    []posted
	ended     bool // no function is taken any more
	acceptors []*acceptor
	waiting   atomic.Bool // posted is not empty

	late      sync.Mutex   // one at a time of those that outlive the loop
	load      atomic.Int64 // connections, for who hands them out
	statsMu   sync.Mutex
	published Stats
}

// tidier is what the end of the turn has to bring in line.
type tidier interface{ tidy() }

// posted is a function from another goroutine and for whom, if anyone, it runs.
type posted struct {
	who party
	f   func()
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

func newLoop(g *Group, number int) (*Loop, error) {
	o := &g.options
	sel, err := selectors.New[source](o.Backend)
	if err != nil {
		return nil, err
	}
	l := &Loop{
		group:   g,
		options: o,
		number:  number,
		log:     o.Logger,
		sel:     sel,
		epoch:   time.Now(),
		done:    make(chan struct{}),
		batch:   make([]selectors.Ready[source], batchSize),
		readBuf: make([]byte, readSize),
		pieces:  make([][]byte, 0, sys.MaxPieces),
		// Rounded up, so that each may have one.
		handshakes: handshakes{limit: (o.MaxHandshakes + o.Loops - 1) / o.Loops},
	}
	if o.clock != nil {
		l.epoch = o.clock()
	}
	l.parker, err = newParker(l)
	if err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

// now is the time of the loop's clock, since its epoch.
func (l *Loop) now() time.Duration {
	if l.options.clock != nil {
		return l.options.clock().Sub(l.epoch)
	}
	return time.Since(l.epoch)
}

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
		if !over && !l.crashed {
			go l.run()
		}
	}()
	l.pin()
	l.watched.begin()
	for !l.over() {
		l.turn()
	}
	l.watched.rest()
	l.release()
	over = true
	close(l.done)
}

// keptPosts is for how many posted functions the loop keeps room. There is no bound
// on how many may wait: a Post that blocked could wait for its own loop, and one that
// refused would lose what is mostly somebody's answer. Who posts bounds it.
const keptPosts = 4096

// over reports whether the loop has drained and takes nothing more.
func (l *Loop) over() bool {
	if !l.draining || len(l.conns) > 0 || len(l.dials) > 0 || len(l.coroutines) > 0 && !l.forced || l.packets.busy() || l.phase != phaseWait {
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
	l.endStrands()
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
			l.watched.step()
			who := r.Key.Data
			r.Key.Data = nil // an idle loop holds on to nobody
			who.ready(r.Events, r.Raw)
		}
		l.phase = phasePosted
	}
	if l.phase == phasePosted {
		l.runPosted()
		if len(l.alarms) > 0 {
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
	l.publish()
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
	failed := newFailure(v)
	l.counts.Panics++
	attrs := []any{"panic", failed.String(), "stack", string(failed.stack)}
	if who := l.current; who != nil {
		l.current = nil
		attrs = append(attrs, "remote", who.name())
		who.panicked(fmt.Errorf("reactor: %w: %s", ErrPanic, failed.String()))
	}
	l.log.Error("handler panicked", attrs...)
	if l.options.OnPanic == Crash {
		l.crashed = true
		panic(v)
	}
}

// wait fills the batch. It does not block while there is something else to do.
func (l *Loop) wait() {
	timeout := selectors.Forever
	if at, ok := l.alarms.next(); ok {
		timeout = max(0, at-l.now())
	}
	if l.waiting.Load() {
		timeout = 0
	}
	var err error
	l.next = 0
	l.watched.rest()
	l.found, err = l.parker.wait(timeout)
	l.watched.work()
	l.counts.Turns++
	l.counts.Events += uint64(l.found)
	if err != nil {
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
		l.current = p.who
		l.counts.Posted++
		l.watched.step()
		p.f()
		if p.who != nil {
			p.who.settle()
		}
	}
	l.running, l.nextRun = l.running[:0], 0
	if cap(l.running) > keptPosts {
		l.running = nil
	}
}

// settle brings everything that a callback touched in line, and buries the
// connections that are finished: again and again, for Closed may touch others.
func (l *Loop) settle() {
	l.current = nil
	for len(l.dirty) > 0 || len(l.finished) > 0 {
		for l.tidied < len(l.dirty) {
			d := l.dirty[l.tidied]
			l.dirty[l.tidied] = nil
			l.tidied++
			l.watched.step()
			d.tidy()
		}
		l.dirty, l.tidied = l.dirty[:0], 0
		for l.buried < len(l.finished) {
			e := l.finished[l.buried]
			l.finished[l.buried] = ending{}
			l.buried++
			l.watched.step()
			l.bury(e.conn, e.reason)
		}
		l.finished, l.buried = l.finished[:0], 0
	}
}
