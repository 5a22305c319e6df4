package transcript

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// half is a connection that can be half-closed.
type half interface {
	net.Conn
	CloseWrite() error
}

// serve calls handle for each connection, on a goroutine of its own, and closes
// the connection behind it. It returns the address.
func serve(t *testing.T, network string, handle func(c half)) string {
	t.Helper()
	ln, err := net.Listen(network, serverAddress(t, network))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				handle(c.(half))
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		all.Wait()
	})
	return ln.Addr().String()
}

// servePackets answers each datagram with those that answer returns.
func servePackets(t *testing.T, network string, answer func(p string) []string) string {
	t.Helper()
	c, err := net.ListenPacket(network, serverAddress(t, network))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, maxDatagram)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			for _, p := range answer(string(buf[:n])) {
				c.WriteTo([]byte(p), from)
			}
		}
	}()
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return c.LocalAddr().String()
}

func serverAddress(t *testing.T, network string) string {
	switch network {
	case "tcp", "udp":
		return "127.0.0.1:0"
	case "tcp6", "udp6":
		return "[::1]:0"
	}
	dir, err := os.MkdirTemp("", "wire") // a short name, as sockets need it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// says is a handler that says something, closes, and waits for the client's end:
// so that what the client still sends is no reason for a reset.
func says(pieces ...string) func(c half) {
	return func(c half) {
		for _, p := range pieces {
			io.WriteString(c, p)
		}
		c.CloseWrite()
		io.Copy(io.Discard, c)
	}
}

// echoes sends back what comes, without the pipes that splice(2) needs and Go keeps.
func echoes(c half) { io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c}) }

// silent reads until the client's end.
func silent(c half) { io.Copy(io.Discard, c) }

// script parses a test's script.
func script(t *testing.T, text string) *Script {
	t.Helper()
	s, err := Parse("x.wire", text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
