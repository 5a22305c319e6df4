//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"errors"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Hooks are the methods that a subclass overrides in Python. Embed [Base], which has
// all of them as they are by default, and write those that are to be different; call
// Base's where Python says super(). Hooks about a request are called where the request
// runs: in mode Loop on its loop, in mode Threading on its goroutine, several at once.
//
// Of one good request this is the order: GetRequest, VerifyRequest, ProcessRequest (in
// mode Threading then ProcessRequestThread), FinishRequest, the handler's Setup, Handle
// and Finish, ShutdownRequest, CloseRequest.
type Hooks interface {
	// ServerBind binds and listens: server_bind.
	ServerBind(s *Server) error
	// ServerActivate is called when the server listens: server_activate. Base does
	// nothing.
	ServerActivate(s *Server) error
	// GetRequest is called first, when a request has been accepted, and may look
	// at it, set options of its socket, or put another connection in its place, with
	// SetConn: get_request. On an error the request is closed, and that is all.
	GetRequest(r *Request) error
	// VerifyRequest returns false to refuse a request: verify_request.
	VerifyRequest(r *Request) bool
	// ProcessRequest has the request served: process_request. On an error
	// HandleError is called, and then ShutdownRequest.
	ProcessRequest(r *Request) error
	// ProcessRequestThread is what ProcessRequest does in mode Threading:
	// process_request_thread. It calls HandleError itself.
	ProcessRequestThread(r *Request) error
	// FinishRequest calls the handler: finish_request.
	FinishRequest(r *Request) error
	// ShutdownRequest tells the client that nothing more comes and calls
	// CloseRequest: shutdown_request.
	ShutdownRequest(r *Request)
	// CloseRequest closes the connection: close_request.
	CloseRequest(r *Request)
	// ServiceActions is called by ServeForever, on its goroutine, after requests
	// and each Options.PollInterval: service_actions. Base does nothing but in
	// mode Forking, where it calls CollectChildren.
	ServiceActions(s *Server)
	// HandleTimeout is called by HandleRequest when Options.Timeout has passed:
	// handle_timeout. Base does what it does in ServiceActions.
	HandleTimeout(s *Server)
	// HandleError is told of the error of a handler, or of a hook about a request:
	// handle_error. Base logs it, with the client and the stack of a panic; at level
	// info what is but of the client's doing, as that it has gone, and io.EOF, which is
	// how most requests end, at level debug.
	HandleError(r *Request, err error)
	// ServerClose closes the listening socket, and waits for requests as Options
	// say: server_close.
	ServerClose(s *Server) error
	// CollectChildren is called in mode Forking, now and then and by ServerClose:
	// collect_children. The children are collected without it.
	CollectChildren(s *Server)
}

// Base is the hooks as they are by default.
type Base struct{}

var _ Hooks = Base{}

// ServerBind implements Hooks.
func (Base) ServerBind(s *Server) error { return s.listen() }

// ServerActivate implements Hooks.
func (Base) ServerActivate(*Server) error { return nil }

// GetRequest implements Hooks.
func (Base) GetRequest(*Request) error { return nil }

// VerifyRequest implements Hooks.
func (Base) VerifyRequest(*Request) bool { return true }

// ProcessRequest implements Hooks.
func (Base) ProcessRequest(r *Request) error {
	s := r.server
	switch {
	case s.options.Mode == Threading && r.conn == nil:
		s.thread(r)
		return nil
	case s.options.Mode == Threading:
		return s.options.Hooks.ProcessRequestThread(r)
	case s.options.Mode == Forking:
		return s.fork(r)
	}
	if err := s.options.Hooks.FinishRequest(r); err != nil {
		return err
	}
	s.options.Hooks.ShutdownRequest(r)
	return nil
}

// ProcessRequestThread implements Hooks.
func (Base) ProcessRequestThread(r *Request) error {
	h := r.server.options.Hooks
	defer h.ShutdownRequest(r) // also after a runtime.Goexit, which is nobody's error
	if err := guard(func() error { return h.FinishRequest(r) }); err != nil && !isAbort(err) {
		h.HandleError(r, err)
	}
	return nil
}

// FinishRequest implements Hooks.
func (Base) FinishRequest(r *Request) error { return r.server.finish(r) }

// ShutdownRequest implements Hooks.
func (Base) ShutdownRequest(r *Request) {
	if w, ok := r.conn.(interface{ CloseWrite() error }); ok {
		_ = w.CloseWrite() // the client may be gone
	}
	r.server.options.Hooks.CloseRequest(r)
}

// CloseRequest implements Hooks.
func (Base) CloseRequest(r *Request) { r.close() }

// ServiceActions implements Hooks.
func (Base) ServiceActions(s *Server) { s.collect() }

// HandleTimeout implements Hooks.
func (Base) HandleTimeout(s *Server) { s.collect() }

// HandleError implements Hooks.
func (Base) HandleError(r *Request, err error) {
	attrs := []any{"client", r.name(), "err", err}
	var p *PanicError
	switch {
	case errors.As(err, &p):
		attrs = append(attrs, "stack", string(p.Stack))
	case errors.Is(err, io.EOF): // the client has nothing more to say, and the handler has said so
		r.server.options.Logger.Debug("a request has come to its end", attrs...)
		return
	case clients(err):
		r.server.options.Logger.Info("a request ended early", attrs...)
		return
	}
	r.server.options.Logger.Error("exception while a request was served", attrs...)
}

// clients reports whether an error is of what a client does, or does not: it can be had
// by the thousand.
func clients(err error) bool {
	for _, of := range []error{unix.ECONNRESET, unix.EPIPE, net.ErrClosed, os.ErrDeadlineExceeded, io.ErrUnexpectedEOF, ErrLineTooLong, ErrTimedOut} {
		if errors.Is(err, of) {
			return true
		}
	}
	return false
}

// ServerClose implements Hooks.
func (Base) ServerClose(s *Server) error { return s.end() }

// CollectChildren implements Hooks.
func (Base) CollectChildren(*Server) {}
