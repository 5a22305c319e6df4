//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
	"example.com/iomux/reactor"
)

// worker is a process of the pool.
type worker struct {
	*process
	conn *net.UnixConn // it gets jobs by it, and says when it is ready for one
}

// startWorker starts a process for a slot.
func (s *Server) startWorker() (*worker, error) {
	a, b, errno := sys.Socketpair()
	if errno != 0 {
		return nil, fmt.Errorf("make a socket for a process: %w", errno)
	}
	ours, theirs := os.NewFile(uintptr(a), "worker"), os.NewFile(uintptr(b), "parent")
	defer func() { _, _ = ours.Close(), theirs.Close() }() // what goes on are duplicates
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	p, err := s.startChild(roleWorker, theirs)
	if err != nil {
		_ = conn.Close() // nobody is at the other end
		return nil, err
	}
	return &worker{process: p, conn: conn.(*net.UnixConn)}, nil // that is what there is of a Unix socket
}

// attend takes in what a worker says until it has ended, and reports whether it has
// served a request.
func (s *Server) attend(w *worker) (served bool) {
	var said [1]byte
	for n := 0; ; n++ {
		if _, err := w.conn.Read(said[:]); err != nil {
			s.dropWorker(w)
			if !errors.Is(err, net.ErrClosed) {
				_ = w.os.Kill() // it has ended, or is of no use; if it was told to end it does so by itself
			}
			s.childEnded(w.process, w.wait())
			return n > 1 // the first time it has only begun
		}
		s.workerIdle(w)
	}
}

// workerIdle takes in that a worker is ready for a request.
func (s *Server) workerIdle(w *worker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.stopClock()
	if s.children.ended {
		_ = w.conn.Close() // it ends then
		return
	}
	p := &s.children.pool
	p.idle = append(p.idle, w)
	p.more.Signal()
	s.fewerChildren()
}

// dropWorker gives up a worker.
func (s *Server) dropWorker(w *worker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &s.children.pool
	p.idle = slices.DeleteFunc(p.idle, func(other *worker) bool { return other == w })
	_ = w.conn.Close() // it may be closed already
}

// takeWorker takes an idle worker, and waits for one if need be: there was one when the
// request was taken, but it may have died since. reactor.ErrClosed: there was none, and
// the server is closed.
func (s *Server) takeWorker() (*worker, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &s.children.pool
	for len(p.idle) == 0 {
		if s.closed {
			return nil, fmt.Errorf("no process is left: %w", reactor.ErrClosed)
		}
		p.more.Wait()
	}
	last := len(p.idle) - 1 // it has run last, and what it needs is still in caches
	w := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	s.wind(w.process)
	return w, nil
}

// giveToWorker has a worker serve a request. One that turns out to be dead is passed
// over; but what a worker has got anything of is not given to another, for it may have
// begun with it.
func (s *Server) giveToWorker(frame []byte, socket *os.File) error {
	for {
		w, err := s.takeWorker()
		if err != nil {
			return err
		}
		n, err := w.send(frame, socket)
		if n == len(frame) {
			return nil
		}
		w.kill() // it is of no use any more; attend sees its end
		if n > 0 || !errors.Is(err, unix.EPIPE) {
			return fmt.Errorf("give a request to a process: %w", err)
		}
	}
}

// send gives a worker a job and the socket that belongs to it, of which the worker gets
// a duplicate with the first byte. It returns how much was sent.
func (w *worker) send(frame []byte, socket *os.File) (n int, err error) {
	to, err := w.conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	fd, err := number(socket)
	if err != nil {
		return 0, err
	}
	var errno sys.Errno
	err = to.Write(func(to uintptr) bool {
		n, errno = sys.SendRights(int(to), frame, []int{fd})
		return errno != unix.EAGAIN
	})
	switch {
	case err != nil:
		return 0, err
	case errno != 0:
		return 0, errno
	case n == len(frame):
		return n, nil
	}
	more, err := w.conn.Write(frame[n:])
	return n + more, err
}

// number is the descriptor of a file, good as long as that is open. Unlike File.Fd it
// never has the socket block.
func number(f *os.File) (fd int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	err = raw.Control(func(n uintptr) { fd = int(n) })
	return fd, err
}
