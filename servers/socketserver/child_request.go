//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// request is what a job is about, and what to close when it is done. Of the socket it
// uses a duplicate. The socket does not block, in any process that has it: whoever
// cleared the flag here would have the parent's loop block, and nothing here does.
func (c *child) request(j *job, socket *os.File) (*Request, io.Closer, error) {
	r := &Request{server: c.server, number: j.Number, client: j.Client.addr(), truncated: j.Truncated}
	if j.Stream {
		conn, err := net.FileConn(socket)
		if err != nil {
			return nil, nil, fmt.Errorf("use the connection from %s: %w", r.name(), err)
		}
		if r.conn = conn; len(j.body) > 0 {
			r.conn = &headed{conn, j.body}
		}
		return r, conn, nil
	}
	packets, err := net.FilePacketConn(socket)
	if err != nil {
		return nil, nil, fmt.Errorf("use the socket for the datagram of %s: %w", r.name(), err)
	}
	r.packet, r.rest = j.body, j.body
	r.send = func(p []byte) error { return c.answer(packets, p, r.client) }
	return r, packets, nil
}

// headed is a connection from which something was read already.
type headed struct {
	net.Conn
	head []byte
}

// Read implements io.Reader.
func (h *headed) Read(p []byte) (int, error) {
	if len(h.head) == 0 {
		return h.Conn.Read(p)
	}
	n := copy(p, h.head)
	h.head = h.head[n:]
	return n, nil
}

// CloseWrite sends the client the end of file.
func (h *headed) CloseWrite() error { return closeWrite(h.Conn) }

// A Unix client that does not read has a full queue, and the kernel does not tell when
// there is room again. So one asks now and then.
const (
	minAnswerPause = time.Millisecond
	maxAnswerPause = 50 * time.Millisecond
	// answerPatience is for how long, if Options.IOTimeout does not say: as long as
	// the reactor waits for a client that does not read.
	answerPatience = 30 * time.Second
)

// answer sends p as a datagram.
func (c *child) answer(packets net.PacketConn, p []byte, to net.Addr) error {
	limit := c.server.options.IOTimeout
	if limit == 0 {
		limit = answerPatience
	}
	end := time.Now().Add(limit)
	for pause := minAnswerPause; ; pause = min(2*pause, maxAnswerPause) {
		if err := packets.SetWriteDeadline(time.Now().Add(pause)); err != nil {
			return err
		}
		_, err := packets.WriteTo(p, to)
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Now().After(end) {
			return err
		}
	}
}

// A connection that is closed with unread input is reset, and the reset overtakes what
// the client has not read yet. So what a client still sends is read, but neither for
// ever nor in steps too small or too large for a process that has nothing else to do.
const (
	lingerLimit = time.Second
	lingerPause = time.Millisecond
)

// linger reads what comes on a connection that is to be closed, until the client closes
// it too, or is silent and has all that was sent. A Unix client has that at once.
func linger(socket *os.File, isUnix bool) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return // it is closed
	}
	buf := make([]byte, 16<<10)
	silent := true
	for end := time.Now().Add(lingerLimit); time.Now().Before(end); time.Sleep(lingerPause) {
		over := false
		err := raw.Control(func(fd uintptr) {
			_ = sys.ShutdownWrite(int(fd)) // as a rule that has been done
			for {
				n, errno := sys.Read(int(fd), buf)
				if n > 0 {
					silent = false
					if time.Now().Before(end) {
						continue
					}
				}
				over = n == 0 || n < 0 && errno != unix.EAGAIN && errno != unix.EINTR
				break
			}
			if !over && silent {
				unsent, errno := sys.Unsent(int(fd))
				over = isUnix || unsent == 0 || errno != 0
			}
		})
		if over || err != nil {
			return
		}
	}
}
