//go:build linux

package load

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

const (
	batch   = 256
	inSize  = 256 << 10
	outSize = 64 << 10
	// tick bounds how long the generator waits without a look at the clock.
	tick = 100 * time.Millisecond
	// awake is how long before its time a message of the open loop finds the
	// generator polling instead of asleep: waking up takes tens of
	// microseconds, and would be measured as the server's.
	awake = 200 * time.Microsecond
)

// phase is how far a run has come.
type phase int

const (
	warming   phase = iota
	measuring       // between Began and Ended
	draining        // nothing new is sent; what is on its way comes back
	ending          // this side has said goodbye; the server does
	over
)

// generator is a run under way. Times are nanoseconds since its base.
type generator struct {
	Config
	poller  iomux.Poller
	timer   timer
	conns   []*conn
	byFD    []*conn
	pattern pattern
	in, out []byte

	base       time.Time
	phase      phase
	until      int64 // when the phase ends
	wake       int64 // when the timer fires
	heard      int64 // when something came last
	from, to   int64 // the window that is measured
	unfinished int   // connections that keep draining or ending from being over

	issued   int64 // messages whose sending was decided
	answered int64
	result   Result
}

// Run makes the load that c describes and measures the server under it. Any
// error ends the run at once; [ErrWrongEcho] says that the server is no echo
// server.
func Run(c Config) (*Result, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	if c.Kind != Echo || c.Mixed || c.Slow > 0 {
		return nil, fmt.Errorf("load: %v, mixed sizes and slow readers: %w", c.Kind, errors.ErrUnsupported)
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
		Config:  c,
		poller:  p,
		timer:   t,
		pattern: newPattern(c.Size),
		in:      make([]byte, inSize),
		out:     make([]byte, max(outSize, c.Depth*c.Size)),
		result:  Result{Latency: newHistogram()},
	}
	defer g.close()
	if err := g.connect(); err != nil {
		return nil, err
	}
	if err := g.run(); err != nil {
		return nil, err
	}
	return &g.result, nil
}

// connect makes the connections one after the other, and only then watches
// them: while dialling, the poller knows one descriptor.
func (g *generator) connect() error {
	for id := range g.Conns {
		fd, err := dial(g.poller, g.Addr, g.Patience)
		if err != nil {
			return fmt.Errorf("load: connection %d: %w", id, err)
		}
		c := &conn{fd: fd, id: uint32(id)}
		if g.Rate == 0 {
			c.sentAt = make([]int64, g.Depth)
		}
		g.conns = append(g.conns, c)
		g.byFD = append(g.byFD, make([]*conn, max(0, fd+1-len(g.byFD)))...)
		g.byFD[fd] = c
	}
	for _, c := range g.conns {
		if err := g.watch(c, iomux.Readable); err != nil {
			return err
		}
	}
	return g.poller.Update(g.timer.fd, 0, iomux.Readable)
}

func (g *generator) close() {
	for _, c := range g.conns {
		sys.Close(c.fd)
	}
}

func (g *generator) watch(c *conn, interest iomux.Events) error {
	if interest == c.interest {
		return nil
	}
	err := g.poller.Update(c.fd, c.interest, interest)
	c.interest = interest
	return err
}

func (g *generator) now() int64 { return int64(time.Since(g.base)) }

func (g *generator) run() error {
	g.base = time.Now()
	g.until = int64(g.Warm)
	if g.Rate == 0 {
		for _, c := range g.conns {
			c.due = g.grant(int64(g.Depth))
			if err := g.send(c, 0); err != nil {
				return err
			}
		}
	}
	ready := make([]iomux.Ready, batch)
	for {
		now := g.now()
		if err := g.advance(now); err != nil || g.phase == over {
			return err
		}
		timeout := iomux.Forever
		if g.Rate > 0 && g.phase < draining {
			var err error
			if timeout, err = g.sendDue(now); err != nil {
				return err
			}
		}
		n, err := g.poller.Wait(ready, timeout)
		if err != nil {
			return err
		}
		for _, r := range ready[:n] {
			if r.FD == g.timer.fd {
				g.wake = 0 // it is over, and advance sets it anew
			} else if err := g.serve(g.byFD[r.FD], r.Events); err != nil {
				return err
			}
		}
	}
}

// advance goes on through every phase that is done, and sees to it that the
// wait that follows ends in time for the next.
func (g *generator) advance(now int64) error {
	for before := over; g.phase != before && g.phase != over; {
		before = g.phase
		if err := g.step(now); err != nil {
			return err
		}
		if g.phase != before {
			now = g.now()
			g.wake = 0
		}
	}
	if now < g.wake {
		return nil
	}
	if g.Rate == 0 && g.phase <= measuring && now-g.heard > int64(g.Patience) {
		return fmt.Errorf("load: no echo for %v", g.Patience)
	}
	d := max(1, min(g.until-now, int64(tick)))
	g.wake = now + d
	return g.timer.set(time.Duration(d))
}

// step leaves the phase if it is done.
func (g *generator) step(now int64) error {
	late := now >= g.until
	switch g.phase {
	case warming:
		if late {
			return g.begin()
		}
	case measuring:
		if late || g.Messages > 0 && g.answered >= g.Messages {
			return g.drain(now)
		}
	case draining:
		if g.unfinished == 0 || late && g.Rate > 0 {
			return g.sayGoodbye(now)
		}
		if late {
			return fmt.Errorf("load: %d connections lack an echo %v after the last was sent", g.unfinished, g.Patience)
		}
	case ending:
		if g.unfinished == 0 {
			g.phase = over
		} else if late {
			return fmt.Errorf("load: %d connections still open %v after the ends of their streams", g.unfinished, g.Patience)
		}
	}
	return nil
}

func (g *generator) begin() error {
	if err := g.Began(); err != nil {
		return err
	}
	g.phase = measuring
	g.from = g.now()
	g.to = g.from + int64(g.Duration)
	g.until = g.to
	g.heard = g.from
	return nil
}

func (g *generator) drain(now int64) error {
	g.result.Elapsed = time.Duration(now - g.from)
	if err := g.Ended(); err != nil {
		return err
	}
	if g.Rate > 0 {
		// What was meant to leave within the window still does.
		if err := g.issue(g.to-1, now); err != nil {
			return err
		}
	}
	g.phase = draining
	g.until = g.now() + int64(g.Patience)
	for _, c := range g.conns {
		if !c.idle() {
			g.unfinished++
		}
	}
	return nil
}

// sayGoodbye ends this side's streams: a server that still has something up its
// sleeve sends it now, and then must close.
func (g *generator) sayGoodbye(now int64) error {
	g.unfinished = 0
	for _, c := range g.conns {
		if !c.idle() {
			g.abandon(c, now)
			if err := g.watch(c, 0); err != nil {
				return err
			}
			continue
		}
		if err := unix.Shutdown(c.fd, unix.SHUT_WR); err != nil {
			return g.broken(c, os.NewSyscallError("shutdown", err))
		}
		g.unfinished++
	}
	g.phase = ending
	g.until = now + int64(g.Patience)
	return nil
}
