//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package echo

import "example.com/iomux/reactor"

// Handler sends back what a connection brings. It holds nothing, so one value
// serves any number of listeners. A client that sends without reading is not
// read any more once reactor.Options.HighWater bytes wait for it.
type Handler struct{ reactor.NopHandler }

// Data writes p back.
func (Handler) Data(c *reactor.Conn, p []byte) int {
	_, _ = c.Write(p) // an error ends the connection, and Closed is told of it
	return len(p)
}
