//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import "fmt"

// page is the unit in which memory is accounted.
const page = 4 << 10

// pages is what c holds: the chunks of its output and the buffers of its input.
// What is gathered during a callback and gone when it is over is not asked about.
func (c *Conn) pages() uint32 {
	n := c.out.footprint()
	if c.in != nil {
		n += cap(c.in.buf)
	}
	if s := c.service.tls; s != nil && s.kept != nil {
		n += cap(s.kept.buf)
	}
	return uint32((n + page - 1) / page)
}

// account brings the group's sum in line with what c holds, and closes c if it
// has come to hold more while the group holds too much. Only a connection that
// has something waiting comes here.
func (c *Conn) account() {
	n := uint32(0)
	if c.state != connDead {
		n = c.pages()
	}
	if n == c.out.held {
		return
	}
	l := c.loop()
	more := (int64(n) - int64(c.out.held)) * page
	c.out.held = n
	l.counts.Buffered = uint64(int64(l.counts.Buffered) + more)
	if more < 0 && c.state != connDead && c.service.threaded != nil {
		c.service.threaded.eased(c)
	}
	if sum := l.group.memory.Add(more); more > 0 && sum > int64(l.options.MemoryLimit) {
		c.finish(fmt.Errorf("reactor: %v: %w (%d bytes)", c.name(), ErrMemoryLimit, l.options.MemoryLimit))
	}
}
