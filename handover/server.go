//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/socketfile"
	"example.com/iomux/internal/sys"
)

// How long the steps of a hand-over may take. All but the last are short work;
// in the last the successor opens what it needs and starts to accept.
const (
	stepTime  = 5 * time.Second
	readyTime = time.Minute
)

// backlog is how many successors may wait while one is served.
const backlog = 16

// mode lets the owner connect, and nobody else but root.
const mode = 0o600

// pause is how long Serve waits when it cannot accept, for lack of descriptors
// mostly.
const pause = time.Second

// Server waits at a socket file for this process's successor. Make one with
// Listen, or take it over with the rest from a predecessor. One goroutine calls
// its methods.
type Server struct {
	// Logger is told of every successor, and at warning level of those that came
	// to nothing. Default: slog.Default(). Set it before Serve.
	Logger *slog.Logger

	file     *socketfile.File
	listener *net.UnixListener // nil: closed
	step     time.Duration     // stepTime, and
	ready    time.Duration     // readyTime; tests have less
}

// Listen begins to wait for successors at path, relative or absolute. The file is
// made with the mode 0600. One that a crash has left there is replaced. Errors:
// EADDRINUSE when somebody waits there already, EEXIST when there is something
// else than a socket, and the kernel's.
func Listen(path string) (*Server, error) {
	s, err := listen(path)
	if err != nil {
		return nil, fmt.Errorf("handover: listen %q: %w", path, err)
	}
	return s, nil
}

func listen(path string) (*Server, error) {
	if path == "" || path[0] == '@' {
		return nil, fmt.Errorf("%w: want the path of a socket file, whose permissions keep others out; ./@x if it begins so", unix.EINVAL)
	}
	fd, errno := sys.Socket(unix.AF_UNIX, unix.SOCK_STREAM)
	if errno != 0 {
		return nil, fmt.Errorf("socket: %w", errno)
	}
	f := os.NewFile(uintptr(fd), path)
	defer func() { _ = f.Close() }() // newServer has a duplicate
	file, unlock, err := socketfile.Bind(fd, path, mode)
	if err != nil {
		return nil, err
	}
	errno = sys.Listen(fd, backlog)
	unlock()
	if errno != 0 {
		return nil, errors.Join(fmt.Errorf("listen: %w", errno), file.Remove())
	}
	s, err := newServer(f, file)
	if err != nil {
		return nil, errors.Join(err, file.Remove())
	}
	return s, nil
}

// newServer makes a Server of a socket that listens, of which it takes a
// duplicate.
func newServer(f *os.File, file *socketfile.File) (*Server, error) {
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	u, ok := ln.(*net.UnixListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%w: it listens on %v, want a Unix socket", ErrProtocol, ln.Addr()), ln.Close())
	}
	return &Server{file: file, listener: u, step: stepTime, ready: readyTime}, nil
}

// Close stops waiting and removes the socket file, unless it is somebody else's
// by now. It is for a Server that does not Serve; Serve ends with its context.
// Closing twice is fine.
func (s *Server) Close() error {
	if s.listener == nil {
		return nil
	}
	err := s.file.Remove() // while the socket is open: see there
	if err := errors.Join(err, s.release()); err != nil {
		return fmt.Errorf("handover: close: %w", err)
	}
	return nil
}

// release closes this process's descriptor of the socket, whose file stays.
func (s *Server) release() error {
	err := s.listener.Close()
	s.listener = nil
	return err
}

// Serve waits until a successor has taken over, and then returns nil: it is time
// to drain. When ctx ends first, its error is returned. The Server is closed in
// both cases; only in the second is its socket file removed.
//
// For each process that asks, sockets is called for what there is to hand over,
// which Serve closes when it has been sent: duplicates, as the method Files of a
// listener gives. Its error refuses the hand-over. leave, which may be nil, is
// called once, when the successor accepts: it stops accepting, by the method
// Leave of each listener, which resets no connection and keeps socket files. When
// it has returned the successor is told so. Both are called on Serve's goroutine.
//
// A hand-over that comes to nothing is logged, and the next may come. The
// successor has a minute from the time it has the sockets to the time it accepts.
// Errors: ErrClosed, and ctx's.
func (s *Server) Serve(ctx context.Context, sockets func() ([]Socket, error), leave func()) error {
	if s.listener == nil {
		return fmt.Errorf("handover: serve: %w", ErrClosed)
	}
	log := s.Logger
	if log == nil {
		log = slog.Default()
	}
	ln := s.listener
	stop := context.AfterFunc(ctx, func() { _ = ln.SetDeadline(past) }) // it fails if it is closed
	defer stop()
	for {
		conn, err := ln.AcceptUnix()
		switch {
		case err == nil:
			taken, err := s.attend(ctx, conn, sockets, leave, log)
			switch {
			case taken:
				if err := s.release(); err != nil {
					return fmt.Errorf("handover: serve: %w", err)
				}
				return nil
			case err != nil:
				log.Warn("handover: came to nothing", "err", err)
			}
		case ctx.Err() == nil:
			log.Warn("handover: cannot accept", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
		if err := ctx.Err(); err != nil {
			return errors.Join(fmt.Errorf("handover: serve: %w", err), s.Close())
		}
	}
}
