package sys

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls below are made once a message. They never block, for every
// descriptor here is non-blocking, and so they go through RawSyscall.

// Read is read(2) on a non-blocking descriptor.
func Read(fd int, p []byte) (int, Errno) {
	if h := hooks.Load(); h != nil {
		return h.do(Call{Op: OpRead, FD: fd, Args: fmt.Sprint(len(p)), Size: len(p)}, func(*Call) (int, Errno) { return read(fd, p) })
	}
	return read(fd, p)
}

// Recv is recv(2) with MSG_TRUNC on a non-blocking socket of packets,
// SOCK_SEQPACKET or SOCK_DGRAM: one packet a call. A result above len(p) is the
// length of a packet that did not fit and lost its end. 0 is the end of the
// stream or an empty packet: Linux does not say which. A TCP socket would throw
// the bytes away.
func Recv(fd int, p []byte) (int, Errno) {
	if h := hooks.Load(); h != nil {
		return h.do(Call{Op: OpRecvfrom, FD: fd, Args: fmt.Sprintf("%d, TRUNC", len(p)), Size: len(p)}, func(*Call) (int, Errno) { return recv(fd, p) })
	}
	return recv(fd, p)
}

// Write is write(2) on a non-blocking descriptor.
func Write(fd int, p []byte) (int, Errno) {
	if h := hooks.Load(); h != nil {
		return h.do(Call{Op: OpWrite, FD: fd, Args: fmt.Sprint(len(p)), Size: len(p)}, func(*Call) (int, Errno) { return write(fd, p) })
	}
	return write(fd, p)
}

// Writev is writev(2) on a non-blocking descriptor: the pieces in order, of
// which it takes the first [MaxPieces] that are not empty.
func Writev(fd int, pieces [][]byte) (int, Errno) {
	if h := hooks.Load(); h != nil {
		size := total(pieces)
		args := fmt.Sprintf("%d pieces, %d bytes", len(pieces), size)
		return h.do(Call{Op: OpWritev, FD: fd, Args: args, Size: size}, func(*Call) (int, Errno) { return writev(fd, pieces) })
	}
	return writev(fd, pieces)
}

func read(fd int, p []byte) (int, Errno) {
	return ret3(unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
}

func recv(fd int, p []byte) (int, Errno) {
	return ret3(unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_TRUNC, 0, 0))
}

func write(fd int, p []byte) (int, Errno) {
	return ret3(unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
}

func writev(fd int, pieces [][]byte) (int, Errno) {
	var v iovecs
	n := v.fill(pieces)
	return ret3(unix.RawSyscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&v)), uintptr(n)))
}

// ret3 turns a system call's raw answer into this package's.
func ret3(r, _ uintptr, e Errno) (int, Errno) {
	if e != 0 {
		return -1, e
	}
	return int(r), 0
}
