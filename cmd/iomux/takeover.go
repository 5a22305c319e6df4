//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"example.com/iomux/handover"
)

// takeOver asks who serves at a path for its sockets. nil: nobody does, or there is
// no path.
func takeOver(ctx context.Context, path string) (*handover.Takeover, error) {
	if path == "" {
		return nil, nil
	}
	taken, err := handover.Take(ctx, path)
	if errors.Is(err, handover.ErrNobody) {
		return nil, nil
	}
	return taken, err
}

// succeed has the predecessor leave. While it does not say that it has, both serve,
// and nobody can tell whether it will.
func succeed(ctx context.Context, taken *handover.Takeover, log *slog.Logger) (*handover.Server, error) {
	for {
		door, err := taken.Done(ctx)
		if ctx.Err() != nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return door, err
		}
		log.Warn("the predecessor does not say that it has left; this process serves beside it", "err", err)
	}
}
