//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import "example.com/iomux/reactor"

// threads is what serves connections in mode Threading.
func (s *Server) threads() reactor.Handler {
	return threads{reactor.Threaded(s.serveThread).(streamHandler), s}
}

// streamHandler is a Handler with what else the reactor looks for in Threaded's.
type streamHandler interface {
	reactor.Handler
	reactor.HalfCloser
}

// threads counts a request when it opens, on the loop that accepts, and not when its
// goroutine begins: by then too many may have been accepted.
type threads struct {
	streamHandler
	server *Server
}

// Opened implements reactor.Handler.
func (t threads) Opened(c *reactor.Conn) {
	t.server.count()
	t.streamHandler.Opened(c)
}

func (s *Server) serveThread(c *reactor.NetConn) error {
	r := s.request(c.RemoteAddr()) // Opened has counted it
	r.conn = c
	s.serve(r)
	return nil
}

// thread is the default of ProcessRequest for a datagram in mode Threading.
func (s *Server) thread(r *Request) {
	r.handed, r.waiter = true, nil
	s.started()
	go func() {
		defer s.finished(nil)
		_ = guard(func() error { return s.options.Hooks.ProcessRequestThread(r) }) // it has told HandleError
	}()
}
