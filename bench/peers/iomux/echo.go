package main

import "example.com/iomux/reactor"

type echo struct{ reactor.NopHandler }

func (echo) Data(c *reactor.Conn, p []byte) int {
	c.Write(p)
	return len(p)
}

// frames answers request by request, as a protocol's handler does.
type frames struct {
	reactor.NopHandler
	size int
}

func (f frames) Data(c *reactor.Conn, p []byte) int {
	used := 0
	for ; len(p)-used >= f.size; used += f.size {
		c.Write(p[used : used+f.size])
	}
	return used
}
