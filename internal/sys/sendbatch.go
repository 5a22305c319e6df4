//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"
	"net/netip"
)

// SendBatch is a queue of datagrams to send, in order, up to [BatchSize] by one
// call. One goroutine at a time uses it.
type SendBatch struct {
	limit int
	size  int        // bytes that wait
	bytes []byte     // the datagrams, one behind the other
	begin int        // where in bytes the first that waits begins
	queue []outgoing // their lengths and addresses
	first int        // where in queue the first that waits is
	*sender
}

// outgoing is one datagram: where it goes, and how many bytes it has.
type outgoing struct {
	to   netip.AddrPort
	name string // of a Unix socket
	size int
}

// NewSendBatch makes a queue for limit bytes, the addresses not counted. What it
// has room for in number is BatchSize and one for each 16 bytes, so that empty
// datagrams have a bound as well. Memory comes as it is needed.
func NewSendBatch(limit int) *SendBatch {
	return &SendBatch{limit: limit, sender: newSender()}
}

// Len is how many datagrams wait.
func (b *SendBatch) Len() int { return len(b.queue) - b.first }

// Size is how many bytes wait.
func (b *SendBatch) Size() int { return b.size }

// Add copies p to the end of the queue. It goes to an internet address, or to a
// Unix socket by its name as [BindUnix] takes it; with neither (to is not valid,
// name is "") it goes to where the socket is connected. false: there is no room
// for it, and where p is longer than the limit there never will be.
func (b *SendBatch) Add(p []byte, to netip.AddrPort, name string) bool {
	if len(p) > b.limit-b.size || b.Len() >= BatchSize+b.limit/16 {
		return false
	}
	b.makeRoom(len(p))
	b.bytes = append(b.bytes, p...)
	b.queue = append(b.queue, outgoing{to, name, len(p)})
	b.size += len(p)
	return true
}

// makeRoom moves what waits to the front before a slice would have to grow, if
// at least half of it is behind us: a byte is moved once at most for each that
// was sent.
func (b *SendBatch) makeRoom(more int) {
	if len(b.bytes)+more > cap(b.bytes) && b.begin >= b.size {
		b.bytes = append(b.bytes[:0], b.bytes[b.begin:]...)
		b.begin = 0
	}
	if len(b.queue) == cap(b.queue) && b.first >= b.Len() {
		b.queue = append(b.queue[:0], b.queue[b.first:]...)
		b.first = 0
	}
}

// Send sends up to [BatchSize] datagrams from the front of the queue, which it
// then drops from it: sendmmsg(2), or sendto(2) for one after the other. On a
// failure sent is 0, and the first datagram, which has failed, is still there,
// for the caller to wait (EAGAIN) or to [SendBatch.Drop] it. Fewer sent than
// waited mean that the next one failed; why, the next Send says. The errno may
// be that of an earlier send, such as ECONNREFUSED on a connected socket.
//
// With gso, which is for sockets that [CanGSO] is true of, neighbours of one length
// to one address are one message, which the kernel takes apart behind most of its
// work. It refuses some such messages, see [SendBatch.RefusedGSO], whose datagrams it
// takes one by one: send those again without.
func (b *SendBatch) Send(fd int, gso bool) (sent int, errno Errno) {
	count := min(b.Len(), BatchSize)
	if count == 0 {
		return 0, 0
	}
	messages, errno := b.lay(count, gso)
	if errno != 0 {
		return 0, errno
	}
	if h := hooks.Load(); h != nil {
		messages, errno = h.do(Call{Op: opSendBatch, FD: fd, Args: b.text(messages)}, func(*Call) (int, Errno) { return b.send(fd, messages) })
	} else {
		messages, errno = b.send(fd, messages)
	}
	sent = b.datagrams(max(messages, 0))
	for range sent {
		b.Drop()
	}
	return sent, errno
}

// Drop takes the first datagram off the queue, if there is one.
func (b *SendBatch) Drop() {
	if b.Len() == 0 {
		return
	}
	o := &b.queue[b.first]
	b.begin += o.size
	b.size -= o.size
	o.name = "" // which may be all that keeps it
	if b.first++; b.Len() == 0 {
		b.bytes, b.begin = b.bytes[:0], 0
		b.queue, b.first = b.queue[:0], 0
	}
}

// text is what the hooks see of messages that were laid out.
func (b *SendBatch) text(messages int) string {
	bytes, count := 0, b.datagrams(messages)
	for _, o := range b.queue[b.first:][:count] {
		bytes += o.size
	}
	switch messages {
	case count:
	case 1:
		return fmt.Sprintf("%d datagrams in 1 message, %d bytes", count, bytes)
	default:
		return fmt.Sprintf("%d datagrams in %d messages, %d bytes", count, messages, bytes)
	}
	return fmt.Sprintf("%d datagrams, %d bytes", count, bytes)
}
