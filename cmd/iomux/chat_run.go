//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"example.com/iomux/cmd/internal/chatconfig"
	"example.com/iomux/cmd/internal/chatstore"
	"example.com/iomux/handover"
	"example.com/iomux/servers/chat"
)

// run serves until a signal asks for the end, or a successor has taken over.
func (s *chatServer) run(settings *chatconfig.Settings, stdout, stderr io.Writer) error {
	// First, while there are no descriptors of our own that could be taken for
	// inherited ones.
	inherited, err := handover.Inherited()
	if err != nil {
		return usageError{err}
	}
	signals, hangUps, stop := awaitSignals()
	defer stop()
	sv, err := s.open(inherited, stdout, stderr)
	closeSockets(inherited)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if every := s.log.stats.value; every > 0 {
		go printStats(ctx, stdout, every, sv.group.Stats)
	}
	go sv.reloads(ctx, hangUps, settings)
	ends := make(chan os.Signal, 2)
	go sv.lastThings(ctx, signals, ends)
	err = sv.serve(ends, s.times.drain.value)
	return errors.Join(err, sv.close())
}

// open brings a chat about. A signal gives that up.
func (s *chatServer) open(inherited []handover.Socket, stdout, stderr io.Writer) (*chatService, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	log := s.log.logger(stderr)
	secure, err := s.tls.load(log)
	if err != nil {
		return nil, err
	}
	o, err := s.options()
	if err != nil {
		return nil, err
	}
	if o.Auth, err = s.people.load(); err != nil {
		return nil, err
	}
	o.Logger = log
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	sv := &chatService{service: service{log: log, tls: secure}, flags: s}
	sv.proxies.Store(s.guard.forwarders())
	if s.talk.store != "" {
		store, err := chatstore.Open(string(s.talk.store), chatstore.Options{MaxRooms: o.MaxRooms, PerRoom: max(o.History, 1)})
		if err != nil {
			return nil, err
		}
		o.Store, sv.store = store, store
	}
	if sv.group, err = s.openGroup(log); err == nil {
		err = sv.found(o)
	}
	if err == nil {
		err = sv.start(ctx, inherited, stdout)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("ended by a signal before it served: %w", err)
		}
		if sv.group != nil {
			err = errors.Join(err, sv.abandon())
		}
		return nil, errors.Join(err, sv.close())
	}
	return sv, nil
}

// found makes the chat itself.
func (sv *chatService) found(o chat.Options) (err error) {
	if sv.chat, err = chat.New(sv.group, o); err != nil {
		return chatError(err)
	}
	var lines chat.Codec = chat.Lines{OwnLines: sv.flags.talk.ownLines}
	if sv.flags.talk.compat {
		lines = chat.Chunks{}
	}
	sv.lines, sv.objects, sv.frames = sv.chat.Handler(lines), sv.chat.Handler(chat.JSON{}), sv.chat.Handler(framed{})
	return nil
}

// chatError is an error of the chat as a user reads it: its options are flags.
func chatError(err error) error {
	if errors.Is(err, chat.ErrOption) {
		return usagef("%s", strings.TrimPrefix(err.Error(), "chat: "))
	}
	return err
}

// close has what was said be kept.
func (sv *chatService) close() (err error) {
	if sv.chat != nil {
		err = sv.chat.Close()
	}
	if sv.store != nil {
		err = errors.Join(err, sv.store.Close())
	}
	return err
}

// goodbye is what members are told at the end.
const goodbye = "the server is going down"

// goodbyeTime is how long it may take to tell members of the end, and browsers to answer
// that they are hung up on.
const goodbyeTime = 2 * time.Second

// lastThings passes signals on, the first one when members know what comes. A second
// one meanwhile is for who does not want to wait.
func (sv *chatService) lastThings(ctx context.Context, signals <-chan os.Signal, ends chan<- os.Signal) {
	var first, second os.Signal
	select {
	case <-ctx.Done():
		return
	case first = <-signals:
	}
	began := time.Now()
	patience, hurry := context.WithCancel(ctx)
	defer hurry()
	told := make(chan struct{})
	go func() {
		defer close(told)
		sv.lastTime(patience, first)
	}()
	for waiting := true; waiting; {
		select {
		case <-told:
			waiting = false
		case sig := <-signals:
			if time.Since(began) >= sameSignal {
				second = sig
				hurry()
			}
		}
	}
	ends <- first
	if second != nil {
		time.Sleep(2 * sameSignal) // or it would count as the first
		ends <- second
	}
	for {
		select {
		case <-ctx.Done():
			return
		case sig := <-signals:
			ends <- sig
		}
	}
}

// lastTime is what happens before connections end: balancers see that the server is not
// ready, members are told, and browsers are told why they are hung up on.
func (sv *chatService) lastTime(ctx context.Context, sig os.Signal) {
	sv.ready.set(false)
	if d := sv.flags.delay.value; d > 0 {
		sv.log.Info("not ready any more", "signal", sig, "delay", d)
		select {
		case <-ctx.Done():
		case <-time.After(d):
		}
	}
	sv.sayGoodbye(ctx)
}

// sayGoodbye tells members that the server ends, and hangs up on browsers. It returns
// when that is on its way to everybody, and browsers have had time to answer.
func (sv *chatService) sayGoodbye(ctx context.Context) {
	if !sv.leaving.CompareAndSwap(false, true) {
		return
	}
	sv.ready.set(false)
	ctx, cancel := context.WithTimeout(ctx, goodbyeTime)
	defer cancel()
	err := sv.chat.Announce(goodbye)
	if err == nil {
		// What is asked behind it is answered when all loops have it.
		_, err = sv.chat.Snapshot(ctx)
	}
	if err != nil {
		sv.log.Warn("members may not have been told", "err", err)
	}
	for _, w := range sv.webs {
		if err := w.Shutdown(ctx); err != nil {
			sv.log.Debug("browsers did not answer in time", "err", err)
		}
	}
}
