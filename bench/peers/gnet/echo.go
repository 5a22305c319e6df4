package main

import "github.com/panjf2000/gnet/v2"

// echo answers streams and datagrams alike.
type echo struct {
	server
	frame int
}

func (e *echo) OnTraffic(c gnet.Conn) gnet.Action {
	if e.frame > 0 {
		return e.frames(c)
	}
	p, _ := c.Next(-1)
	_, _ = c.Write(p)
	return gnet.None
}

// frames answers request by request, as a protocol's handler does.
func (e *echo) frames(c gnet.Conn) gnet.Action {
	for c.InboundBuffered() >= e.frame {
		p, err := c.Next(e.frame)
		if err != nil {
			return gnet.Close
		}
		_, _ = c.Write(p)
	}
	return gnet.None
}
