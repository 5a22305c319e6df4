//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"fmt"
)

// DialConn connects to an address as Dial does, on one loop after the other, and
// returns the connection for any goroutine to use; who gets it closes it. It waits, so
// it must not be called on a loop. Errors: those of Loop.Dial, returned or told; when
// ctx ends first, ErrCanceled and ctx's own.
func (g *Group) DialConn(ctx context.Context, address string, o DialOptions) (*NetConn, error) {
	type outcome struct {
		conn *NetConn
		err  error
	}
	comes := make(chan outcome, 1)
	h := &threaded{func(n *NetConn) {
		n.own()
		comes <- outcome{conn: n}
	}}
	d, err := g.Dial(address, h, o, func(err error) { comes <- outcome{err: err} })
	if err != nil {
		return nil, err
	}
	select {
	case out := <-comes:
		return out.conn, out.err
	case <-ctx.Done():
	}
	d.Cancel()
	if out := <-comes; out.conn != nil { // it comes in any case, and soon
		out.conn.Abort()
	}
	return nil, fmt.Errorf("reactor: dial %s: %w: %w", address, ErrCanceled, context.Cause(ctx))
}
