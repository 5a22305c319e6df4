//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"context"
	"errors"
)

// children are the processes of a server.
type children struct{}

// count is how many run; Server.mu is held.
func (*children) count() int { return 0 }

// fork is the default of ProcessRequest in mode Forking.
func (s *Server) fork(*Request) error { return errors.ErrUnsupported }

// endChildren waits for the children.
func (s *Server) endChildren(context.Context) error { return nil }
