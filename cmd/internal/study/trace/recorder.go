//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package trace

import (
	"context"
	"sync"
	"time"

	"example.com/iomux/internal/sys"
)

// Recorder takes in what the hook sees. Any goroutine may call its methods; what it
// keeps is bounded by the open descriptors and the goroutines that make calls.
type Recorder struct {
	// Tables has each record that changes an interest table hold the whole of it, which
	// is for few connections only. It is set before the first call.
	Tables bool

	start time.Time
	sink  func(*Record)
	idle  func() // may be nil

	mu      sync.Mutex
	threads map[uint64]*thread
	loops   int
	names   *names
	tables  interest
	over    bool // nothing is taken in any more
	state   State
	wakers  int           // writes to a waker that have begun and not ended
	changed chan struct{} // closed when state has changed
}

// State is what a script can wait for.
type State struct {
	Waits    int // that may block and have begun, but those begun anew after a signal
	Waiting  bool
	Wakes    int // written to the waker and not read yet
	Accepted int // connections
	Open     int // connections that are not closed
	Written  int // bytes, to connections
}

// New makes a recorder that hands each record to sink, one at a time, on the goroutine
// that made the call; sink must not make calls through internal/sys. idle, if it is not
// nil, is called the same way before a loop blocks.
func New(sink func(*Record), idle func()) *Recorder {
	return &Recorder{
		start: time.Now(), sink: sink, idle: idle, threads: map[uint64]*thread{}, names: newNames(),
		tables: interest{map[int]map[int]Row{}}, changed: make(chan struct{}),
	}
}

// Install has the recorder see the process's calls from now on, until restore. What sink
// needs is the caller's again when restore has returned: calls that are under way still
// come to the hook, and are left out.
func (r *Recorder) Install() (restore func()) {
	remove := sys.SetHooks(&sys.Hooks{
		Fault: func(c sys.Call) sys.Errno { r.begin(&c); return 0 },
		Trace: func(c sys.Call) { r.end(&c) },
	})
	return func() {
		remove()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.over = true
		r.release()
	}
}

// Note puts a line between the records.
func (r *Recorder) Note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sink(&Record{Note: text, At: time.Since(r.start)})
}

