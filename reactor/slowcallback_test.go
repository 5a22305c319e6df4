//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
)

// A loop that has ended, and one that waits for a peer while the group shuts down, is
// in no callback: the watchdog has nothing to say.
func TestAnEndedLoopIsNotSlow(t *testing.T) {
	leaktest.Check(t)
	const limit = 10 * time.Millisecond
	conns := make(chan *Conn, 1)
	g, ln, log := serve(t, Options{Loops: 3, SlowCallback: limit}, handler{opened: func(c *Conn) {
		smallBuffers(t, c)
		_, _ = c.Write(make([]byte, 900<<10)) // nobody reads it
		conns <- c
	}})
	dial(t, ln)
	receive(t, conns)
	ctx, cancel := context.WithTimeout(context.Background(), 20*limit)
	defer cancel()
	if err := g.Shutdown(ctx); !errors.Is(err, ErrForced) {
		t.Errorf("Shutdown: %v, want ErrForced: there was nothing to wait for", err)
	}
	if n, slow := log.count("a callback holds its loop up"), g.Stats().Slow; n > 0 || slow > 0 {
		t.Errorf("%d slow callbacks are logged and %d counted, of loops that do nothing", n, slow)
	}
}
