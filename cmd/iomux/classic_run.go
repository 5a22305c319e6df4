//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"example.com/iomux/servers/classic"
)

// run serves until a signal asks for the end, or the server ends by itself.
func (s *classicServer) run(changed func(flag string) bool, stdout, stderr io.Writer) error {
	if err := s.check(changed); err != nil {
		return err
	}
	// Without a reader of its output the server goes on: a write to it fails
	// instead of killing the process.
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	log := s.log.logger(stderr)
	out := &heldWriter{w: stdout}
	server, err := s.start(s.options(out, log))
	if err != nil {
		return s.loops.explain(err)
	}
	end := func() error { return drainClassic(server, log, signals, s.times.drain.value) }
	for _, url := range server.URLs() {
		if _, err := fmt.Fprintln(stdout, "listening", url); err != nil {
			return errors.Join(fmt.Errorf("cannot say where it listens: %w", err), end())
		}
	}
	out.release()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if every := s.log.stats.value; every > 0 {
		go printStats(ctx, stdout, every, server.Stats)
	}
	select {
	case sig := <-signals:
		log.Info("draining", "signal", sig, "limit", s.times.drain.value)
	case <-server.Done():
	}
	return errors.Join(server.Err(), end())
}

// drainClassic shuts a server down. That clients did not let it in time is no error: the
// server did what was asked of it.
func drainClassic(server *classic.Server, log *slog.Logger, signals <-chan os.Signal, limit time.Duration) error {
	err := within(limit, signals, server.Shutdown)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("what did not drain in time was cut", "limit", limit, "err", err)
		return nil
	}
	return err
}

// heldWriter keeps what is written until it is released: a server may have something to
// say before it was said where it listens. Any goroutine may write.
type heldWriter struct {
	mu   sync.Mutex
	w    io.Writer
	held bytes.Buffer
	free bool
}

// Write implements io.Writer.
func (h *heldWriter) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.free {
		return h.held.Write(p)
	}
	return h.w.Write(p)
}

// release writes what was held, and holds nothing any more.
func (h *heldWriter) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.free = true
	_, _ = h.held.WriteTo(h.w) // nobody reads it any more: the server goes on
}
