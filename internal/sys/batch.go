//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"
	"strings"
)

// BatchSize is how many datagrams one Recv of a [Batch] or one Send of a
// [SendBatch] handles at most. By then the call itself costs little against the
// datagrams, and a loop still gets round to its other sockets.
const BatchSize = 64

// Batch receives datagrams, up to [BatchSize] by one call. It is made once and
// used for any number of sockets, by one goroutine at a time.
type Batch struct {
	n      int    // datagrams the last Recv brought
	size   int    // the longest datagram taken whole
	stride int    // from one datagram's place in space to the next
	space  []byte // BatchSize strides
	receiver
}

// NewBatch makes a Batch that takes datagrams of up to size bytes whole, at
// least 1; 65535 is enough for any UDP datagram. The room is set aside at once
// (4 MiB for 65535), but memory only where datagrams come to lie.
func NewBatch(size int) *Batch {
	// A place begins a cache line, and an odd number of lines after the last:
	// at a power of two, or at 65536, the beginnings of all places would
	// compete for the same few sets of the cache, and small datagrams are
	// nothing but beginnings.
	lines := (size+192+63)/64 | 1
	b := &Batch{size: size, stride: lines * 64}
	b.space = make([]byte, BatchSize*b.stride)
	b.prepare()
	return b
}

// place is where datagram i lies, with room behind it.
func (b *Batch) place(i int) []byte { return b.space[i*b.stride : (i+1)*b.stride] }

// Recv takes what datagrams a non-blocking socket has, up to most of them and to
// [BatchSize], and forgets those of the last Recv. It is recvmmsg(2) where there
// is one, else recvfrom(2) until there is nothing left. n is 0 on failure.
// EAGAIN: there is none. Other errors may be those of earlier sends:
// ECONNREFUSED on a connected socket, for one, and the next Recv is not barred.
func (b *Batch) Recv(fd, most int) (n int, errno Errno) {
	most = min(most, BatchSize)
	if h := hooks.Load(); h != nil {
		n, errno = h.do(Call{Op: opRecvBatch, FD: fd, Args: recvBatchArgs(most)}, func(c *Call) (int, Errno) {
			n, e := b.recv(fd, most)
			c.Out = b.lengths(n)
			return n, e
		})
	} else {
		n, errno = b.recv(fd, most)
	}
	b.n = max(n, 0)
	return b.n, errno
}

// Len is how many datagrams the last Recv brought.
func (b *Batch) Len() int { return b.n }

// Packet is datagram i of the last Recv, in the order they came. p is the
// Batch's until the next Recv. truncated: it was longer, and its end is lost.
func (b *Batch) Packet(i int) (p []byte, truncated bool) {
	n, truncated := b.length(i)
	return b.place(i)[:n:n], truncated
}

// lengths lists the first n datagrams' lengths, at most 16, with a + where the
// end is lost.
func (b *Batch) lengths(n int) string {
	var s []string
	for i := range n {
		if len(s) == 16 {
			s = append(s, "…")
			break
		}
		text := ""
		length, truncated := b.length(i)
		if truncated {
			text = "+"
		}
		s = append(s, fmt.Sprint(length)+text)
	}
	return strings.Join(s, " ")
}
