//go:build linux

package load

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// socket is a connected one and what the kernel would not take of what was
// written to it.
type socket struct {
	fd       int // -1: closed
	id       uint32
	interest iomux.Events
	rest     []byte // empty nearly always
}

func (s *socket) close() {
	if s.fd >= 0 {
		sys.Close(s.fd)
		s.fd = -1
	}
}

// wants is the interest of one that is always read.
func (s *socket) wants() iomux.Events {
	if len(s.rest) > 0 {
		return iomux.Readable | iomux.Writable
	}
	return iomux.Readable
}

func (g *generator) watch(s *socket, interest iomux.Events) error {
	if interest == s.interest {
		return nil
	}
	err := g.poller.Update(s.fd, s.interest, interest)
	s.interest = interest
	return err
}

// read returns what one read brings, in a buffer of everybody's; nothing when
// there was none, or when it was the end of a stream that was waited for.
func (g *generator) read(s *socket) ([]byte, error) {
	n, e := sys.Read(s.fd, g.in)
	switch {
	case n > 0:
		return g.in[:n], nil
	case e == unix.EAGAIN || e == unix.EINTR:
		return nil, nil
	case e != 0:
		return nil, os.NewSyscallError("read", e)
	case g.phase == ending:
		g.open--
		return nil, g.watch(s, 0)
	}
	return nil, io.ErrUnexpectedEOF
}

// put writes p; what the kernel refuses waits in s.rest, which is empty before.
func (g *generator) put(s *socket, p []byte) error {
	w, err := write(s, p)
	if err == nil && w < len(p) {
		s.rest = append(s.rest, p[w:]...)
	}
	return err
}

// flush writes what waits.
func flush(s *socket) error {
	w, err := write(s, s.rest)
	if err == nil {
		s.rest = append(s.rest[:0], s.rest[w:]...)
	}
	return err
}

func write(s *socket, p []byte) (int, error) {
	w, e := sys.Write(s.fd, p)
	switch e {
	case 0:
		return w, nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	}
	return 0, os.NewSyscallError("write", e)
}

// finish ends this side's stream.
func (g *generator) finish(s *socket) error {
	if e := sys.ShutdownWrite(s.fd); e != 0 {
		return os.NewSyscallError("shutdown", e)
	}
	g.open++
	return nil
}

// broken is the error of a connection that the server or the kernel ended after
// so many messages.
func broken(s *socket, messages int64, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("load: connection %d: closed by the server after %d messages", s.id, messages)
	}
	return fmt.Errorf("load: connection %d: after %d messages: %w", s.id, messages, err)
}
