//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"

	"example.com/iomux/handover"
	"example.com/iomux/reactor"
)

// service is a server that runs.
type service struct {
	group     *reactor.Group
	log       *slog.Logger
	tls       *serverTLS // nil: none
	listeners []listening
	door      *handover.Server // where a successor asks; nil: nowhere
}

// listening is a listener of either kind.
type listening struct {
	listener
	name    string // of a socket from systemd, whose file is not ours to remove
	adopted bool   // its sockets were open already
	tls     bool   // it speaks TLS
}

// listener is what the two kinds have in common.
type listener interface {
	URL() string
	Files() ([]*os.File, error)
	Leave()
	OwnFile()
}

// start listens at the places of --listen, see begin.
func (sv *service) start(ctx context.Context, s *server, h handlers, inherited []handover.Socket, stdout io.Writer) error {
	return sv.begin(ctx, string(s.listen.takeover), func(theirs []handover.Socket) ([]string, error) {
		places, left, err := findPlaces(&s.listen, inherited, theirs)
		if err != nil {
			return nil, err
		}
		if sv.tls != nil && !slices.ContainsFunc(places, func(p place) bool { return isTCP(p.url) }) {
			return nil, usagef("TLS is for tcp, and there is no such --listen, want one such as %s", defaultURL)
		}
		for _, p := range places {
			if err := sv.open(p, h, s.listen.options(p.url)); err != nil {
				return nil, err
			}
		}
		return left, nil
	}, func() error { return sv.announce(stdout) })
}

// begin has a service listen, and takes over if there is a predecessor at path, whose
// sockets listen gets; what of them it leaves, it returns. While something can fail that
// one serves; it is told to leave last, when announce has said where clients can connect.
func (sv *service) begin(ctx context.Context, path string, listen func(theirs []handover.Socket) (left []string, err error), announce func() error) error {
	taken, err := takeOver(ctx, path)
	if err != nil {
		return err
	}
	var theirs []handover.Socket
	if taken != nil {
		defer func() {
			if err := taken.Close(); err != nil {
				sv.log.Warn("cannot close what was taken over", "err", err)
			}
		}()
		theirs = taken.Sockets
	}
	left, err := listen(theirs)
	if err != nil {
		return err
	}
	if path != "" && taken == nil {
		if sv.door, err = handover.Listen(path); err != nil {
			return err
		}
	}
	if err := announce(); err != nil {
		return err
	}
	states := []string{handover.Ready}
	if taken != nil {
		if sv.door, err = succeed(ctx, taken, sv.log); err != nil {
			return err
		}
		sv.ownFiles()
		for _, url := range left {
			sv.log.Warn("the predecessor served an address that nobody serves now", "listener", url)
		}
		states = append(states, handover.MainPID())
	}
	sv.notify(states...)
	return nil
}

// open serves at a place.
func (sv *service) open(p place, h handlers, o reactor.ListenOptions) error {
	l := listening{name: p.name, adopted: p.files != nil, tls: sv.tls.covers(p.url)}
	if l.tls {
		o.TLS = sv.tls.config
	}
	var err error
	switch packet := isPacket(p.url); {
	case l.adopted && packet:
		l.listener, err = sv.group.AdoptPacket(p.files, h.packets, o)
	case l.adopted:
		l.listener, err = sv.group.Adopt(p.files, h.conns, o)
	case packet:
		l.listener, err = sv.group.ListenPacket(p.url, h.packets, o)
	default:
		l.listener, err = sv.group.Listen(p.url, h.conns, o)
	}
	if err != nil {
		return err
	}
	sv.listeners = append(sv.listeners, l)
	return nil
}

// ownFiles makes the files of a predecessor's sockets ours, now that it has left.
func (sv *service) ownFiles() {
	for _, l := range sv.listeners {
		if l.adopted && l.name == "" {
			l.OwnFile()
		}
	}
}

// announce says where clients can connect.
func (sv *service) announce(stdout io.Writer) error {
	if sv.tls != nil && sv.tls.fingerprint != "" {
		if _, err := fmt.Fprintln(stdout, "fingerprint", sv.tls.fingerprint); err != nil {
			return fmt.Errorf("cannot say what its fingerprint is: %w", err)
		}
	}
	for _, l := range sv.listeners {
		if _, err := fmt.Fprintln(stdout, "listening", l.shown()); err != nil {
			return fmt.Errorf("cannot say where it listens: %w", err)
		}
		if !private(l.URL()) {
			sv.log.Info("other machines can connect", "listener", l.URL())
		}
	}
	return nil
}

// notify tells systemd, if it has asked to be told. A failure is no reason not to
// serve.
func (sv *service) notify(states ...string) {
	if err := handover.Notify(states...); err != nil {
		sv.log.Warn("cannot tell the service manager", "err", err)
	}
}

// abandon ends a service that came to nothing. Sockets that were there before, and
// their files, are as they were.
func (sv *service) abandon() error {
	var err error
	if sv.door != nil {
		err = sv.door.Close()
	}
	return errors.Join(err, sv.group.Shutdown(context.Background()))
}
