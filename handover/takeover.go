//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/socketfile"
	"example.com/iomux/internal/sys"
)

const (
	// headerTime is how long a predecessor may take to begin: it may be busy with
	// another successor.
	headerTime = readyTime + 2*stepTime
	// releasedTime is how long it may take to stop accepting.
	releasedTime = 30 * time.Second
)

// Takeover is what a predecessor has handed over. One goroutine calls its methods.
type Takeover struct {
	// Sockets are the predecessor's, in its order. They are the Takeover's: Close
	// closes them. Connections that wait at one that nobody adopts are lost when
	// the predecessor has left.
	Sockets []Socket

	talk   *talk   // nil: done or closed
	server *Server // for this process's own successor
	said   bool    // that it is done
}

// Take asks the server that waits at path for its sockets. It goes on accepting
// until Done, which it waits for, but no longer than a minute; so the caller
// adopts what is in Sockets and then calls Done, or Close to leave it be.
//
// It may take a while: when the predecessor is busy with another successor, that
// one answers, once it serves. Errors: ErrNobody when no process waits at path,
// which is the case at the first start and after a crash; ErrRefused, ErrProtocol,
// ErrUser, ErrSocket; os.ErrDeadlineExceeded for a silent predecessor; ctx's, and
// the kernel's.
func Take(ctx context.Context, path string) (*Takeover, error) {
	taken, err := take(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("handover: take over at %q: %w", path, err)
	}
	return taken, nil
}

func take(ctx context.Context, path string) (*Takeover, error) {
	if path == "" || strings.HasPrefix(path, "@") {
		return nil, fmt.Errorf("%w: want the path of a socket file", unix.EINVAL)
	}
	// The file may have to be removed one day, from another working directory.
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED):
		return nil, fmt.Errorf("%w: %w", ErrNobody, err)
	case err != nil:
		return nil, err
	}
	t, err := newTalk(ctx, conn.(*net.UnixConn))
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	taken, err := collect(t, absolute)
	if err != nil {
		t.close()
		return nil, err
	}
	t.unwatch()
	return taken, nil
}

// collect does the successor's part up to where it has the sockets.
func collect(t *talk, path string) (*Takeover, error) {
	if _, err := t.checkUser(); err != nil {
		return nil, err
	}
	if err := t.step(headerTime); err != nil {
		return nil, err
	}
	// That it cannot be said shows when nothing is heard: there may be a refusal.
	_ = t.say(lineHello)
	line, err := t.hear(maxHeader)
	switch {
	case errors.Is(err, errGone):
		return nil, fmt.Errorf("%w: %w", ErrNobody, err) // it has just ended
	case err != nil:
		return nil, err
	case strings.HasPrefix(line, refusal):
		return nil, unexpected(line, "a header")
	}
	h, err := parseHeader(line)
	if err != nil {
		return nil, err
	}
	if err := t.step(stepTime); err != nil {
		return nil, err
	}
	if err := t.say(lineSend); err != nil {
		return nil, err
	}
	files, err := t.receiveFiles(1 + h.files())
	if err != nil {
		return nil, err
	}
	own := os.NewFile(uintptr(files[0]), path)
	defer func() { _ = own.Close() }() // newServer has a duplicate
	sockets, err := h.sockets(files[1:])
	if err != nil {
		return nil, err
	}
	taken := &Takeover{Sockets: sockets, talk: t}
	if err = checkListens(own); err == nil {
		taken.server, err = newServer(own, &socketfile.File{Path: path, ID: sys.FileID(h.File)})
	}
	if err != nil {
		closeAll(sockets)
		return nil, err
	}
	return taken, nil
}

// sockets makes of the header and its descriptors what they were on the other
// side. If one cannot be served, all are closed.
func (h header) sockets(files []int) (list []Socket, err error) {
	for _, e := range h.Sockets {
		s := Socket{Name: e.Name, URL: e.URL}
		for _, fd := range files[:e.Files] {
			s.Files = append(s.Files, os.NewFile(uintptr(fd), e.URL))
		}
		files = files[e.Files:]
		list = append(list, s)
	}
	fds, err := numbers(list)
	for i := 0; err == nil && i < len(fds); i++ {
		_, err = address(fds[i]) // what it is called on the other side may differ: tcp4, for example
	}
	if err != nil {
		closeAll(list)
		return nil, err
	}
	return list, nil
}

// checkListens wants a Unix socket that accepts.
func checkListens(f *os.File) error {
	fd, err := number(f)
	if err != nil {
		return err
	}
	family, typ, listening, errno := sys.SocketKind(fd)
	if errno != 0 {
		return fmt.Errorf("%w: the descriptor for successors: %w", ErrProtocol, errno)
	}
	if family != unix.AF_UNIX || typ != unix.SOCK_STREAM || !listening {
		return fmt.Errorf("%w: the descriptor for successors does not listen for them", ErrProtocol)
	}
	return nil
}

// Done tells the predecessor that this process accepts, and waits until it does
// not any more. The Server that is returned waits for this process's own successor
// where the predecessor has waited for this one. A predecessor that has ended
// without a word is no error: there is nobody else then to serve the sockets.
//
// Errors: ErrRefused when it has not waited for so long, and goes on: then this
// process has to stop; ErrClosed. After ctx's error, or os.ErrDeadlineExceeded
// when nothing was heard for half a minute, it is not known whether the
// predecessor accepts: call Done again to wait longer, or go on serving; or Close
// to give up, and it will go on if it has not left yet.
func (t *Takeover) Done(ctx context.Context) (*Server, error) {
	if t.talk == nil {
		return nil, fmt.Errorf("handover: done: %w", ErrClosed)
	}
	t.talk.watch(ctx)
	defer t.talk.unwatch()
	err := t.done()
	switch {
	case err == nil:
		t.talk.close()
		s := t.server
		t.talk, t.server = nil, nil
		return s, nil
	case ctx.Err() == nil && !errors.Is(err, os.ErrDeadlineExceeded):
		// To call it again would find the other end gone, which is something else.
		err = errors.Join(err, t.end())
	}
	return nil, fmt.Errorf("handover: done: %w", err)
}

func (t *Takeover) done() error {
	if err := t.talk.step(releasedTime); err != nil {
		return err
	}
	if !t.said {
		// That it cannot be said shows when nothing is heard: there may be a refusal.
		_ = t.talk.say(lineDone)
		t.said = true
	}
	if err := t.talk.want(lineReleased); !errors.Is(err, errGone) {
		return err
	}
	return nil
}

// Close closes Sockets, and ends the hand-over if it is not done: the predecessor
// goes on. What was adopted is not affected, so close that first. Closing twice is
// fine.
func (t *Takeover) Close() error {
	var errs []error
	if t.talk != nil {
		errs = append(errs, t.end())
	}
	for _, s := range t.Sockets {
		errs = append(errs, s.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("handover: close: %w", err)
	}
	return nil
}

// end leaves the predecessor alone.
func (t *Takeover) end() error {
	t.talk.close()
	err := t.server.release()
	t.talk, t.server = nil, nil
	return err
}
