//go:build linux

package load

import (
	"bytes"
	"fmt"

	"example.com/iomux"
)

// member is one of a chat.
type member struct {
	socket
	chat   *chat
	joined bool
	first  []byte // what has come of the first probe that it gets
	off    int    // bytes that it has of the probes, then of the burst
	got    int64  // lines of bursts
}

func (m *member) ready(events iomux.Events) error {
	c := m.chat
	if events&iomux.Writable != 0 && len(m.rest) > 0 {
		if err := flush(&m.socket); err != nil {
			return m.broken(err)
		}
		if err := c.watch(&m.socket, m.wants()); err != nil {
			return err
		}
	}
	if events&iomux.Readable == 0 {
		return nil
	}
	p, err := c.read(&m.socket)
	if err != nil {
		return m.broken(err)
	}
	if len(p) == 0 {
		return nil
	}
	if c.phase == settling {
		return m.hear(p)
	}
	before := m.off / c.Size
	if err := m.take(c.burst, p); err != nil {
		return err
	}
	n := int64(m.off/c.Size - before)
	m.got += n
	return c.delivered(m, n, c.now())
}

// hear takes what comes while members join.
func (m *member) hear(p []byte) error {
	c := m.chat
	if !m.joined {
		n := min(len(p), probeSize-len(m.first))
		m.first = append(m.first, p[:n]...)
		p = p[n:]
		if len(m.first) < probeSize {
			return nil
		}
		if err := m.join(); err != nil {
			return err
		}
	}
	if err := m.take(c.probes, p); err != nil {
		return err
	}
	if m.off == len(c.probes) {
		c.probed++
	}
	return nil
}

// join finds out which probe was the first that the member got.
func (m *member) join() error {
	c := m.chat
	for off := 0; off < len(c.probes); off += probeSize {
		if bytes.Equal(m.first, c.probes[off:off+probeSize]) {
			m.joined, m.first, m.off = true, nil, off+probeSize
			c.joined++
			c.heard = c.now()
			return nil
		}
	}
	return fmt.Errorf("%w: member %d: its first line %q was never sent", ErrWrongEcho, m.id, m.first)
}

// take checks that p is what comes next of all, and counts it.
func (m *member) take(all, p []byte) error {
	left := all[m.off:]
	n := min(len(p), len(left))
	if !bytes.Equal(p[:n], left[:n]) {
		return fmt.Errorf("%w: member %d: differs at byte %d after %d lines of bursts", ErrWrongEcho, m.id, m.off+differ(p[:n], left), m.got)
	}
	if n < len(p) {
		return fmt.Errorf("%w: member %d: more than was sent after %d lines of bursts", ErrWrongEcho, m.id, m.got)
	}
	m.off += n
	return nil
}

func (m *member) broken(err error) error { return broken(&m.socket, m.got, err) }
