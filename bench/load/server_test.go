//go:build linux

package load

import (
	"net"
	"net/netip"
	"sync"
	"testing"
)

// serve runs a server in this process that handles every connection in a
// goroutine of its own, and is gone with the test.
func serve(t *testing.T, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return // closed below
			}
			all.Go(func() {
				defer c.Close()
				handle(plain{c})
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		all.Wait()
	})
	return ln.Addr().(*net.TCPAddr).AddrPort()
}

// plain is a connection without the ways of package net to copy from one to
// another inside the kernel: those keep pipes for later, which look like leaks.
type plain struct{ net.Conn }

// tcp is what c is.
func tcp(c net.Conn) *net.TCPConn { return c.(plain).Conn.(*net.TCPConn) }

// echoing sends back what comes, each read passed through spoil first.
func echoing(spoil func([]byte) []byte) func(net.Conn) {
	return func(c net.Conn) {
		buf := make([]byte, 64<<10)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			if _, err := c.Write(spoil(buf[:n])); err != nil {
				return
			}
		}
	}
}

func honest(p []byte) []byte { return p }
