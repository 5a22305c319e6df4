//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

// chunk is a piece of a connection's waiting output. Connections with nothing
// to say have none: chunks belong to the loop's pool.
type chunk struct {
	next *chunk
	r, w int // buf[r:w] is to be sent
	buf  [chunkSize]byte
}

const (
	// chunkSize holds what a callback usually writes, so that one write(2)
	// sends it. A larger write is not copied but goes to the kernel at once.
	chunkSize = 16 << 10
	// poolLimit is how many free chunks a loop keeps, 4 MiB: enough to take a
	// burst to a few hundred connections again without the allocator.
	poolLimit = 256
)

// chunkPool is a loop's stack of free chunks, the warmest on top.
type chunkPool struct {
	top *chunk
	n   int
}

func (p *chunkPool) get() *chunk {
	c := p.top
	if c == nil {
		return new(chunk)
	}
	p.top, c.next = c.next, nil
	p.n--
	return c
}

func (p *chunkPool) put(c *chunk) {
	if p.n == poolLimit {
		return
	}
	c.r, c.w = 0, 0
	p.top, c.next = c, p.top
	p.n++
}

// output is what a connection has still to send, in order.
type output struct {
	head, tail *chunk
	size       int
}

// append copies p behind what is there.
func (o *output) append(pool *chunkPool, p []byte) {
	o.size += len(p)
	for len(p) > 0 {
		if o.tail == nil {
			o.head = pool.get()
			o.tail = o.head
		} else if o.tail.w == chunkSize {
			o.tail.next = pool.get()
			o.tail = o.tail.next
		}
		n := copy(o.tail.buf[o.tail.w:], p)
		o.tail.w += n
		p = p[n:]
	}
}

// pieces appends to dst what is to be sent, at most as many pieces as dst has
// room for.
func (o *output) pieces(dst [][]byte) [][]byte {
	for c := o.head; c != nil && len(dst) < cap(dst); c = c.next {
		dst = append(dst, c.buf[c.r:c.w])
	}
	return dst
}

// sent drops the first n bytes, which the kernel has.
func (o *output) sent(pool *chunkPool, n int) {
	o.size -= n
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

// drop gives the first chunk back.
func (o *output) drop(pool *chunkPool) {
	c := o.head
	if o.head = c.next; o.head == nil {
		o.tail = nil
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

// inputPool is a loop's stack of buffers for input that Data did not use.
type inputPool [][]byte

const (
	inputPoolLimit = 64       // buffers that a loop keeps
	inputKeepSize  = 64 << 10 // a larger one goes to the collector
)

func (p *inputPool) get() []byte {
	if len(*p) == 0 {
		return make([]byte, 0, 4<<10)
	}
	last := len(*p) - 1
	b := (*p)[last]
	*p = (*p)[:last]
	return b
}

func (p *inputPool) put(b []byte) {
	if len(*p) < inputPoolLimit && cap(b) <= inputKeepSize {
		*p = append(*p, b[:0])
	}
}
