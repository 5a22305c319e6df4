//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"bufio"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// writer is the side of a Request that writes: wfile.
type writer struct {
	out   *bufio.Writer // if Options.WriteBufferSize asks for one
	reply []byte        // of a datagram
}

// Write sends p to the client, all of it: it returns when the kernel has it or a
// bounded queue, and waits for that if need be. With Options.WriteBufferSize it may
// wait for Flush. Of a datagram it adds p to the answer. Errors:
// os.ErrDeadlineExceeded, after Options.IOTimeout; those of the connection.
func (r *Request) Write(p []byte) (int, error) {
	switch size := r.server.options.WriteBufferSize; {
	case r.conn == nil:
		r.reply = append(r.reply, p...)
		return len(p), nil
	case size > 0 && r.out == nil:
		r.out = bufio.NewWriterSize((*sink)(r), size)
	}
	if r.out != nil {
		return r.out.Write(p)
	}
	return (*sink)(r).Write(p)
}

// Flush sends what waits for Options.WriteBufferSize to be reached.
func (r *Request) Flush() error {
	if r.out == nil {
		return nil
	}
	return r.out.Flush()
}

// sink is what the buffer is emptied into.
type sink Request

// Write implements io.Writer.
func (s *sink) Write(p []byte) (int, error) {
	if d := s.server.options.IOTimeout; d > 0 {
		if err := s.conn.SetWriteDeadline(time.Now().Add(d)); err != nil {
			return 0, err
		}
	}
	return s.conn.Write(p)
}

// finishWriter sends what is left to be sent when the handler is done, whatever it has
// returned. That the client of a connection has gone meanwhile is no error then.
func (r *Request) finishWriter() error {
	if r.conn != nil {
		_ = r.Flush()
		return nil
	}
	if len(r.reply) == 0 && r.server.options.SuppressEmptyReply {
		return nil
	}
	if r.client == nil {
		return fmt.Errorf("socketserver: answer a datagram: its sender has no name: %w", unix.EDESTADDRREQ)
	}
	return r.answer(r.reply)
}
