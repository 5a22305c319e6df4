//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

// Handler is what a server does with its connections. One value serves all of
// them, on all loops at once: what belongs to a connection goes into
// Conn.SetContext. No method may block, for it holds up every connection of its
// loop. A panic ends the connection it happened on and is logged; the loop goes
// on.
//
// A handler may have the methods of [HalfCloser], [Drainer] and [Timeouter] too.
type Handler interface {
	// Opened is called once, first, when a connection has been accepted, or
	// when one that was dialled is there.
	Opened(c *Conn)

	// Data brings what arrived and returns how many bytes of it were used. The
	// rest comes back at the front of the next call, with more behind it. p is
	// the loop's and good during the call only. Over a unixpacket address each
	// call brings one message, and what is not used of it is dropped.
	Data(c *Conn, p []byte) (used int)

	// Closed is called once, last. err is nil when this side closed, io.EOF
	// when the peer had nothing more to send, and else what went wrong.
	// Nothing can be written to c any more.
	Closed(c *Conn, err error)
}

// HalfCloser is a Handler that goes on when the peer has sent its end of file.
// Without this method the connection is closed then, when what was written has
// been sent.
type HalfCloser interface {
	// HalfClosed is called once, when the peer has sent its last byte and all of
	// them have been given to Data. The connection stays open for writing until
	// Close; after CloseWrite it closes by itself when all is sent.
	HalfClosed(c *Conn)
}

// Drainer is a Handler that wants to know when a slow peer has caught up.
type Drainer interface {
	// Drained is called when no more output waits than Options.LowWater, after
	// more had waited than Options.HighWater.
	Drained(c *Conn)
}

// Timeouter is a Handler that is asked before a connection is closed for one of
// its Timeouts.
type Timeouter interface {
	// TimedOut returns true to keep the connection: that timeout then begins
	// anew. It may write, to see whether the peer is still there.
	TimedOut(c *Conn, which Timeout) (keep bool)
}

// NopHandler does nothing with a connection and swallows its data. Embed it to
// write only the methods one needs.
type NopHandler struct{}

// Opened does nothing.
func (NopHandler) Opened(*Conn) {}

// Data swallows p.
func (NopHandler) Data(_ *Conn, p []byte) int { return len(p) }

// Closed does nothing.
func (NopHandler) Closed(*Conn, error) {}
