//go:build linux

package load

import (
	"net/netip"
	"time"

	"example.com/iomux"
)

// Limits of a Config: far beyond what a scenario needs, near enough that a slip
// of the finger does not eat the machine.
const (
	MaxConns = 1 << 20
	MaxSlow  = 1 << 12
	MaxBurst = 1 << 20 // bytes of Depth messages
	MaxTime  = 10 * time.Minute
)

// Bounds of Size, in bytes, that come with the kind.
const (
	LeastLine     = 24    // a line of a chat says in letters which it is
	LeastRoomLine = 32    // so does one of a room, behind a mark
	LeastDatagram = 8     // so does a datagram, in a number
	MaxDatagram   = 65507 // what IPv4 has room for
)

// Config says what load to make. Addr, Conns and Size must be given, and a
// Duration or a number of Messages.
type Config struct {
	Kind  Kind           // what is done; the zero value is Echo
	Addr  netip.AddrPort // of the server, in 127.0.0.0/8
	Conns int            // connections; slots of a churn, members of a chat or a room, sockets of UDP
	Size  int            // bytes a message; Chat wants LeastLine, Room LeastRoomLine, UDP LeastDatagram to MaxDatagram

	// Depth is how many messages a connection keeps on their way in closed
	// loop; 0 means 1. They leave together in one write. Of a chat it is the
	// lines of a burst, and of a room. Churn and Idle have none.
	Depth int
	// Whole sends the next Depth messages only when all of the last are back,
	// so that each arrives at the server as one segment of Depth requests.
	// Echo only.
	Whole bool
	// Rate makes it an open loop: so many messages a second, spread over all
	// connections and sent when their time has come, whatever is still on its
	// way. Latency counts from that time, not from when the send succeeded, so
	// that a server's stall is felt by every message it delayed. Echo, and Room,
	// where it is lines a second and must be given.
	Rate float64
	// Mixed makes each message another size from 1 byte to Size, log-uniform:
	// as many between 1 and 10 bytes as between 100 and 1000. Which one has
	// which is the same in every run. Echo only.
	Mixed bool
	// Slow is how many more connections there are that send messages of 1 KiB
	// as fast as the server takes them, and read 4 KiB every 10 ms. They begin
	// with the warm-up. What one has sent and not got back is bounded by 16 MiB,
	// and that of all by 1 GiB. They count in no figure but those of their own;
	// that the server closes one is no error. Echo only.
	Slow int

	Warm     time.Duration // runs before what is measured; of Idle, how long it is quiet before
	Duration time.Duration // what is measured; 0 means until Messages are done (not for Idle)
	Messages int64         // stop after so many in all; 0 means no limit (not for Idle)

	// Patience is how long a server may keep everything waiting: in closed
	// loop more is an error; in open loop it bounds the wait for the last
	// echoes, and those still missing are counted. 0 means 5 s.
	Patience time.Duration

	Backend iomux.Backend // of the generator; "" means the best

	// Began and Ended are called at the two ends of what is measured, on the
	// generator's goroutine; what they take is not in the time measured.
	Began, Ended func() error
}
