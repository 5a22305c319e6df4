//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"example.com/iomux"
	"example.com/iomux/handover"
	"example.com/iomux/reactor"
)

// server is what the flags of a server on a reactor say.
type server struct {
	listen listenFlags
	limits limitFlags
	times  timeFlags
	tls    tlsFlags
	loops  loopFlags
	log    logFlags
	trace  fileName // of --trace; "": none
}

// handlers are what a server does with connections and with datagrams.
type handlers struct {
	conns   reactor.Handler
	packets reactor.PacketHandler
}

func (s *server) addFlags(cmd *cobra.Command) {
	addGroups(cmd, s.listen.group(), s.limits.group(), s.times.group(), s.tls.group(), s.loops.group(), s.log.group())
	s.listen.complete(cmd)
	s.loops.complete(cmd)
	s.log.complete(cmd)
}

// options are those of the group of loops.
func (s *server) options(log *slog.Logger) reactor.Options {
	o := reactor.Options{Logger: log, Backlog: s.listen.backlog.value}
	s.limits.apply(&o)
	s.times.apply(&o)
	s.loops.apply(&o)
	return o
}

// run serves until a signal asks for the end, or a successor has taken over.
func (s *server) run(h handlers, stdout, stderr io.Writer) (err error) {
	// First, while there are no descriptors of our own that could be taken for
	// inherited ones.
	inherited, err := handover.Inherited()
	if err != nil {
		return usageError{err}
	}
	// Without a reader of the log the server goes on: a write to it fails
	// instead of killing the process.
	signal.Ignore(syscall.SIGPIPE)
	signals, hangUps := make(chan os.Signal, 2), make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	if s.tls.cert == "" {
		signal.Notify(signals, syscall.SIGHUP)
	} else {
		signal.Notify(hangUps, syscall.SIGHUP)
		defer signal.Stop(hangUps)
	}
	log := s.log.logger(stderr)
	secure, err := s.check(log)
	if err != nil {
		return err
	}
	trace, err := traceTo(string(s.trace))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, trace.stop()) }()
	sv, err := s.start(h, inherited, secure, stdout, log)
	closeSockets(inherited)
	if err != nil {
		return err
	}
	// Only now, for the file may hold an earlier trace, or be that of the server that
	// serves here already.
	trace.file.begin()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if every := s.log.stats.value; every > 0 {
		go printStats(ctx, stdout, every, sv.group.Stats)
	}
	if sv.tls != nil && sv.tls.pair != nil {
		go sv.tls.reload(ctx, hangUps, sv.log)
	}
	return sv.serve(signals, s.times.drain.value)
}

// check refuses what cannot be, before anything is begun, and gets what TLS needs.
func (s *server) check(log *slog.Logger) (*serverTLS, error) {
	if err := s.limits.check(); err != nil {
		return nil, err
	}
	for _, url := range s.listen.urls {
		if _, _, err := reactor.SplitURL(url); err != nil {
			return nil, err
		}
	}
	p, err := iomux.Open(iomux.Backend(s.loops.backend.value))
	if err != nil {
		return nil, s.loops.explain(err)
	}
	if err := p.Close(); err != nil {
		return nil, err
	}
	return s.tls.load(log)
}

// start brings a service about. A signal gives that up.
func (s *server) start(h handlers, inherited []handover.Socket, secure *serverTLS, stdout io.Writer, log *slog.Logger) (*service, error) {
	group, err := reactor.Open(s.options(log))
	if err != nil {
		return nil, s.loops.explain(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	sv := &service{group: group, log: log, tls: secure}
	if err := sv.start(ctx, s, h, inherited, stdout); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("ended by a signal before it served: %w", err)
		}
		return nil, errors.Join(err, sv.abandon())
	}
	return sv, nil
}

// closeSockets closes sockets that the reactor has duplicates of, or does not want.
func closeSockets(sockets []handover.Socket) {
	for _, s := range sockets {
		_ = s.Close() // nothing was written to them
	}
}
