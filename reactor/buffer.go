//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"encoding/binary"
	"time"
)

// chunk is a piece of a connection's waiting output. Connections with nothing
// to say have none: chunks belong to the loop's pool.
type chunk struct {
	next  *chunk
	last  *chunk        // of a connection's first one: the last, itself perhaps
	since time.Duration // of a connection's first one: when the kernel last took something
	// unsent, of the first one as well, is what the kernel then had that the peer's
	// had not confirmed.
	unsent int
	r, w   int // buf[r:w] is to be sent
	buf    []byte
}

const (
	// chunkSize holds what a callback usually writes, so that one write(2)
	// sends it. A larger write is not copied but goes to the kernel at once.
	chunkSize = 16 << 10
	// smallChunk is for those that have little to say: one word to ten thousand
	// connections in a turn took 380 MB when each took a whole chunk for it, and a
	// fifth of the time went into clearing and collecting them.
	smallChunk = 2 << 10
	// poolLimit is how many free chunks a loop keeps, 4 MiB: enough to take a
	// burst to a few hundred connections again without the allocator. smallLimit is
	// how many small ones, 8 MiB.
	poolLimit  = 256
	smallLimit = 4096
)

// chunkPool are a loop's free chunks.
type chunkPool struct{ small, large chunkStack }

// chunkStack are free chunks of one size, the warmest on top.
type chunkStack struct {
	top *chunk
	n   int
}

// get is a chunk for size bytes, or the first of several.
func (p *chunkPool) get(size int) *chunk {
	if size <= smallChunk {
		if c := p.small.get(); c != nil {
			return c
		}
		c := new(struct { // one piece of memory
			chunk
			room [smallChunk]byte
		})
		c.buf = c.room[:]
		return &c.chunk
	}
	if c := p.large.get(); c != nil {
		return c
	}
	c := new(struct {
		chunk
		room [chunkSize]byte
	})
	c.buf = c.room[:]
	return &c.chunk
}

func (p *chunkPool) put(c *chunk) {
	if len(c.buf) == smallChunk {
		p.small.put(c, smallLimit)
	} else {
		p.large.put(c, poolLimit)
	}
}

// get is nil if there is none.
func (s *chunkStack) get() *chunk {
	c := s.top
	if c != nil {
		s.top, c.next = c.next, nil
		s.n--
	}
	return c
}

func (s *chunkStack) put(c *chunk, limit int) {
	if s.n == limit {
		return
	}
	c.r, c.w, c.since, c.unsent, c.last = 0, 0, 0, 0, nil
	s.top, c.next = c, s.top
	s.n++
}

// output is what a connection has still to send, in order. It is small, for every
// connection has one: the last chunk is known to the first.
type output struct {
	head *chunk
	size uint32 // bytes; Options.WriteLimit keeps it in bounds
	held uint32 // pages that count as the connection's in group.memory, its input's too
}

// len is how many bytes wait.
func (o *output) len() int { return int(o.size) }

// append copies p behind what is there.
func (o *output) append(pool *chunkPool, p []byte) {
	o.size += uint32(len(p))
	for len(p) > 0 {
		last := o.first(pool, len(p)).last
		if last.w == len(last.buf) {
			last = o.extend(pool)
		}
		n := copy(last.buf[last.w:], p)
		last.w += n
		p = p[n:]
	}
}

// footprint is what it takes of memory.
func (o *output) footprint() int {
	switch {
	case o.size == 0:
		return 0
	case o.head.next == nil:
		return len(o.head.buf)
	}
	return (int(o.size)/chunkSize + 1) * chunkSize
}

// first is the first chunk, made for size bytes if there is none.
func (o *output) first(pool *chunkPool, size int) *chunk {
	if o.head == nil {
		o.head = pool.get(size)
		o.head.last = o.head
	}
	return o.head
}

// extend adds a chunk, a large one: there is much to say.
func (o *output) extend(pool *chunkPool) *chunk {
	c := pool.get(chunkSize)
	o.head.last.next = c
	o.head.last = c
	return c
}

// pieces appends to dst what is to be sent, at most as many pieces as dst has
// room for.
func (o *output) pieces(dst [][]byte) [][]byte {
	for c := o.head; c != nil && len(dst) < cap(dst); c = c.next {
		dst = append(dst, c.buf[c.r:c.w])
	}
	return dst
}

// messageHead is what goes before a message that waits: its length.
const messageHead = 4

// appendMessage copies p behind what is there, with its length before it, which
// lies in one piece.
func (o *output) appendMessage(pool *chunkPool, p []byte) {
	if last := o.first(pool, messageHead+len(p)).last; len(last.buf)-last.w < messageHead {
		o.extend(pool)
	}
	var head [messageHead]byte
	binary.NativeEndian.PutUint32(head[:], uint32(len(p)))
	o.append(pool, head[:])
	o.append(pool, p)
}

// message appends to dst the pieces of the first message, and says how long it is.
func (o *output) message(dst [][]byte) (pieces [][]byte, size int) {
	c := o.head
	for c.r == c.w { // only a length that did not fit leaves one behind
		c = c.next
	}
	size = int(binary.NativeEndian.Uint32(c.buf[c.r:]))
	skip, left := messageHead, size
	for ; left > 0; c = c.next {
		piece := c.buf[c.r+skip : c.w]
		piece = piece[:min(len(piece), left)]
		if len(piece) > 0 {
			dst = append(dst, piece)
		}
		left -= len(piece)
		skip = 0
	}
	return dst, size
}

// sent drops the first n bytes, which the kernel has.
func (o *output) sent(pool *chunkPool, n int) {
	o.size -= uint32(n)
	for n > 0 {
		c := o.head
		k := min(n, c.w-c.r)
		c.r += k
		n -= k
		if c.r == c.w {
			o.drop(pool)
		}
	}
}

// drop gives the first chunk back; what it knew goes to the next.
func (o *output) drop(pool *chunkPool) {
	c := o.head
	if o.head = c.next; o.head != nil {
		o.head.last, o.head.since, o.head.unsent = c.last, c.since, c.unsent
	}
	pool.put(c)
}

// clear gives all chunks back.
func (o *output) clear(pool *chunkPool) {
	for o.head != nil {
		o.drop(pool)
	}
	o.size = 0
}

// input is what a connection has received and Data has not used.
type input struct {
	buf   []byte
	since time.Duration // when its first byte began to wait, as far as a timeout asks
}

// inputPool is a loop's stack of them.
type inputPool []*input

const (
	inputPoolLimit = 64       // inputs that a loop keeps
	inputKeepSize  = 64 << 10 // one with a larger buffer goes to the collector
	firstInput     = 512      // bytes at first: thousands may each hold the beginning of a line
)

func (p *inputPool) get() *input {
	if len(*p) == 0 {
		return &input{buf: make([]byte, 0, firstInput)}
	}
	last := len(*p) - 1
	in := (*p)[last]
	(*p)[last] = nil
	*p = (*p)[:last]
	return in
}

func (p *inputPool) put(in *input) {
	if len(*p) < inputPoolLimit && cap(in.buf) <= inputKeepSize {
		in.buf, in.since = in.buf[:0], 0
		*p = append(*p, in)
	}
}
