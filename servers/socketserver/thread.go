package socketserver

import "example.com/iomux/reactor"

func (s *Server) threads() reactor.Handler { return nil }
func (s *Server) thread(r *Request)        {}
