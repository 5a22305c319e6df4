//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"os"

	"example.com/iomux/internal/sys"
)

// Detach gives the connection away, to another process as a rule: it returns a
// duplicate of the socket, which is the caller's, and c is closed without a word to
// the peer. What was written and not sent yet, or read and not used, is lost to
// whoever goes on with it, so it is best done when c opens. The socket does not block;
// use the file by SyscallConn, for its method Fd would make it. Errors: ErrClosed and
// the kernel's; errors.ErrUnsupported: c uses TLS, whose keys do not go with the socket.
func (c *Conn) Detach() (*os.File, error) {
	if c.state != connOpen {
		return nil, fmt.Errorf("reactor: detach %v: %w", c.name(), ErrClosed)
	}
	if c.service.tls != nil {
		return nil, fmt.Errorf("reactor: detach %v, which uses TLS: %w", c.name(), errors.ErrUnsupported)
	}
	fd, errno := sys.Dup(int(c.fd))
	if errno != 0 {
		return nil, fmt.Errorf("reactor: detach %v: duplicate its socket: %w", c.name(), errno)
	}
	c.finish(nil)
	return os.NewFile(uintptr(fd), c.name()), nil
}

// Detach is Conn.Detach. The coroutine goes on.
func (s *Stream) Detach() (*os.File, error) { return s.conn.Detach() }
