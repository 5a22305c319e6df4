//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"example.com/iomux/handover"
	"example.com/iomux/reactor"
)

// firstWord is how long the clients that a server accepted last have before it
// drains, which ends the connections that have nothing to be answered: several round
// trips within a continent, and nothing to one who waits for the old server's end.
const firstWord = 300 * time.Millisecond

// serve waits for a signal, or for a successor to take over, and ends the service
// in order: what has arrived is answered, for as long as limit.
func (sv *service) serve(signals <-chan os.Signal, limit time.Duration) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	succeeded := sv.attend(ctx)
	var err error
	select {
	case sig := <-signals:
		cancel()
		sv.log.Info("draining", "signal", sig, "limit", limit)
		sv.notify(handover.Stopping)
		if succeeded != nil {
			err = <-succeeded // a successor is not left half-way
		}
	case err = <-succeeded:
		// The manager is told nothing: it is the successor's service now.
		sv.log.Info("draining, as a successor serves", "limit", limit)
		// Who was accepted a moment ago may be about to say the first word.
		select {
		case <-time.After(firstWord):
		case sig := <-signals:
			return fmt.Errorf("signal (%v) during a hand-over: exiting at once", sig)
		}
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		sv.log.Warn("the hand-over left something behind", "err", err)
	}
	return sv.drain(signals, limit)
}

// attend waits for a successor, and stops accepting when it has taken over. nil: no
// successor can come.
func (sv *service) attend(ctx context.Context) <-chan error {
	if sv.door == nil {
		return nil
	}
	sv.door.Logger = sv.log
	over := make(chan error, 1)
	go func() { over <- sv.door.Serve(ctx, sv.sockets, sv.leave) }()
	return over
}

// sockets are what a successor gets.
func (sv *service) sockets() (list []handover.Socket, err error) {
	for _, l := range sv.listeners {
		files, err := l.Files()
		if err != nil {
			return list, err
		}
		list = append(list, handover.Socket{Name: l.name, URL: l.URL(), Files: files})
	}
	return list, nil
}

// leave stops accepting and leaves the sockets to the successor.
func (sv *service) leave() {
	for _, l := range sv.listeners {
		l.Leave()
	}
}

// drain shuts the group down. That clients did not let it in time is no error: the
// server did what was asked of it.
func (sv *service) drain(signals <-chan os.Signal, limit time.Duration) error {
	err := within(limit, signals, sv.group.Shutdown)
	var forced *reactor.ForcedError
	if errors.As(err, &forced) {
		if forced.Count == 0 {
			return nil
		}
		sv.log.Warn("connections that did not drain in time were closed", "count", forced.Count, "limit", limit)
		return nil
	}
	return err
}

// within has shutdown take no longer than limit, and gives up on it at the next signal.
func within(limit time.Duration, signals <-chan os.Signal, shutdown func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- shutdown(ctx) }()
	for began := time.Now(); ; {
		select {
		case err := <-done:
			return err
		case sig := <-signals:
			if time.Since(began) < sameSignal {
				continue
			}
			return fmt.Errorf("second signal (%v): exiting at once, connections that had not drained are cut", sig)
		}
	}
}

// sameSignal is how soon a second signal counts as the first: timeout(1) and others
// send one to a process and then to its group.
const sameSignal = 100 * time.Millisecond
