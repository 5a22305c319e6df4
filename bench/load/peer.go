//go:build linux

package load

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"example.com/iomux"
)

// peer is one of UDP's sockets. Its datagrams are numbered so that the number
// modulo depth is the slot that each is on its way in: a slot sends the next
// of its own when it has the echo of the last, or has given it up.
type peer struct {
	socket
	udp      *udp
	segments bool // the kernel cuts what is written into datagrams
	slots    []flight
	owed     []int               // slots whose datagram has not left
	lost     map[uint32]struct{} // given up and not come since
	answered int64
}

// flight is what a slot has on its way.
type flight struct {
	seq  uint32 // of the last that left, or is about to
	out  bool   // it has left and is not back
	sent int64  // when
}

func newPeer(u *udp, fd int, id uint32) *peer {
	p := &peer{
		socket: socket{fd: fd, id: id},
		udp:    u,
		slots:  make([]flight, u.Depth),
		owed:   make([]int, 0, u.Depth),
		lost:   map[uint32]struct{}{},
	}
	for i := range p.slots {
		p.slots[i].seq = uint32(i - u.Depth) // the first is one round further
	}
	return p
}

// owe has slot i send its next datagram, unless there were enough.
func (p *peer) owe(i int) {
	if p.udp.phase < draining && p.udp.grant(1) > 0 {
		p.owed = append(p.owed, i)
	}
}

func (p *peer) ready(events iomux.Events) error {
	u := p.udp
	now := u.now()
	if events&iomux.Readable != 0 {
		if _, err := p.receive(now); err != nil {
			return err
		}
	}
	return p.send(now)
}

// receive checks what has come, and returns how many that was.
func (p *peer) receive(now int64) (int, error) {
	in := p.udp.incoming
	n, e := in.receive(p.fd)
	switch e {
	case 0:
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	default:
		return 0, p.broken(os.NewSyscallError("recvmmsg", e))
	}
	for i := range n {
		if err := p.take(in.at(i), now); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// take checks one datagram.
func (p *peer) take(d []byte, now int64) error {
	u := p.udp
	if len(d) != u.Size {
		return fmt.Errorf("%w: socket %d: a datagram of %d bytes, or more, for one of %d", ErrWrongEcho, p.id, len(d), u.Size)
	}
	number := unmix(binary.LittleEndian.Uint64(d))
	id, seq := uint32(number>>32), uint32(number)
	if id != p.id {
		return fmt.Errorf("%w: socket %d: a datagram that it did not send", ErrWrongEcho, p.id)
	}
	if i := u.pattern.check(d, 0, id, uint64(seq)); i >= 0 {
		return fmt.Errorf("%w: socket %d: datagram %d differs at byte %d", ErrWrongEcho, p.id, seq, i)
	}
	i := int(seq % uint32(u.Depth))
	s := &p.slots[i]
	if s.out && s.seq == seq {
		s.out = false
		p.answered++
		u.count(1, now)
		if u.within(s.sent) {
			u.keep(now-s.sent, 1)
		}
		p.owe(i)
		return nil
	}
	if _, was := p.lost[seq]; was {
		delete(p.lost, seq)
		if u.phase >= measuring {
			u.result.Late++
		}
		return nil
	}
	if int32(seq-s.seq) > 0 {
		return fmt.Errorf("%w: socket %d: datagram %d was never sent", ErrWrongEcho, p.id, seq)
	}
	return fmt.Errorf("%w: socket %d: datagram %d came twice", ErrWrongEcho, p.id, seq)
}

// send sends what is owed, as far as the kernel takes it.
func (p *peer) send(now int64) error {
	out := p.udp.outgoing
	for len(p.owed) > 0 {
		n := min(len(p.owed), out.len())
		for i, slot := range p.owed[:n] {
			seq := p.slots[slot].seq + uint32(p.udp.Depth)
			p.udp.pattern.fill(out.whole(i), p.id, uint64(seq))
		}
		send, name := out.send, "sendmmsg"
		if p.segments {
			send, name = out.sendSegments, "write"
		}
		sent, e := send(p.fd, n)
		if e == unix.EAGAIN || e == unix.EINTR {
			break
		}
		if e != 0 {
			return p.broken(os.NewSyscallError(name, e))
		}
		for _, slot := range p.owed[:sent] {
			p.slots[slot] = flight{seq: p.slots[slot].seq + uint32(p.udp.Depth), out: true, sent: now}
		}
		p.owed = append(p.owed[:0], p.owed[sent:]...)
	}
	interest := iomux.Readable
	if len(p.owed) > 0 {
		interest |= iomux.Writable
	}
	return p.udp.watch(&p.socket, interest)
}

// expire gives up on what has been away for too long, and sends others for it.
func (p *peer) expire(now int64) error {
	u := p.udp
	for i := range p.slots {
		s := &p.slots[i]
		if !s.out || now-s.sent < lostAfter {
			continue
		}
		s.out = false
		p.lost[s.seq] = struct{}{}
		u.issued--
		if u.phase >= measuring {
			u.result.Lost++
		}
		p.owe(i)
	}
	return p.send(now)
}

func (p *peer) broken(err error) error {
	return fmt.Errorf("load: socket %d: after %d datagrams: %w", p.id, p.answered, err)
}
