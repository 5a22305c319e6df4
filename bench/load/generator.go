//go:build linux

package load

import (
	"time"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

const (
	batch   = 256
	inSize  = 256 << 10
	outSize = 64 << 10
	// tick bounds how long the generator waits without a look at the clock.
	tick = int64(100 * time.Millisecond)
)

// generator is a run under way: the phases, the clock and the poller, and what
// is counted. What it does to the server is its traffic's. Times are
// nanoseconds since its base.
type generator struct {
	Config
	poller    iomux.Poller
	timer     timer
	traffic   traffic
	endpoints []endpoint // by descriptor
	in, out   []byte     // for the endpoint whose turn it is

	base     time.Time
	phase    phase
	until    int64 // when the phase ends
	every    int64 // how often the traffic is told the time
	wake     int64 // when the timer fires
	heard    int64 // when something came last
	from, to int64 // the window that is measured
	open     int   // streams ended by this side and not yet by the server

	issued   int64 // messages whose sending was decided
	answered int64
	waited   total // the latencies kept
	result   Result
}

// endpoint is whose a descriptor is.
type endpoint interface {
	// ready does what the descriptor is ready for: one read, one write.
	ready(events iomux.Events) error
}

// Run makes the load that c describes and measures the server under it. Any
// error ends the run at once; [ErrWrongEcho] says that the server does not send
// what it should.
func Run(c Config) (*Result, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	if err := makeRoom(c.Conns + c.Slow); err != nil {
		return nil, err
	}
	p, err := iomux.Open(c.Backend)
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.Close() }() // all that it knew is closed by then, or closes now
	t, err := newTimer()
	if err != nil {
		return nil, err
	}
	defer sys.Close(t.fd)
	g := &generator{
		Config: c,
		poller: p,
		timer:  t,
		in:     make([]byte, inSize),
		out:    make([]byte, max(outSize, c.Depth*c.Size)),
		every:  tick,
		result: Result{Latency: newHistogram()},
	}
	g.traffic = newTraffic(g)
	defer g.traffic.close()
	if err := g.run(); err != nil {
		return nil, err
	}
	g.result.MeanLatency = g.waited.mean(g.result.Latency.TotalCount())
	return &g.result, nil
}

func (g *generator) run() error {
	g.base = time.Now()
	if err := g.traffic.connect(); err != nil {
		return err
	}
	if err := g.poller.Update(g.timer.fd, 0, iomux.Readable); err != nil {
		return err
	}
	g.toSettling()
	ready := make([]iomux.Ready, batch)
	for {
		now := g.now()
		if err := g.advance(now); err != nil || g.phase == over {
			return err
		}
		timeout, err := g.traffic.due(now)
		if err != nil {
			return err
		}
		n, err := g.poller.Wait(ready, timeout)
		if err != nil {
			return err
		}
		for _, r := range ready[:n] {
			if r.FD == g.timer.fd {
				g.wake = 0 // it is over, and advance sets it anew
			} else if err := g.endpoints[r.FD].ready(r.Events); err != nil {
				return err
			}
		}
	}
}

func (g *generator) now() int64 { return int64(time.Since(g.base)) }

// attach makes e the one that descriptor fd belongs to.
func (g *generator) attach(fd int, e endpoint) {
	g.endpoints = append(g.endpoints, make([]endpoint, max(0, fd+1-len(g.endpoints)))...)
	g.endpoints[fd] = e
}

// grant takes up to n messages out of what is still to be sent.
func (g *generator) grant(n int64) int64 {
	if g.Messages > 0 {
		n = min(n, g.Messages-g.issued)
	}
	g.issued += n
	return n
}

// count notes n messages that came back at now.
func (g *generator) count(n, now int64) {
	g.heard = now
	g.answered += n
	if g.phase == measuring {
		g.result.Messages += n
	}
}

// within reports whether what left at a time, and is back now, is to be
// measured. What was on its way while Began ran had to wait for that too.
func (g *generator) within(at int64) bool { return g.phase == measuring && at >= g.from }

// keep puts n messages of one latency into the result.
func (g *generator) keep(latency, n int64) {
	// Between 0 and longest by construction, which is all that could fail.
	_ = g.result.Latency.RecordValues(latency, n)
	g.waited.add(latency, n)
}
