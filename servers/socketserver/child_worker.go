//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// work serves one request after the other, until the parent has no more or is gone.
// Before each it says how the one before has ended; the first time, that it is ready.
func (c *child) work() (code int, err error) {
	socket := inherit(childSocket)
	conn, err := net.FileConn(socket)
	if err != nil {
		return exitBroken, err
	}
	_ = socket.Close() // conn is a duplicate
	parent, ok := conn.(*net.UnixConn)
	if !ok {
		return exitBroken, fmt.Errorf("%s is no Unix socket", socket.Name())
	}
	for said := exitServed; ; {
		if _, err := parent.Write([]byte{byte(said)}); err != nil {
			return exitServed, nil
		}
		j, socket, err := receiveJob(parent)
		switch {
		case err == nil:
			said, err = c.serve(j, socket)
		case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET):
			return exitServed, nil
		case !errors.Is(err, errNoDescriptor):
			return exitBroken, err
		}
		if err != nil {
			said = exitBroken
			complain(err)
		}
	}
}

// errNoDescriptor: a job has come without its socket.
var errNoDescriptor = errors.New("a request has come without its socket: this process may open no more (RLIMIT_NOFILE)")

// receiveJob receives what the parent's worker.send has sent.
func receiveJob(parent *net.UnixConn) (*job, *os.File, error) {
	raw, err := parent.SyscallConn()
	if err != nil {
		return nil, nil, err
	}
	var head [frameHead]byte
	var fds [1]int
	var n, got int
	var errno sys.Errno
	err = raw.Read(func(fd uintptr) bool {
		n, got, _, errno = sys.RecvRights(int(fd), head[:], fds[:])
		return errno != unix.EAGAIN
	})
	switch {
	case err != nil:
		return nil, nil, err
	case errno != 0:
		return nil, nil, errno
	case n == 0:
		return nil, nil, io.EOF
	}
	var socket *os.File
	if got > 0 {
		socket = os.NewFile(uintptr(fds[0]), "the socket of a request")
	}
	j := &job{}
	if _, err = io.ReadFull(parent, head[n:]); err == nil {
		err = j.read(head, parent)
	}
	if err == nil && socket == nil {
		err = errNoDescriptor
	}
	if err != nil && socket != nil {
		_ = socket.Close() // nobody will serve it
	}
	return j, socket, err
}
