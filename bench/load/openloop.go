//go:build linux

package load

import (
	"time"

	"example.com/iomux"
)

// awake is how long before its time a message of the open loop finds the
// generator polling instead of asleep: waking up takes tens of microseconds,
// and would be measured as the server's.
const awake = 200 * time.Microsecond

// meant is when message seq of a connection is to leave in open loop: they take
// turns.
func (e *echo) meant(id uint32, seq int64) int64 {
	return e.meantNth(seq*int64(e.Conns) + int64(id))
}

func (e *echo) meantNth(k int64) int64 { return e.epoch + int64(float64(k)*1e9/e.Rate) }

// meantWithin is when the message was meant to leave, and whether that was
// within the window.
func (e *echo) meantWithin(c *echoConn, seq int64) (at int64, in bool) {
	at = e.meant(c.id, seq)
	return at, e.phase >= measuring && at >= e.from && at < e.to
}

// sendDue sends what the open loop owes by now and returns how long the
// generator may wait.
func (e *echo) sendDue(now int64) (time.Duration, error) {
	if err := e.issue(min(now, e.limit()), now); err != nil {
		return 0, err
	}
	left := time.Duration(e.meantNth(e.issued) - e.now())
	if left < awake {
		return 0, nil
	}
	return left - awake, nil
}

// limit is the last moment for which the open loop sends in this phase.
func (e *echo) limit() int64 {
	if e.phase == measuring {
		return e.to - 1
	}
	return int64(iomux.Forever)
}

// issue sends what was meant to leave at the latest at last.
func (e *echo) issue(last, now int64) error {
	for e.meantNth(e.issued) <= last {
		c := e.conns[e.issued%int64(e.Conns)]
		if e.grant(1) == 0 {
			break
		}
		c.due++
		if err := e.send(c, now); err != nil {
			return err
		}
	}
	return nil
}

// lag notes how late the message that has just left was.
func (e *echo) lag(c *echoConn, seq, now int64) {
	if at := e.meant(c.id, seq); at >= e.from && e.phase >= measuring {
		e.result.Lag = max(e.result.Lag, time.Duration(now-at))
	}
}

// abandon gives up on what the open loop has not got back.
func (e *echo) abandon(c *echoConn, now int64) {
	for seq := c.acked; seq < c.sent+c.due; seq++ {
		if at, in := e.meantWithin(c, seq); in {
			e.keep(now-at, 1)
			e.result.Unanswered++
		}
	}
}
