//go:build linux

package load

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// grant takes up to n messages out of what is still to be sent.
func (g *generator) grant(n int64) int64 {
	if g.Messages > 0 {
		n = min(n, g.Messages-g.issued)
	}
	g.issued += n
	return n
}

// meant is when message seq of a connection is to leave in open loop: they take
// turns.
func (g *generator) meant(id uint32, seq int64) int64 {
	return g.meantNth(seq*int64(g.Conns) + int64(id))
}

func (g *generator) meantNth(k int64) int64 { return int64(float64(k) * 1e9 / g.Rate) }

// sendDue sends what the open loop owes by now and returns how long the
// generator may wait.
func (g *generator) sendDue(now int64) (time.Duration, error) {
	if err := g.issue(min(now, g.limit()), now); err != nil {
		return 0, err
	}
	left := time.Duration(g.meantNth(g.issued) - g.now())
	if left < awake {
		return 0, nil
	}
	return left - awake, nil
}

// limit is the last moment for which the open loop sends in this phase.
func (g *generator) limit() int64 {
	if g.phase == measuring {
		return g.to - 1
	}
	return int64(iomux.Forever)
}

// issue sends what was meant to leave at the latest at last.
func (g *generator) issue(last, now int64) error {
	for g.meantNth(g.issued) <= last {
		c := g.conns[g.issued%int64(g.Conns)]
		if g.grant(1) == 0 {
			break
		}
		c.due++
		if err := g.send(c, now); err != nil {
			return err
		}
	}
	return nil
}

// send writes what is due, unless something written before still waits.
func (g *generator) send(c *conn, now int64) error {
	for c.due > 0 && len(c.rest) == 0 {
		n := min(c.due, int64(len(g.out)/g.Size))
		p := g.out[:n*int64(g.Size)]
		for i := range n {
			g.pattern.fill(p[i*int64(g.Size):][:g.Size], c.id, uint64(c.sent+i))
		}
		g.stamp(c, n, now)
		c.sent += n
		c.due -= n
		w, err := g.write(c, p)
		if err != nil {
			return err
		}
		c.rest = append(c.rest, p[w:]...)
	}
	return g.watch(c, interest(c))
}

// stamp notes when the connection's next n messages left.
func (g *generator) stamp(c *conn, n, now int64) {
	if g.Rate == 0 {
		for seq := c.sent; seq < c.sent+n; seq++ {
			c.sentAt[seq%int64(g.Depth)] = now
		}
	} else if at := g.meant(c.id, c.sent); at >= g.from && g.phase >= measuring {
		g.result.Lag = max(g.result.Lag, time.Duration(now-at))
	}
}

// flush writes what the kernel refused before, then what has become due since.
func (g *generator) flush(c *conn, now int64) error {
	w, err := g.write(c, c.rest)
	if err != nil {
		return err
	}
	c.rest = append(c.rest[:0], c.rest[w:]...)
	return g.send(c, now)
}

func (g *generator) write(c *conn, p []byte) (int, error) {
	w, e := sys.Write(c.fd, p)
	switch e {
	case 0:
		return w, nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	}
	return 0, g.broken(c, os.NewSyscallError("write", e))
}

func interest(c *conn) iomux.Events {
	if len(c.rest) > 0 {
		return iomux.Readable | iomux.Writable
	}
	return iomux.Readable
}

// serve does what a connection is ready for: one read, one write.
func (g *generator) serve(c *conn, ready iomux.Events) error {
	idle := c.idle()
	if ready&iomux.Readable != 0 {
		if err := g.read(c); err != nil {
			return err
		}
	}
	if ready&iomux.Writable != 0 && len(c.rest) > 0 {
		if err := g.flush(c, g.now()); err != nil {
			return err
		}
	}
	if g.phase == draining && !idle && c.idle() {
		g.unfinished--
	}
	return nil
}

func (g *generator) read(c *conn) error {
	n, e := sys.Read(c.fd, g.in)
	switch {
	case e == unix.EAGAIN || e == unix.EINTR:
		return nil
	case e != 0:
		return g.broken(c, os.NewSyscallError("read", e))
	case n > 0:
		return g.receive(c, g.in[:n], g.now())
	case g.phase == ending:
		g.unfinished--
		return g.watch(c, 0)
	}
	return g.broken(c, io.ErrUnexpectedEOF)
}

// receive checks and counts an echo, and in closed loop answers it with the
// next message.
func (g *generator) receive(c *conn, p []byte, now int64) error {
	first := c.acked
	if err := c.take(&g.pattern, p); err != nil {
		return err
	}
	g.heard = now
	n := c.acked - first
	g.answered += n
	if g.phase == measuring {
		g.result.Messages += n
	}
	g.record(c, first, now)
	if g.Rate > 0 || g.phase >= draining {
		return nil
	}
	if g.Whole {
		if c.acked < c.sent || c.due > 0 {
			return nil
		}
		n = int64(g.Depth)
	}
	c.due += g.grant(n)
	return g.send(c, now)
}

// record puts the latencies of the connection's messages from first on, which
// are all back now, into the histogram.
func (g *generator) record(c *conn, first, now int64) {
	for seq := first; seq < c.acked; seq++ {
		if at, in := g.leftAt(c, seq); in {
			g.keep(now - at)
		}
	}
}

// leftAt is when the message left, or was meant to, and whether its latency is
// to be kept.
func (g *generator) leftAt(c *conn, seq int64) (at int64, in bool) {
	if g.Rate > 0 {
		at = g.meant(c.id, seq)
		return at, g.phase >= measuring && at >= g.from && at < g.to
	}
	at = c.sentAt[seq%int64(g.Depth)]
	// What was on its way while Began ran had to wait for that too.
	return at, g.phase == measuring && at >= g.from
}

func (g *generator) keep(latency int64) {
	// Between 0 and longest by construction, which is all that could fail.
	_ = g.result.Latency.RecordValue(latency)
}

// abandon gives up on what the open loop has not got back.
func (g *generator) abandon(c *conn, now int64) {
	for seq := c.acked; seq < c.sent+c.due; seq++ {
		if at, in := g.leftAt(c, seq); in {
			g.keep(now - at)
			g.result.Unanswered++
		}
	}
}

// broken is the error of a connection that the server or the kernel ended.
func (g *generator) broken(c *conn, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("load: connection %d: closed by the server after %d messages", c.id, c.acked)
	}
	return fmt.Errorf("load: connection %d: after %d messages: %w", c.id, c.acked, err)
}
