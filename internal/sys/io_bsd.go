//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// The BSDs' calls go through their C library's entry points where the system
// insists on it (darwin, OpenBSD), which x/sys/unix does for us.

// Read is read(2) on a non-blocking descriptor.
func Read(fd int, p []byte) (int, Errno) {
	if h := hooks.Load(); h != nil {
		return h.do(Call{Op: OpRead, FD: fd, Args: fmt.Sprint(len(p)), Size: len(p)}, func(*Call) (int, Errno) { return ret(unix.Read(fd, p)) })
	}
	return ret(unix.Read(fd, p))
}

// Recv reads a packet from a non-blocking socket of packets, SOCK_SEQPACKET or
// SOCK_DGRAM: one a call. Here a packet that does not fit loses its end and
// nobody is told. 0 is the end of the stream or an empty packet.
func Recv(fd int, p []byte) (int, Errno) { return Read(fd, p) }

// Write is write(2) on a non-blocking descriptor.
func Write(fd int, p []byte) (int, Errno) {
	if h := hooks.Load(); h != nil {
		return h.do(Call{Op: OpWrite, FD: fd, Args: fmt.Sprint(len(p)), Size: len(p)}, func(*Call) (int, Errno) { return ret(unix.Write(fd, p)) })
	}
	return ret(unix.Write(fd, p))
}

// Writev is writev(2) on a non-blocking descriptor: the pieces in order, of
// which it takes the first [MaxPieces].
func Writev(fd int, pieces [][]byte) (int, Errno) {
	if h := hooks.Load(); h != nil {
		size := total(pieces)
		args := fmt.Sprintf("%d pieces, %d bytes", len(pieces), size)
		return h.do(Call{Op: OpWritev, FD: fd, Args: args, Size: size}, func(*Call) (int, Errno) { return writev(fd, pieces) })
	}
	return writev(fd, pieces)
}
