//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// open takes a new connection in and tells its handler. known says that the
// selector has the descriptor already, as it has while a connect is under way.
func (l *Loop) open(fd int, peer netip.AddrPort, s *service, known bool) *Conn {
	c := &Conn{service: s, ip: peer.Addr(), port: peer.Port(), fd: int32(fd), alarm: notSet}
	if s.config != nil {
		s = &newSecure(c, s).service
		c.service = s
	}
	var err error
	if known {
		_, err = l.sel.Modify(fd, iomux.Readable, c)
	} else {
		_, err = l.sel.Register(fd, iomux.Readable, c)
	}
	l.counts.Watches++
	if err != nil {
		l.log.Error("cannot register a connection", "remote", c.name(), "err", err)
		_ = sys.Close(fd) // nothing was read or written
		if s.listener != nil {
			s.listener.took(-1)
		}
		l.group.admission.leave(c)
		return nil
	}
	c.interest = iomux.Readable
	c.index = int32(len(l.conns))
	l.conns = append(l.conns, c)
	l.load.Add(1)
	l.counts.Opened++
	if s.timed {
		c.active = l.now()
	}
	l.debug("opened", c, nil)
	l.current = c
	s.handler.Opened(c)
	if l.forced {
		l.group.force(c)
		c.finish(fmt.Errorf("reactor: %v: %w", c.name(), ErrForced))
	} else if l.draining {
		c.draining = true
		c.Close()
	}
	c.settle()
	l.current = nil
	return c
}

// bury calls Closed and closes the descriptor, whatever Closed does.
func (l *Loop) bury(c *Conn, reason error) {
	last := len(l.conns) - 1
	l.conns[c.index] = l.conns[last]
	l.conns[c.index].index = c.index
	l.conns[last] = nil
	l.conns = l.conns[:last]
	if cap(l.conns) > 1024 && len(l.conns) < cap(l.conns)/4 {
		l.conns = append(make([]*Conn, 0, cap(l.conns)/2), l.conns...) // after a flood
	}
	defer func() {
		l.debug("closed", c, reason)
		l.counts.Closed++
		l.load.Add(-1)
		if c.abort {
			_ = sys.SetLinger(int(c.fd), 0) // if that fails, the peer sees an end and not a reset
		}
		if errno := sys.Close(int(c.fd)); errno != 0 {
			l.log.Debug("cannot close a connection", "remote", c.name(), "err", errno)
		}
		c.fd = -1
		l.group.admission.leave(c)
		l.descriptorFreed()
	}()
	l.current = c
	c.service.handler.Closed(c, reason)
	l.current = nil
}

// debug logs what becomes of a connection, if anyone wants to know.
func (l *Loop) debug(what string, c *Conn, err error) {
	if !l.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	if err != nil {
		l.log.Debug(what, "remote", c.name(), "err", err)
	} else {
		l.log.Debug(what, "remote", c.name())
	}
}
