//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
	"example.com/iomux/reactor"
)

// multicast is the receiver that acknowledges what is sent to its group and, with its
// flag send, the sender.
var multicast = Entry{
	Name:    "multicast",
	About:   "acknowledges what is sent to a group; with --send, sends",
	Listen:  []string{"udp://224.3.29.71:10000"},
	Kinds:   []string{"udp"},
	OneLoop: true,
	setup: func(flags *flag.FlagSet) func(Options) (*Server, error) {
		m := &groupFlags{}
		flags.StringVar(&m.network, "interface", "", "network interface of the group, `NAME` (default the loopback)")
		flags.BoolVar(&m.send, "send", false, "send a message to the group, and show who acknowledges it")
		flags.DurationVar(&m.silence, "silence", 200*time.Millisecond, "with send, end when nobody has answered for this `TIME`")
		return m.start
	},
}

const (
	multicastMessage = "very important data"
	multicastAnswer  = "ack"
)

// groupFlags are the flags of multicast.
type groupFlags struct {
	network string
	send    bool
	silence time.Duration
}

func (m *groupFlags) start(o Options) (*Server, error) {
	if len(o.Listen) != 1 {
		return nil, fmt.Errorf("classic: multicast: %w: listen at %d addresses, want one", reactor.ErrOption, len(o.Listen))
	}
	_, address, err := reactor.SplitURL(o.Listen[0])
	if err != nil {
		return nil, err
	}
	group, err := netip.ParseAddrPort(address)
	if err != nil || !group.Addr().Is4() || !group.Addr().IsMulticast() {
		return nil, fmt.Errorf("classic: multicast: %w %q: want a group of IPv4, as udp://224.3.29.71:10000", reactor.ErrAddress, o.Listen[0])
	}
	on, err := m.find()
	if err != nil {
		return nil, err
	}
	o.Reactor.Loops = 1 // a group has one socket
	if m.send {
		return sendToGroup(o, group, on, m.silence)
	}
	return receiveFromGroup(o, group, on)
}

// find finds the network interface.
func (m *groupFlags) find() (*net.Interface, error) {
	if m.network != "" {
		on, err := net.InterfaceByName(m.network)
		if err != nil {
			return nil, fmt.Errorf("classic: multicast: %w: network interface %q: %w", reactor.ErrOption, m.network, err)
		}
		return on, nil
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("classic: multicast: look for the loopback: %w", err)
	}
	for _, on := range all {
		if on.Flags&net.FlagLoopback != 0 {
			return &on, nil
		}
	}
	return nil, fmt.Errorf("classic: multicast: %w: there is no loopback interface, name another one", reactor.ErrOption)
}

// receiveFromGroup answers each datagram to the group.
func receiveFromGroup(o Options, group netip.AddrPort, on *net.Interface) (*Server, error) {
	loops, err := reactor.Open(o.Reactor)
	if err != nil {
		return nil, err
	}
	s := newServer(o)
	s.stop, s.stats = loops.Shutdown, append(s.stats, loops.Stats)
	fail := func(err error) (*Server, error) {
		return nil, errors.Join(fmt.Errorf("classic: receive from %v: %w", group, err), loops.Shutdown(context.Background()))
	}
	file, err := groupSocket(group)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = file.Close() }() // the loop has a duplicate
	l, err := loops.AdoptPacket([]*os.File{file}, &receiving{o.say}, o.socket(o.Listen[0]))
	if err != nil {
		return fail(err)
	}
	if err := join(l.Conns()[0], group.Addr(), on); err != nil {
		return fail(err)
	}
	s.listens(l.URL(), on.Flags&net.FlagLoopback != 0)
	o.say.line("\nwaiting to receive message")
	return s, nil
}

// groupSocket makes a socket for what is sent to the group, and for nothing else that
// may come to its port. SO_REUSEADDR has it share the port with other receivers on this
// machine, each of which gets all: what the reactor's own sockets never do.
func groupSocket(group netip.AddrPort) (*os.File, error) {
	fd, errno := sys.Socket(unix.AF_INET, unix.SOCK_DGRAM)
	if errno != 0 {
		return nil, fmt.Errorf("socket: %w", errno)
	}
	file := os.NewFile(uintptr(fd), "udp://"+group.String())
	errno = sys.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if errno == 0 && runtime.GOOS != "linux" { // in BSD it takes both
		errno = sys.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	if errno == 0 {
		errno = sys.Bind(fd, group)
	}
	if errno != 0 {
		return nil, errors.Join(fmt.Errorf("bind: %w", errno), file.Close())
	}
	return file, nil
}

// join has a socket join the group, on its loop.
func join(c *reactor.PacketConn, group netip.Addr, on *net.Interface) error {
	joined := make(chan error, 1)
	if err := c.Post(func() { joined <- c.JoinGroup(group, on.Index) }); err != nil {
		return err
	}
	return <-joined
}

// receiving answers.
type receiving struct{ say *transcript }

// Packet implements reactor.PacketHandler. The answer may be longer than what it
// answers, by three bytes at most, which is no weapon.
func (h *receiving) Packet(s *reactor.PacketConn, p []byte, from reactor.Peer) {
	if h.say != nil {
		h.say.line("received %d bytes from %s", len(p), pyAddr(peerAddr(from)))
		h.say.line("%s", pyBytes(p))
	}
	if answersPeer(s, from) {
		if h.say != nil {
			h.say.line("sending acknowledgement to %s", pyAddr(peerAddr(from)))
		}
		_ = s.WriteTo([]byte(multicastAnswer), from) // what cannot be sent is lost, as others are
	}
	h.say.line("\nwaiting to receive message")
}
