//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"sync"
	"sync/atomic"
)

// block is a piece of what is on its way between a loop and other goroutines.
// Unlike a chunk it is nobody's in particular, so its pool is for all goroutines.
type block struct {
	next *block
	r, w int // buf[r:w] is not taken yet
	buf  [blockSize - 24]byte
}

// blockSize is the allocator's class, so that no byte of it is lost, and holds what
// is mostly sent at a time; a record of TLS takes three.
const blockSize = 8 << 10

// freeBlocks keeps those that are not in use, until the collector has run twice.
var freeBlocks = sync.Pool{New: func() any { return new(block) }}

// blocks is a queue of bytes. An empty one holds no memory.
type blocks struct {
	head, last *block
	size       int           // bytes
	memory     *atomic.Int64 // the group's sum, in which the blocks count
}

// append copies p behind what is there, and reports whether that took memory.
func (q *blocks) append(p []byte) (more bool) {
	q.size += len(p)
	for len(p) > 0 {
		if q.last == nil || q.last.w == len(q.last.buf) {
			q.extend()
			more = true
		}
		n := copy(q.last.buf[q.last.w:], p)
		q.last.w += n
		p = p[n:]
	}
	return more
}

func (q *blocks) extend() {
	b := freeBlocks.Get().(*block)
	if q.last == nil {
		q.head = b
	} else {
		q.last.next = b
	}
	q.last = b
	q.memory.Add(blockSize)
}

// first is what the first block has; nil if there is nothing.
func (q *blocks) first() []byte {
	if q.head == nil {
		return nil
	}
	return q.head.buf[q.head.r:q.head.w]
}

// read moves bytes to p, as many as there are and fit.
func (q *blocks) read(p []byte) (n int) {
	for n < len(p) && q.size > 0 {
		k := copy(p[n:], q.first())
		q.drop(k)
		n += k
	}
	return n
}

// drop forgets the first n bytes.
func (q *blocks) drop(n int) {
	q.size -= n
	for n > 0 {
		b := q.head
		k := min(n, b.w-b.r)
		b.r += k
		n -= k
		if b.r == b.w {
			q.release()
		}
	}
}

// release gives the first block back.
func (q *blocks) release() {
	b := q.head
	if q.head = b.next; q.head == nil {
		q.last = nil
	}
	b.next, b.r, b.w = nil, 0, 0
	freeBlocks.Put(b)
	q.memory.Add(-blockSize)
}

// clear forgets all.
func (q *blocks) clear() { q.drop(q.size) }
