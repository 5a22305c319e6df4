//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Calls that pass descriptors to another process, by the kernel's names.
const (
	OpSendmsg Op = "sendmsg"
	OpRecvmsg Op = "recvmsg"
)

// MaxRights is how many descriptors SendRights passes in one message. Linux
// takes 253 (SCM_MAX_FD in unix(7)); the BSDs what fits into a buffer of 2 KiB
// in which each takes several words.
const MaxRights = 64

// SendRights is sendmsg(2) on a non-blocking Unix socket: p, of which at least
// one byte is needed, and with it duplicates of files, at most [MaxRights]. They
// are the receiver's even if they are closed here right after.
func SendRights(fd int, p []byte, files []int) (int, Errno) {
	call := func(*Call) (int, Errno) { return ret(unix.SendmsgN(fd, p, unix.UnixRights(files...), nil, 0)) }
	if h := hooks.Load(); h != nil {
		return h.do(Call{Op: OpSendmsg, FD: fd, Args: fmt.Sprintf("%d bytes, SCM_RIGHTS %v", len(p), files)}, call)
	}
	return call(nil)
}

// RecvRights is recvmsg(2) on a non-blocking Unix socket: n bytes into p, at
// least one long, and into files the descriptors that came with them, got of
// them, close-on-exec. Those for which files has no room are closed. cut says
// that there were such, or that the process had no free descriptors for some.
// n is 0 at the end of file.
func RecvRights(fd int, p []byte, files []int) (n, got int, cut bool, errno Errno) {
	call := func(c *Call) (int, Errno) {
		n, got, cut, errno = recvRights(fd, p, files)
		if c != nil && errno == 0 {
			c.Out = fmt.Sprintf("SCM_RIGHTS %v", files[:got])
		}
		return n, errno
	}
	if h := hooks.Load(); h != nil {
		n, errno = h.do(Call{Op: OpRecvmsg, FD: fd, Args: fmt.Sprintf("%d bytes, %d descriptors", len(p), len(files))}, call)
		return n, got, cut, errno
	}
	_, _ = call(nil)
	return n, got, cut, errno
}

func recvRights(fd int, p []byte, files []int) (n, got int, cut bool, errno Errno) {
	control := make([]byte, unix.CmsgSpace(4*len(files)))
	n, size, flags, err := recvmsg(fd, p, control)
	if err != nil {
		return -1, 0, false, errnoOf(err)
	}
	cut = flags&unix.MSG_CTRUNC != 0
	for _, r := range rights(control[:size]) {
		if got == len(files) { // the control buffer is rounded up, and one more fits in
			_ = unix.Close(r)
			cut = true
			continue
		}
		files[got] = r
		got++
	}
	return n, got, cut, 0
}

// rights are the descriptors in a control buffer.
func rights(control []byte) (list []int) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil // the kernel wrote it: it is empty or whole
	}
	for _, m := range messages {
		if fds, err := unix.ParseUnixRights(&m); err == nil { // else it is about something else
			list = append(list, fds...)
		}
	}
	return list
}
