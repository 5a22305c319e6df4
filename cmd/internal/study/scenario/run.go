//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package scenario

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"example.com/iomux/cmd/internal/study/trace"
)

// patience bounds a scenario, which takes a few milliseconds.
const patience = 30 * time.Second

// Run plays a scenario on a backend and gives every record to sink, on whichever
// goroutine made the call, one at a time. The hook of internal/sys is the process's:
// one Run at a time, and nothing else that makes calls through it.
func Run(ctx context.Context, sc Scenario, b Backend, sink func(*trace.Record)) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	restoreBackend := b.Prepare()
	defer restoreBackend()
	rec := trace.New(sink, nil)
	rec.Tables = true // a page shows them, and there are few connections
	restore := rec.Install()
	defer restore()
	url := "tcp://127.0.0.1:0"
	if sc.local {
		var remove func()
		if url, remove, err = localURL(); err != nil {
			return err
		}
		defer remove()
	}
	rec.Note("the server starts")
	sv, err := open(b)
	if err != nil {
		return err
	}
	s := &script{ctx: ctx, rec: rec, server: sv, deadline: time.Now().Add(patience)}
	err = s.do(func(s *script) {
		s.await(any)
		rec.Note("it listens")
		s.address, err = sv.listen(url, sc.app, sc.socket)
		if err != nil {
			panic(stop{err})
		}
		s.await(any)
		sc.play(s)
	})
	if err != nil {
		err = fmt.Errorf("scenario %s on %s: %w", sc.Name, b, err)
	}
	s.end()
	rec.Note("the server ends")
	// Also that of a script that was given up ends in good order, in its own time.
	ending, done := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer done()
	return errors.Join(err, sv.shutdown(ending))
}

// open starts a server on a backend.
func open(b Backend) (server, error) {
	if b == EpollEdge {
		return newEdgeServer(b.poller())
	}
	return newReactorServer(b.poller())
}

// localURL is a Unix socket's address that nobody else has, nor can have taken before,
// which goes with the process where names need no file. The name ends in nothing but
// figures: a stable trace leaves those out.
func localURL() (url string, remove func(), err error) {
	if runtime.GOOS == "linux" {
		return fmt.Sprintf("unix:@iomux-study-%d%019d", os.Getpid(), rand.Int64()), func() {}, nil
	}
	dir, err := os.MkdirTemp("", "iomux-study")
	if err != nil {
		return "", nil, err
	}
	return "unix://" + filepath.Join(dir, "socket"), func() { _ = os.RemoveAll(dir) }, nil
}
