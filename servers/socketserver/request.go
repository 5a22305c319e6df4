//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"fmt"
	"log/slog"
	"net"
	"time"

	"example.com/iomux/reactor"
)

// Request is a connection, or a datagram, that is being served: request,
// client_address, server, rfile and wfile of Python's handlers in one. It belongs to
// the goroutine or coroutine that runs its handler.
//
// Of a connection Read and ReadLine take what the client sends, through a buffer, and
// Write goes to the client. Of a datagram they read what it holds, and all that was
// written goes back as one datagram when the handler is done, an empty one if nothing
// was.
type Request struct {
	server *Server
	number int
	client net.Addr // nil: the client has no name
	value  any

	conn   net.Conn // of a connection
	waiter waiter   // the coroutine; nil: there is none, and what blocks may block
	reader
	writer

	packet    []byte // of a datagram
	socket    *reactor.PacketConn
	peer      reactor.Peer
	send      func([]byte) error // in a child, instead of socket and peer
	truncated bool
	done      bool    // it is closed
	handed    bool    // to a goroutine, which ends it
	single    *single // the HandleRequest that waits for it; nil: none
}

// waiter is what a coroutine of the reactor offers.
type waiter interface {
	Await(func() error) error
	Sleep(time.Duration) error
}

// Server is the server it came to.
func (r *Request) Server() *Server { return r.server }

// ClientAddr is the client's address: client_address. Nil of a Unix datagram from a
// socket without a name, which cannot be answered.
func (r *Request) ClientAddr() net.Addr { return r.client }

// Conn is the connection, without the buffers of Read and Write: request and
// connection. Nil of a datagram. In modes Loop and Sync it is a *reactor.Stream, which
// is for the handler's own goroutine alone.
func (r *Request) Conn() net.Conn { return r.conn }

// SetConn puts another connection in the place of Conn, one that encrypts perhaps.
// It is for the hook GetRequest: what was read already is lost.
func (r *Request) SetConn(c net.Conn) { r.conn = c }

// Packet is the datagram: packet. It is the handler's to keep. Nil of a connection.
func (r *Request) Packet() []byte { return r.packet }

// Truncated reports whether the datagram was longer than Options.MaxPacketSize.
func (r *Request) Truncated() bool { return r.truncated }

// Number counts the requests of a server from 2 on, as Python's threads do, of which
// 1 is the one that serves.
func (r *Request) Number() int { return r.number }

// Thread is the name of the request's thread, whether it has one or not: Thread-2.
func (r *Request) Thread() string { return fmt.Sprintf("Thread-%d", r.number) }

// Logger is the server's.
func (r *Request) Logger() *slog.Logger { return r.server.options.Logger }

// SetValue keeps a value with the request, for hooks and handler to share.
func (r *Request) SetValue(v any) { r.value = v }

// Value is what SetValue was given, nil before that.
func (r *Request) Value() any { return r.value }

// Await runs a function that blocks, and waits for it without holding up the loop in
// the modes that have one; see reactor.Coroutine. It returns what f does.
func (r *Request) Await(f func() error) error {
	if r.waiter != nil {
		return r.waiter.Await(f)
	}
	return f()
}

// Sleep waits for d, likewise. In modes Loop and Sync it ends early, with an error,
// when the connection does.
func (r *Request) Sleep(d time.Duration) error {
	if r.waiter != nil {
		return r.waiter.Sleep(d)
	}
	time.Sleep(d)
	return nil
}

// name is the client in messages.
func (r *Request) name() string {
	if r.client == nil {
		return "nobody"
	}
	return r.client.String()
}

// close ends the connection.
func (r *Request) close() {
	r.done = true
	r.releaseReader()
	if r.conn != nil {
		_ = r.conn.Close() // the client may be gone
	}
}

// WriteString is Write of a string.
func (r *Request) WriteString(s string) (int, error) { return r.Write([]byte(s)) }