// Await waits until the state is as ok wants it. It is ctx's error when that ends first.
func (r *Recorder) Await(ctx context.Context, ok func(State) bool) error {
	for {
		r.mu.Lock()
		state, changed := r.state, r.changed
		r.mu.Unlock()
		if ok(state) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// State is the state now.
func (r *Recorder) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// tell wakes those who wait for the state.
func (r *Recorder) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *Recorder) thread() *thread {
	id := goroutine()
	t := r.threads[id]
	if t == nil {
		t = &thread{}
		r.threads[id] = t
	}
	return t
}

// begin is told of a call before it is made.
func (r *Recorder) begin(c *sys.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	t := r.thread()
	t.stack = append(t.stack, c.Op)
	if c.Op == sys.OpWrite && r.names.of(c.FD).Kind == Waker {
		r.wakers++
		r.state.Wakes++
	}
	if len(t.stack) > 1 || !r.names.isWait(c) {
		return
	}
	if t.loop == 0 {
		r.loops++
		t.loop = r.loops
		if n := r.names.tables[c.FD]; n > 0 {
			t.loop = n // as its epoll is called
		}
	}
	if c.Timeout == 0 {
		return
	}
	t.waiting = true
	if !t.retry {
		r.state.Waits++
	}
	r.state.Waiting = true
	if r.idle != nil {
		r.idle()
	}
	r.tell()
}

// end is told of a call when it is over.
func (r *Recorder) end(c *sys.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	t := r.thread()
	if len(t.stack) == 0 {
		return // it began before the hook was there
	}
	t.stack = t.stack[:len(t.stack)-1]
	rec := r.record(t, c)
	if rec.Depth > 0 {
		t.inner = append(t.inner, rec)
		return
	}
	for _, inner := range t.inner {
		inner.Turn, inner.Phase = rec.Turn, rec.Phase
	}
	if r.idle != nil && rec.Wait && rec.Timeout == 0 && rec.Result == 0 {
		defer r.idle() // it may park in the runtime's poller now
	}
	r.emit(t, append([]*Record{rec}, t.inner...))
	t.inner = nil
	if t.loop == 0 {
		r.forget()
	}
}

// emit hands records on. A write to the waker may end later than the wait that it has
// ended: what the loop does from there on is held back until then, so that the cause
// comes before the effect.
func (r *Recorder) emit(t *thread, list []*Record) {
	if r.wakers > 0 && t.loop > 0 && (t.held != nil || t.woken && list[0].Wait) {
		t.held = append(t.held, list...)
		return
	}
	for _, rec := range list {
		r.sink(rec)
	}
	if first := list[0]; first.Op != sys.OpWrite || first.On.Kind != Waker {
		return
	}
	if r.wakers--; r.wakers == 0 {
		r.release()
	}
}

// release hands on what emit has held back.
func (r *Recorder) release() {
	for _, other := range r.threads {
		held := other.held
		other.held = nil
		for _, rec := range held {
			r.sink(rec)
		}
	}
}

// forget drops goroutines that are no loops: there is no end to them in a server.
func (r *Recorder) forget() {
	for id, t := range r.threads {
		if t.loop == 0 && len(t.stack) == 0 {
			delete(r.threads, id)
		}
	}
}

// record makes a record of a call, and takes in what it says.
func (r *Recorder) record(t *thread, c *sys.Call) *Record {
	rec := &Record{
		At: c.Start.Sub(r.start), Took: c.Took, Loop: t.loop, Depth: min(len(t.stack), 1),
		Op: c.Op, On: r.names.of(c.FD), Args: c.Args, Verb: c.Verb, Size: c.Size, Timeout: c.Timeout,
		Result: c.Result, Errno: c.Errno, Out: c.Out,
	}
	list := func(watches []sys.Watch) (refs []Ready) {
		for _, w := range watches {
			refs = append(refs, Ready{r.names.of(w.FD), w.Bits, w.Data})
		}
		return refs
	}
	rec.New = r.names.learn(c, rec.Depth > 0)
	if c.Op == sys.OpAccept {
		rec.On = r.names.of(c.FD) // the call may have shown what it is
	}
	rec.Asked, rec.Found = list(c.Asked), list(c.Found)
	if rec.Wait = rec.Depth == 0 && r.names.isWait(c); rec.Wait {
		t.waiting, t.retry = false, rec.Interrupted()
		if c.Errno == 0 {
			t.startTurn(rec)
		}
	}
	rec.Turn, rec.Ready = t.turn, t.batch[c.FD]
	rec.Phase = t.phase(rec, r.loops > 0)
	r.count(t, rec)
	if r.Tables {
		rec.Table = r.tables.change(rec)
	}
	return rec
}

// count keeps the state up to date.
func (r *Recorder) count(t *thread, rec *Record) {
	switch {
	case rec.Depth > 0:
		return
	case rec.Wait:
		r.state.Waiting = false
		for _, other := range r.threads {
			r.state.Waiting = r.state.Waiting || other.waiting
		}
	case rec.Op == sys.OpClose && rec.On.Kind == Conn: // whatever it answers, the number is free
		r.state.Open--
	case rec.Op == sys.OpWrite && rec.On.Kind == Waker && rec.Errno != 0:
		r.state.Wakes-- // counted when it began
	case rec.Errno != 0:
		return
	case rec.Op == sys.OpAccept:
		r.state.Accepted++
		r.state.Open++
		t.accept(rec.Result)
	case (rec.Op == sys.OpWrite || rec.Op == sys.OpWritev) && rec.On.Kind == Conn:
		r.state.Written += rec.Result
	case rec.Op == sys.OpRead && rec.On.Kind == Waker:
		r.state.Wakes--
	default:
		return
	}
	r.tell()
}
