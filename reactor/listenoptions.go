//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"crypto/tls"
	"fmt"
	"io/fs"

	"example.com/iomux/internal/sys"
)

// ListenOptions tune a listener, of connections or of datagrams. The zero value is
// what most want; a field left zero means its default.
type ListenOptions struct {
	// Balance is how connections are spread over the loops. Default: ReusePort
	// where the kernel can do it for the address, else RoundRobin.
	Balance Balance
	// Mode is the permissions of a Unix socket's file, which has them from the
	// moment it exists. Default: 0600, the owner alone.
	Mode fs.FileMode
	// AllowPeer, for Unix sockets, is asked whether a process may connect. It is
	// called on the loop. Default: all that Mode lets in.
	AllowPeer func(Credentials) bool
	// Gate, if there is one, decides how many connections or datagrams are taken
	// from the kernel. The address has one socket then.
	Gate Gate
	// TLS has connections speak TLS, by crypto/tls: the handler is given them when
	// the handshake is over, with plaintext both ways. Callbacks of the config run
	// on the loop and must not block it, see Awaiter; all loops share the config, so
	// any of them resumes a session of another. Not over unixpacket. Default: no TLS.
	TLS *tls.Config
	// Timeouts replace those of the group's Options, if there is one among them.
	Timeouts Timeouts
	// Socket are options of the sockets that are accepted, or of the one that
	// takes the datagrams.
	Socket SocketOptions
}

// Gate is asked before connections or datagrams are taken from the kernel. Its
// methods are called on the loop that takes them, and must not block.
type Gate interface {
	// Room is how many may be taken now. With none, or less, the listener pauses
	// until it is told to Resume.
	Room() int
	// Took is told how many have been, before a handler sees them. Less than 0 is of
	// those that no handler will see after all.
	Took(n int)
}

// Balance names a way to spread connections over loops.
type Balance string

const (
	// ReusePort has a listening socket for each loop, and the kernel spread
	// connections over them (SO_REUSEPORT, socket(7)): no hand-over between
	// loops. TCP on Linux.
	ReusePort Balance = "reuseport"
	// RoundRobin has one loop accept, and hand the connections out in turn.
	RoundRobin Balance = "round-robin"
	// LeastConnections has one loop accept, and hand each connection to the loop
	// that has the fewest.
	LeastConnections Balance = "least-connections"
)

// withDefaults fills in what was left zero and refuses what cannot be.
func (o *ListenOptions) withDefaults(group *Options) error {
	switch o.Balance {
	case "", ReusePort, RoundRobin, LeastConnections:
	default:
		return fmt.Errorf("%w: Balance is %q, want %q, %q or %q", ErrOption, o.Balance, ReusePort, RoundRobin, LeastConnections)
	}
	if o.Mode&^fs.ModePerm != 0 {
		return fmt.Errorf("%w: Mode is %v, want permissions such as 0600", ErrOption, o.Mode)
	}
	if o.Mode == 0 {
		o.Mode = 0o600
	}
	if err := o.Timeouts.check(); err != nil {
		return err
	}
	if !o.Timeouts.any() {
		o.Timeouts = group.Timeouts
	}
	return o.Socket.check()
}

// spread is over how many sockets the connections to a are spread.
func (o *ListenOptions) spread(a address, loops int) (int, error) {
	can := reusePort != 0 && !a.unix()
	switch {
	case o.Gate != nil && o.Balance == ReusePort:
		return 0, fmt.Errorf("%w: Balance %q goes with no Gate, want %q or %q", ErrOption, ReusePort, RoundRobin, LeastConnections)
	case o.Gate != nil:
		return 1, nil
	case o.Balance == ReusePort && !can:
		return 0, fmt.Errorf("%w: Balance %q: the kernel does not spread %s here, want %q or %q", ErrOption, ReusePort, a.scheme, RoundRobin, LeastConnections)
	case can && (o.Balance == "" || o.Balance == ReusePort):
		return loops, nil
	}
	return 1, nil
}

// Credentials are the identity of a process: its number, user and group.
type Credentials = sys.Credentials
