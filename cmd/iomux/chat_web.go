//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"

	"example.com/iomux/adapters/websocket"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/chat"
)

// webSide takes WebSocket connections into the chat.
type webSide struct {
	chat    *chat.Handler
	proxies *atomic.Pointer[networks] // they may change
}

// chatPath is where WebSocket is, and messageLimit how long its messages may be, which
// is what the codec takes.
const (
	chatPath     = "/chat"
	messageLimit = 16 << 10
)

// Opened implements websocket.Handler.
func (w *webSide) Opened(c *websocket.Conn) {
	addr := speaksFor(c.Raw().RemoteAddr(), c.Request().Header, *w.proxies.Load())
	c.SetContext(w.chat.Enter(webConn{c}, addr))
}

// Message implements websocket.Handler. Nothing of a message is left unused: it is one
// object, and none comes while a member is not read.
func (w *webSide) Message(c *websocket.Conn, text bool, p []byte) {
	if !text {
		c.Close(unsupportedData, "want text")
		return
	}
	for i, b := range p {
		if b == '\n' {
			p[i] = ' ' // in a message it does not end the object
		}
	}
	c.Context().(*chat.Member).Input(p)
}

// Closed implements websocket.Handler. A client that says goodbye leaves in order.
func (w *webSide) Closed(c *websocket.Conn, err error) {
	var goodbye *websocket.CloseError
	if errors.As(err, &goodbye) {
		err = nil
	}
	c.Context().(*chat.Member).Closed(err)
}

// Close codes, RFC 6455, 7.4.1.
const (
	normalClosure   = 1000
	unsupportedData = 1003
)

// webConn is a WebSocket connection as the chat knows connections. What is written to it
// are frames.
type webConn struct{ c *websocket.Conn }

// Write implements chat.Transport.
func (w webConn) Write(p []byte) (int, error) {
	if err := w.c.WriteFrames(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close implements chat.Transport.
func (w webConn) Close() { w.c.Close(normalClosure, "") }

// PauseReading implements chat.Transport.
func (w webConn) PauseReading() { w.c.PauseReading() }

// ResumeReading implements chat.Transport.
func (w webConn) ResumeReading() { w.c.ResumeReading() }

// RemoteAddr implements chat.Transport.
func (w webConn) RemoteAddr() net.Addr { return w.c.Raw().RemoteAddr() }

// Loop implements chat.Transport.
func (w webConn) Loop() *reactor.Loop { return w.c.Raw().Loop() }

// speaksFor is whom limits count a web client for: the peer, or for a proxy whom it
// says it speaks for, in the last X-Forwarded-For that a proxy has not written of
// another. Who comes by a Unix socket is a proxy, and a client of one that says nothing
// is nobody.
func speaksFor(peer net.Addr, h http.Header, proxies networks) netip.Addr {
	if tcp, ok := peer.(*net.TCPAddr); ok {
		a := tcp.AddrPort().Addr().Unmap().WithZone("")
		if !proxies.contain(a) {
			return a
		}
	}
	hops := strings.Split(strings.Join(h.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		a, ok := hop(strings.TrimSpace(hops[i]))
		if !ok {
			return netip.Addr{}
		}
		if !proxies.contain(a) {
			return a
		}
	}
	return netip.Addr{}
}

// hop is an address in X-Forwarded-For; some write ports behind it.
func hop(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap().WithZone(""), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}
