//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// What the two sides say, in this order, a line each:
//
//	successor           server
//	iomux-handover 1
//	                    {"file":…,"sockets":[…]}   a header
//	send
//	                    .......                    a byte a message, with descriptors
//	done
//	                    released
//
// Instead of any of its lines the server may say "refused: " and why, and end.
const (
	lineHello    = "iomux-handover 1"
	lineSend     = "send"
	lineDone     = "done"
	lineReleased = "released"
	refusal      = "refused: "
	mark         = '.'

	maxLine   = 512 // bytes of every line but the header
	maxReason = 300 // bytes of a refusal's reason
)

// past is a deadline that is over.
var past = time.Unix(1, 0)

// talk is one side of a hand-over. Every step has an end: its own, or that of
// the context.
type talk struct {
	conn *net.UnixConn
	raw  syscall.RawConn
	ctx  context.Context
	// unwatch stops minding the context. When it has returned, deadlines stay as
	// they are set.
	unwatch func()
}

func newTalk(ctx context.Context, conn *net.UnixConn) (*talk, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	t := &talk{conn: conn, raw: raw}
	t.watch(ctx)
	return t, nil
}

// watch makes ctx the one that ends steps.
func (t *talk) watch(ctx context.Context) {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		_ = t.conn.SetDeadline(past) // it fails if there is nothing left to end
	})
	t.ctx, t.unwatch = ctx, sync.OnceFunc(func() {
		if !stop() {
			<-ended
		}
	})
}

func (t *talk) close() {
	t.unwatch()
	_ = t.conn.Close() // what was to be said has been said
}

// step begins a step that may take as long as limit.
func (t *talk) step(limit time.Duration) error {
	if err := t.conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	return t.ctx.Err() // it may have ended before, and its deadline is gone now
}

// why makes an error of the connection into one that says who ended what.
func (t *talk) why(err error) error {
	switch {
	case err == nil:
		return nil
	case t.ctx.Err() != nil:
		return t.ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the other end is silent: %w", os.ErrDeadlineExceeded)
	case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE):
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return err
}

func (t *talk) say(line string) error {
	_, err := io.WriteString(t.conn, line+"\n")
	return t.why(err)
}

// hear reads a line of at most limit bytes with its newline. Nothing may be
// behind it: nobody speaks before the other has.
//
// It uses read(2), with which the kernel closes descriptors that come along:
// whoever sends some unasked leaves nothing behind.
func (t *talk) hear(limit int) (string, error) {
	var line []byte
	chunk := make([]byte, min(limit, 4<<10))
	for {
		n, err := t.conn.Read(chunk)
		line = append(line, chunk[:n]...)
		switch i := bytes.IndexByte(line, '\n'); {
		case i >= 0 && i < len(line)-1:
			return "", fmt.Errorf("%w: there is more behind the line", ErrProtocol)
		case i >= 0 && i < limit:
			return string(line[:i]), nil
		case len(line) >= limit:
			return "", fmt.Errorf("%w: a line has more than %d bytes", ErrProtocol, limit)
		case err != nil && len(line) > 0 && errors.Is(err, io.EOF):
			return "", fmt.Errorf("in the middle of a line: %w", t.why(err))
		case err != nil:
			return "", t.why(err)
		}
	}
}

// want reads a line that must be this one, or a refusal.
func (t *talk) want(line string) error {
	got, err := t.hear(maxLine)
	switch {
	case err != nil:
		return err
	case got == line:
		return nil
	}
	return unexpected(got, line)
}

// unexpected is what a line means that is not the one wanted.
func unexpected(got, want string) error {
	if reason, ok := strings.CutPrefix(got, refusal); ok {
		return fmt.Errorf("%w: %q", ErrRefused, reason)
	}
	return fmt.Errorf("%w: got %.99q, want %q", ErrProtocol, got, want)
}

// here reports whether the other end is still there and has nothing to say.
func (t *talk) here() error {
	var n int
	var errno sys.Errno
	var one [1]byte
	err := t.raw.Read(func(fd uintptr) bool {
		n, errno = sys.Read(int(fd), one[:])
		return true // whatever it is: nobody waits
	})
	switch {
	case err != nil:
		return t.why(err)
	case errno == unix.EAGAIN:
		return nil
	case errno != 0:
		return t.why(errno)
	case n == 0:
		return t.why(io.EOF)
	}
	return fmt.Errorf("%w: there is more behind the line", ErrProtocol)
}

// checkUser wants the process at the other end to be of this one's user, or
// root's, who may do all this anyway. Where the kernel does not say who it is
// there are only the permissions of the socket file, which it has passed.
func (t *talk) checkUser() (peer sys.Credentials, err error) {
	var errno sys.Errno
	if err := t.raw.Control(func(fd uintptr) { peer, errno = sys.PeerCredentials(int(fd)) }); err != nil {
		return peer, err
	}
	switch {
	case errors.Is(errno, errors.ErrUnsupported):
		return sys.Credentials{}, nil
	case errno != 0:
		return peer, fmt.Errorf("who is at the other end: %w", errno)
	case peer.UID != 0 && int(peer.UID) != os.Geteuid():
		return peer, fmt.Errorf("%w: process %d of user %d", ErrUser, peer.PID, peer.UID)
	}
	return peer, nil
}

// sendFiles sends descriptors, which stay the caller's.
func (t *talk) sendFiles(list []int) error {
	for len(list) > 0 {
		some := list[:min(len(list), sys.MaxRights)]
		var errno sys.Errno
		err := t.raw.Write(func(fd uintptr) bool {
			_, errno = sys.SendRights(int(fd), []byte{mark}, some)
			return errno != unix.EAGAIN
		})
		if err == nil && errno != 0 {
			err = errno
		}
		if err != nil {
			return fmt.Errorf("send descriptors: %w", t.why(err))
		}
		list = list[len(some):]
	}
	return nil
}

// receiveFiles receives n descriptors, or none and an error.
func (t *talk) receiveFiles(n int) (list []int, err error) {
	for len(list) < n && err == nil {
		some := make([]int, min(n-len(list), sys.MaxRights))
		var size, got int
		var cut bool
		var errno sys.Errno
		var b [1]byte // so that one message comes at a time
		err = t.raw.Read(func(fd uintptr) bool {
			size, got, cut, errno = sys.RecvRights(int(fd), b[:], some)
			return errno != unix.EAGAIN
		})
		list = append(list, some[:got]...)
		switch {
		case err != nil:
		case errno != 0:
			err = errno
		case size == 0:
			err = io.EOF
		case b[0] == refusal[0] && got == 0 && !cut:
			var rest string
			if rest, err = t.hear(maxLine); err == nil {
				err = unexpected(refusal[:1]+rest, string(mark))
			}
		case cut && got < len(some):
			err = fmt.Errorf("%d came of %d: this process may open no more (RLIMIT_NOFILE)", len(list), n)
		case b[0] != mark || got < len(some) || cut:
			err = fmt.Errorf("%w: %d of %d came with the byte %q", ErrProtocol, got, len(some), b[0])
		}
	}
	if err != nil {
		closeNumbers(list)
		return nil, fmt.Errorf("receive descriptors: %w", t.why(err))
	}
	return list, nil
}
