//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"slices"
	"sync"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

const (
	// packetSize is the largest datagram that is taken whole: any of UDP, which
	// has 65,507 bytes at most over IPv4. A Unix socket may bring larger ones.
	packetSize = 65535
	// drainBatches bounds what a socket still receives when its loop ends: 8,192
	// datagrams, as many as 6 MiB of socket buffer hold. Who goes on sending
	// does not keep the loop.
	drainBatches = 8192 / sys.BatchSize
	// spareOutputs is how many empty queues a loop keeps for the next callbacks.
	spareOutputs = 4
)

var errCut = fmt.Errorf("%w: it has more than %d bytes", ErrTruncated, packetSize)

// packets is what a loop has for all its sockets for datagrams: buffers that they
// take turns with, so that one with nothing to do owns none. The zero value is
// ready; the buffers are made when they are first needed.
type packets struct {
	in       *sys.Batch
	owner    *PacketConn // whose datagrams are in it; nil for nobody's
	arrivals int         // how many they are
	next     int         // the one to deliver next
	spare    []*sys.SendBatch

	mu    sync.Mutex
	conns []*PacketConn
}

// input is the buffer for what arrives, free to be used.
func (p *packets) input() *sys.Batch {
	if p.in == nil {
		p.in = sys.NewBatch(packetSize)
	}
	return p.in
}

// arrived takes in that n datagrams of s are in the buffer.
func (p *packets) arrived(s *PacketConn, n int) { p.owner, p.arrivals, p.next = s, n, 0 }

// resume delivers what a panic has left in the buffer, before it is used again.
func (p *packets) resume() {
	if s := p.owner; s != nil {
		s.loop.current = s
		s.deliver()
		s.flush()
	}
}

// output is an empty queue for a socket that has something to send. It has room
// for one datagram at least, whatever the limit.
func (p *packets) output(limit int) *sys.SendBatch {
	last := len(p.spare) - 1
	if last < 0 {
		return sys.NewSendBatch(max(limit, packetSize))
	}
	b := p.spare[last]
	p.spare = p.spare[:last]
	return b
}

// emptied takes back a queue with nothing in it.
func (p *packets) emptied(b *sys.SendBatch) {
	if len(p.spare) < spareOutputs {
		p.spare = append(p.spare, b)
	}
}

// adoptPacket takes a socket in, from any goroutine.
func (l *Loop) adoptPacket(s *PacketConn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return ErrClosed
	}
	l.packets.add(s) // first: its events may come at once
	if _, err := l.sel.Register(s.fd, iomux.Readable, s); err != nil {
		l.packets.remove(s)
		return err
	}
	return nil
}

func (p *packets) add(s *PacketConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, s)
}

// remove takes a socket off the list and returns its descriptor, which from now on
// is nobody else's.
func (p *packets) remove(s *PacketConn) (fd int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = slices.DeleteFunc(p.conns, func(other *PacketConn) bool { return other == s })
	fd, s.fd = s.fd, -1
	return fd
}

func (p *packets) list() []*PacketConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.conns)
}

// busy reports whether the loop has sockets left, which keep it from ending.
func (p *packets) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns) > 0
}

// drain closes the sockets when they have handled what has arrived.
func (p *packets) drain() {
	for _, s := range p.list() {
		s.drain()
	}
}

// force closes the sockets as they stand.
func (p *packets) force() {
	for _, s := range p.list() {
		s.finish()
	}
}
