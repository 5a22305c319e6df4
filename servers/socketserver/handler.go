//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// Handler handles requests: BaseRequestHandler, and the two made of it. One value
// serves all of them, on several goroutines at once; see [Each] for one of its own for
// each request. A handler may have the methods of [Setuper] and [Finisher] too.
type Handler interface {
	// Handle does the work. When it returns, what it wrote is sent, and the
	// connection ends. An error, or a panic, goes to the hook HandleError.
	Handle(r *Request) error
}

// HandlerFunc is a Handler of one function.
type HandlerFunc func(r *Request) error

// Handle calls f.
func (f HandlerFunc) Handle(r *Request) error { return f(r) }

// Setuper is a Handler that does something before Handle.
type Setuper interface {
	// Setup comes first. After an error of its neither Handle nor Finish is called.
	Setup(r *Request) error
}

// Finisher is a Handler that does something after Handle.
type Finisher interface {
	// Finish comes last, whether Handle has returned an error or not.
	Finish(r *Request) error
}

// Each is a Handler that makes another one for each request, as Python makes an
// object of the class it was given.
type Each func() Handler

// Handle makes a Handler and has it handle r. The server does not call this: it also
// calls the Setup and Finish of what was made.
func (e Each) Handle(r *Request) error { return e().Handle(r) }

// PanicError is what HandleError gets for a handler that panicked.
type PanicError struct {
	Value any
	Stack []byte
}

// Error is the value.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap is the value, if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// aborted is an error of Abort.
type aborted struct{ err error }

func (a aborted) Error() string { return "aborted: " + a.err.Error() }
func (a aborted) Unwrap() error { return a.err }

// Abort makes an error that ends more than a request when a handler returns it or
// panics with it: what SystemExit and KeyboardInterrupt are in Python. HandleError is
// not called. In mode Sync it ends ServeForever or HandleRequest, which return it; in
// the others only the request, be it a goroutine or a process.
func Abort(err error) error { return aborted{err} }

func isAbort(err error) bool {
	var a aborted
	return errors.As(err, &a)
}

// guard calls f and makes an error of its panic. A runtime.Goexit goes on.
func guard(f func() error) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil: // no panic
		case aborted:
			err = v
		default:
			err = &PanicError{v, debug.Stack()}
		}
	}()
	return f()
}
