package main

import (
	"fmt"

	"example.com/iomux/reactor"
)

// packets answers each datagram.
type packets struct{}

func (packets) Packet(s *reactor.PacketConn, p []byte, from reactor.Peer) {
	s.WriteTo(p, from)
}

// burstRoom is for a socket's buffers: a burst must find some, as at the C server's.
const burstRoom = 4 << 20

// datagrams receives datagrams, and returns where.
func datagrams(g *reactor.Group, port int) (url string, err error) {
	o := reactor.ListenOptions{Socket: reactor.SocketOptions{ReadBuffer: burstRoom, WriteBuffer: burstRoom}}
	ln, err := g.ListenPacket(fmt.Sprintf("udp://127.0.0.1:%d", port), packets{}, o)
	if err != nil {
		return "", err
	}
	return ln.URL(), nil
}
