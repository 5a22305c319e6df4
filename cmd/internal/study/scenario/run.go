//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/iomux/cmd/internal/study/trace"
)

// patience bounds a scenario, which takes a few milliseconds.
const patience = 30 * time.Second

// Run plays a scenario on a backend and gives every record to sink, on whichever
// goroutine made the call, one at a time. The hook of internal/sys is the process's:
// one Run at a time, and nothing else that makes calls through it.
func Run(ctx context.Context, sc Scenario, b Backend, sink func(*trace.Record)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	restoreBackend := b.prepare()
	defer restoreBackend()
	rec := trace.New(sink, nil)
	restore := rec.Install()
	defer restore()
	rec.Note("the server starts")
	sv, err := open(b)
	if err != nil {
		return err
	}
	s := &script{ctx: ctx, rec: rec, server: sv, deadline: time.Now().Add(patience)}
	err = s.do(func(s *script) {
		s.await(any)
		rec.Note("it listens")
		s.address, err = sv.listen(sc.app, sc.socket)
		if err != nil {
			panic(stop{err})
		}
		s.await(any)
		sc.play(s)
	})
	if err != nil {
		err = fmt.Errorf("scenario %s on %s: %w", sc.Name, b, err)
	}
	rec.Note("the server ends")
	return errors.Join(err, sv.shutdown(ctx))
}

// open starts a server on a backend.
func open(b Backend) (server, error) {
	if b == EpollEdge {
		return newEdgeServer(b.poller())
	}
	return newReactorServer(b.poller())
}
