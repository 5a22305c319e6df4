//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import "example.com/iomux/reactor"

// serveThread is the goroutine of a connection. The gate has counted the request.
func (s *Server) serveThread(c *reactor.NetConn) error {
	s.mu.Lock()
	r := s.request(c.RemoteAddr())
	s.mu.Unlock()
	r.conn = c
	s.serve(r)
	return nil
}

// thread is the default of ProcessRequest for a datagram in mode Threading.
func (s *Server) thread(r *Request) {
	r.handed, r.waiter = true, nil
	s.started(r)
	go func() {
		defer s.finished(r, nil)
		_ = guard(func() error { return s.options.Hooks.ProcessRequestThread(r) }) // it has told HandleError
	}()
}
