//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

// Stats are what a loop has counted since it began, and what it has now. They are
// always on: a count is an addition, and they are made known once a turn.
type Stats struct {
	Turns  uint64 // waits that were over
	Events uint64 // descriptors that they found ready
	Posted uint64 // functions from other goroutines that ran
	Alarms uint64 // timers, and looks at a connection's timeouts

	// System calls, those that failed too.
	Waits   uint64 // for events
	Reads   uint64 // read(2), or recv(2) of messages
	Writes  uint64 // write(2) and writev(2)
	Accepts uint64 // accept(2)
	Watches uint64 // changes of what is waited for, such as epoll_ctl(2)
	Recvs   uint64 // for datagrams: recvmmsg(2), or recvfrom(2)
	Sends   uint64 // for datagrams: sendmmsg(2), or sendto(2)
	Again   uint64 // calls that the kernel answered with EAGAIN

	BytesIn, BytesOut uint64 // of connections and of datagrams

	Opened   uint64 // connections, accepted and dialled
	Closed   uint64
	Refused  uint64 // by a limit, by AllowPeer, or for want of descriptors
	Timeouts uint64 // that were over, the wait at a close for the peer among them
	Panics   uint64 // of callbacks
	Slow     uint64 // callbacks that ran longer than Options.SlowCallback

	Handshakes      uint64 // of TLS
	HandshakeErrors uint64 // connections that ended before theirs was over

	PacketsIn, PacketsOut uint64 // datagrams
	PacketsDropped        uint64 // that could not be sent, or found no room
	PacketsTruncated      uint64 // that arrived larger than what is taken
	PacketErrors          uint64 // of the network, and of sending

	// What there is at the moment.
	Conns    uint64
	Timers   uint64 // timers and connections with a timeout
	Buffered uint64 // bytes of memory that wait: output, and input not used
}

// add adds another loop's.
func (s *Stats) add(o *Stats) {
	for _, f := range []struct{ to, from *uint64 }{
		{&s.Turns, &o.Turns}, {&s.Events, &o.Events}, {&s.Posted, &o.Posted}, {&s.Alarms, &o.Alarms},
		{&s.Waits, &o.Waits}, {&s.Reads, &o.Reads}, {&s.Writes, &o.Writes}, {&s.Accepts, &o.Accepts},
		{&s.Watches, &o.Watches}, {&s.Recvs, &o.Recvs}, {&s.Sends, &o.Sends}, {&s.Again, &o.Again},
		{&s.BytesIn, &o.BytesIn}, {&s.BytesOut, &o.BytesOut},
		{&s.Opened, &o.Opened}, {&s.Closed, &o.Closed}, {&s.Refused, &o.Refused},
		{&s.Timeouts, &o.Timeouts}, {&s.Panics, &o.Panics}, {&s.Slow, &o.Slow},
		{&s.Handshakes, &o.Handshakes}, {&s.HandshakeErrors, &o.HandshakeErrors},
		{&s.PacketsIn, &o.PacketsIn}, {&s.PacketsOut, &o.PacketsOut},
		{&s.PacketsDropped, &o.PacketsDropped}, {&s.PacketsTruncated, &o.PacketsTruncated}, {&s.PacketErrors, &o.PacketErrors},
		{&s.Conns, &o.Conns}, {&s.Timers, &o.Timers}, {&s.Buffered, &o.Buffered},
	} {
		*f.to += *f.from
	}
}

// publish makes the counts known, once a turn: a lock that nobody else wants
// costs less than that many atomic stores.
func (l *Loop) publish() {
	l.counts.Conns = uint64(len(l.conns))
	l.counts.Timers = uint64(len(l.alarms))
	l.statsMu.Lock()
	l.published = l.counts
	l.statsMu.Unlock()
}

// Stats returns what the loop had counted at the end of its last turn. Any
// goroutine may call it, at any time.
func (l *Loop) Stats() Stats {
	l.statsMu.Lock()
	defer l.statsMu.Unlock()
	s := l.published
	s.Slow = l.watched.slow.Load()
	return s
}

// Stats returns the sum over all loops. Any goroutine may call it.
func (g *Group) Stats() Stats {
	var sum Stats
	for _, l := range g.loops {
		s := l.Stats()
		sum.add(&s)
	}
	return sum
}
