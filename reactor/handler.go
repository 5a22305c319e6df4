//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

// Handler is what a server does with its connections. One value serves all of
// them, on all loops at once: what belongs to a connection goes into
// Conn.SetContext. No method may block, for it holds up every connection of its
// loop. A panic ends the connection it happened on and is logged; the loop goes
// on.
type Handler interface {
	// Opened is called once, first, when a connection has been accepted.
	Opened(c *Conn)

	// Data brings what arrived and returns how many bytes of it were used. The
	// rest comes back at the front of the next call, with more behind it. p is
	// the loop's and good during the call only.
	Data(c *Conn, p []byte) (used int)

	// Closed is called once, last. err is nil when this side closed, io.EOF
	// when the peer had nothing more to send, and else what went wrong.
	// Nothing can be written to c any more.
	Closed(c *Conn, err error)
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
