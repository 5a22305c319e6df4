//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"
	"unicode"
)

// attend serves one process that has connected. taken is true when it has taken
// over; there is no way back then. Neither taken nor an error: somebody only
// wanted to see if a server is here.
func (s *Server) attend(ctx context.Context, conn *net.UnixConn, sockets func() ([]Socket, error), leave func(), log *slog.Logger) (taken bool, err error) {
	t, err := newTalk(ctx, conn)
	if err != nil {
		return false, errors.Join(err, conn.Close())
	}
	defer t.close()
	peer, err := t.checkUser()
	if err == nil {
		err = t.step(s.step)
	}
	if err == nil {
		err = t.want(lineHello)
	}
	if errors.Is(err, errGone) {
		return false, nil
	}
	if err == nil {
		err = s.give(t, sockets)
	}
	if err == nil {
		err = s.awaitDone(t)
	}
	if err != nil {
		t.refuse(err)
		return false, fmt.Errorf("process %d: %w", peer.PID, err)
	}
	if leave != nil {
		leave()
	}
	t.unwatch()
	t.watch(context.WithoutCancel(ctx))
	if err = t.step(s.step); err == nil {
		err = t.say(lineReleased)
	}
	if err != nil {
		log.Warn("handover: the successor is there, but does not hear that this process has left", "pid", peer.PID, "err", err)
		return true, nil
	}
	log.Info("handover: a successor has taken over", "pid", peer.PID)
	return true, nil
}

// give hands over what the server has.
func (s *Server) give(t *talk, sockets func() ([]Socket, error)) error {
	list, err := sockets()
	defer closeAll(list)
	if err != nil {
		return fmt.Errorf("sockets: %w", err)
	}
	line, err := newHeader(s.file.ID, list).line()
	if err != nil {
		return fmt.Errorf("sockets: %w", err)
	}
	files, err := numbers(list)
	if err != nil {
		return fmt.Errorf("sockets: %w", err)
	}
	if err := t.step(s.step); err != nil {
		return err
	}
	if err := t.say(line); err != nil {
		return err
	}
	if err := t.want(lineSend); err != nil {
		return err
	}
	raw, err := s.listener.SyscallConn()
	if err != nil {
		return err
	}
	var own int
	if err := raw.Control(func(fd uintptr) { own = int(fd) }); err != nil {
		return err
	}
	return t.sendFiles(append([]int{own}, files...))
}

// awaitDone waits for the successor's word. A word that lay here while this
// process was stopped counts only if the successor still waits for an answer:
// else it has given up and closed the sockets.
func (s *Server) awaitDone(t *talk) error {
	if err := t.step(s.ready); err != nil {
		return err
	}
	if err := t.want(lineDone); err != nil {
		return err
	}
	return t.here()
}

// refuse ends the hand-over with a word about why, if anybody is there to hear it.
func (t *talk) refuse(err error) {
	if errors.Is(err, errGone) {
		return
	}
	reason := err.Error()
	if t.ctx.Err() != nil {
		reason = "the server is shutting down"
	}
	reason = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, reason)
	t.unwatch()
	t.watch(context.WithoutCancel(t.ctx))
	if t.step(time.Second) == nil {
		_ = t.say(refusal + reason[:min(len(reason), maxReason)]) // it goes on whether it is heard or not
	}
}
