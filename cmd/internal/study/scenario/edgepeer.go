//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package scenario

import (
	"io"
	"syscall"
	"time"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// edgePeer is a connection of an edgeServer.
type edgePeer struct {
	server *edgeServer
	fd     int
	out    []byte // what the kernel did not take
	both   bool   // it is watched for both directions
	ended  bool   // the peer has sent its end
	over   bool
}

func (p *edgePeer) after(d time.Duration, f func()) {
	s := p.server
	s.alarms = append(s.alarms, edgeAlarm{time.Now().Add(d), func() {
		f()
		p.flush()
	}})
}

// Write keeps b until the callback is over, when it goes out in one call.
func (p *edgePeer) Write(b []byte) (int, error) {
	if p.over {
		return 0, io.ErrClosedPipe
	}
	p.out = append(p.out, b...)
	return len(b), nil
}

func (p *edgePeer) ready(events iomux.Events) {
	if events&iomux.Readable != 0 {
		p.read()
	}
	p.flush()
}

// read reads until there is nothing more: an end that came with the bytes is not reported
// again.
func (p *edgePeer) read() {
	for !p.over && !p.ended {
		n, errno := sys.Read(p.fd, p.server.buf)
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			return
		case errno != 0:
			p.end()
		case n == 0:
			p.ended = true
		default:
			p.server.app(p, p.server.buf[:n])
		}
	}
}

// flush writes until all is gone, or the kernel takes no more: that it does again is
// an edge too.
func (p *edgePeer) flush() {
	for len(p.out) > 0 && !p.over {
		n, errno := sys.Write(p.fd, p.out)
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN && p.both:
			return
		case errno == syscall.EAGAIN:
			p.both = true
			if _, err := p.server.sel.SetEvents(p.fd, edgeEvents|iomux.Writable); err != nil {
				p.end()
			}
			return
		case errno != 0:
			p.end()
		default:
			p.out = p.out[n:]
		}
	}
	if p.ended {
		p.end()
	}
}

// end takes the connection out; it is closed at the end of the turn.
func (p *edgePeer) end() {
	if p.over {
		return
	}
	p.over = true
	_, _ = p.server.sel.Unregister(p.fd) // it is there
	delete(p.server.conns, p.fd)
	p.server.closing = append(p.server.closing, p)
}
