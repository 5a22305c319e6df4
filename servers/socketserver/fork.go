//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"errors"
	"fmt"
	"os"
)

// fork is the default of ProcessRequest in mode Forking: it gives the request to a
// child, and closes what there is of it here.
func (s *Server) fork(r *Request) error {
	j, socket, err := s.letGo(r)
	if err != nil {
		return fmt.Errorf("socketserver: have a child serve %s: %w", r.name(), err)
	}
	err = r.Await(func() error {
		defer func() { _ = socket.Close() }() // the child has it, or nobody
		frame, err := j.frame()
		if err != nil {
			return err
		}
		if s.options.Pool {
			return s.giveToWorker(frame, socket)
		}
		return s.giveToChild(frame, socket)
	})
	if err != nil {
		_ = socket.Close() // Await may have refused
		return fmt.Errorf("socketserver: have a child serve %s: %w", r.name(), err)
	}
	s.options.Hooks.CloseRequest(r)
	return nil
}

// letGo returns what a child has to know about a request, and its socket. A connection
// is the reactor's no more.
func (s *Server) letGo(r *Request) (*job, *os.File, error) {
	o := &s.options
	j := &job{
		URL: s.URL(), Server: nameOf(s.Addr()), Client: nameOf(r.client),
		Number: r.number, Stream: r.conn != nil, Truncated: r.truncated,
		ReadBufferSize: o.ReadBufferSize, WriteBufferSize: o.WriteBufferSize, LineLimit: o.LineLimit,
		MaxPacketSize: o.MaxPacketSize, IOTimeout: o.IOTimeout, SuppressEmptyReply: o.SuppressEmptyReply,
		body: r.packet,
	}
	if !j.Stream {
		s.mu.Lock()
		packets := s.packets
		s.mu.Unlock()
		files, err := packets.Files()
		if err != nil {
			return nil, nil, err
		}
		return j, files[0], nil // there is one, for there is a Gate
	}
	c, ok := r.conn.(*forkConn)
	if !ok {
		return nil, nil, fmt.Errorf("%w: SetConn has put a %T in the place of the connection, which no child can get", errors.ErrUnsupported, r.conn)
	}
	if err := r.Flush(); err != nil {
		return nil, nil, err
	}
	if r.in != nil {
		j.body, _ = r.in.Peek(r.in.Buffered()) // it has so much
	}
	socket, err := c.letGo()
	return j, socket, err
}

// giveToChild starts a process for a request.
func (s *Server) giveToChild(frame []byte, socket *os.File) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	p, err := s.startChild(roleRequest, socket, r)
	_ = r.Close() // the child has it
	if err != nil {
		_ = w.Close() // nobody reads it
		return err
	}
	go func() {
		// More than a pipe holds waits here for the child to read it. If that has
		// died, its end tells.
		_, _ = w.Write(frame)
		_ = w.Close()
		s.childEnded(p, p.wait())
	}()
	return nil
}
