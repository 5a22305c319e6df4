//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"example.com/iomux/reactor"
)

// sendToGroup sends one message to the group and shows the answers. Nobody knows how many
// there will be: it ends when none has come for as long as silence.
func sendToGroup(o Options, group netip.AddrPort, on *net.Interface, silence time.Duration) (*Server, error) {
	from, err := addressOf(on)
	if err != nil {
		return nil, err
	}
	loops, err := reactor.Open(o.Reactor)
	if err != nil {
		return nil, err
	}
	s := newServer(o)
	s.stop, s.stats = loops.Shutdown, append(s.stats, loops.Stats)
	h := &sending{say: o.scene(), end: s.end, silence: silence}
	own := "udp://" + netip.AddrPortFrom(from, 0).String()
	l, err := loops.ListenPacket(own, h, o.socket(own))
	if err == nil {
		c := l.Conns()[0]
		sent := make(chan error, 1)
		if err = c.Post(func() { sent <- h.send(c, group, on) }); err == nil {
			err = <-sent
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("classic: send to %v: %w", group, err), loops.Shutdown(context.Background()))
	}
	return s, nil
}

// addressOf is an address of IPv4 that the network interface has.
func addressOf(on *net.Interface) (netip.Addr, error) {
	all, err := on.Addrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("classic: multicast: addresses of %s: %w", on.Name, err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP.To4()); ok {
				return ip, nil
			}
		}
	}
	return netip.Addr{}, fmt.Errorf("classic: multicast: %w: network interface %s has no address of IPv4", reactor.ErrOption, on.Name)
}

// sending takes the answers.
type sending struct {
	say     *transcript
	end     func(error)
	silence time.Duration
	quiet   *reactor.Timer // rings when no answer has come for so long
}

// send sends the message, on the socket's loop. It crosses no router.
func (h *sending) send(c *reactor.PacketConn, group netip.AddrPort, on *net.Interface) error {
	if err := errors.Join(c.SetMulticastInterface(on.Index), c.SetMulticastTTL(1)); err != nil {
		return err
	}
	h.say.line("sending b'%s'", multicastMessage)
	h.say.line("waiting to receive")
	h.quiet = c.Loop().After(h.silence, func() {
		h.say.line("timed out, no more responses")
		h.say.line("closing socket")
		c.Close()
		h.end(nil)
	})
	return c.WriteTo([]byte(multicastMessage), reactor.Peer{Addr: group})
}

// Packet implements reactor.PacketHandler.
func (h *sending) Packet(_ *reactor.PacketConn, p []byte, from reactor.Peer) {
	h.say.line("received %s from %s", pyBytes(p), pyAddr(peerAddr(from)))
	h.say.line("waiting to receive")
	h.quiet.Reset(h.silence)
}
