//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"crypto/sha1" // RFC 6455 asks for it; nothing depends on its strength
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// upgrade makes a WebSocket connection of one that has asked for it, RFC 6455, 4.2.
func (c *Conn) upgrade(r *http.Request) *refusal {
	s := c.server
	key, no := checkUpgrade(r)
	if no != nil {
		return no
	}
	if !s.options.allows(r) {
		return refused(http.StatusForbidden, "pages of %q may not connect here", strings.Join(r.Header.Values("Origin"), ", "))
	}
	if s.options.Authorize != nil {
		if err := s.options.Authorize(r, c.raw.RemoteAddr()); err != nil {
			return refused(http.StatusForbidden, "%v", err)
		}
	}
	if !s.remember(c) {
		return refused(http.StatusServiceUnavailable, "the server is going away")
	}
	c.upgraded, c.stage, c.head = true, stageOpen, r
	out := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept(key) + "\r\n"
	for offered := range listed(r.Header, "Sec-WebSocket-Protocol") {
		if slices.Contains(s.options.Subprotocols, offered) {
			c.proto = offered
			out += "Sec-WebSocket-Protocol: " + offered + "\r\n"
			break
		}
	}
	c.keepAlive()
	_ = c.send([]byte(out + "\r\n")) // an error ends the connection
	s.handler.Opened(c)
	return nil
}

// checkUpgrade refuses what RFC 6455, 4.2.1, does not allow, and returns the key.
func checkUpgrade(r *http.Request) (key string, no *refusal) {
	keys := r.Header.Values("Sec-WebSocket-Key")
	switch {
	case !r.ProtoAtLeast(1, 1):
		return "", refused(http.StatusBadRequest, "WebSocket begins with HTTP/1.1")
	case !hasToken(r.Header, "Connection", "Upgrade"):
		return "", refused(http.StatusBadRequest, "there is no Connection: Upgrade")
	case !slices.Equal(r.Header.Values("Sec-WebSocket-Version"), []string{"13"}):
		no := refused(http.StatusUpgradeRequired, "the version of WebSocket here is 13")
		no.header = http.Header{"Sec-Websocket-Version": {"13"}, "Upgrade": {"websocket"}, "Connection": {"Upgrade"}}
		return "", no
	case len(keys) != 1:
		return "", refused(http.StatusBadRequest, "there are %d Sec-WebSocket-Keys, want one", len(keys))
	}
	if b, err := base64.StdEncoding.Strict().DecodeString(keys[0]); err != nil || len(b) != 16 {
		return "", refused(http.StatusBadRequest, "the Sec-WebSocket-Key is not 16 bytes in base64")
	}
	return keys[0], nil
}

// accept is the answer to a key, RFC 6455, 4.2.2.
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// allows reports whether a request comes from a page that may connect, or from no page.
func (o *Options) allows(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	if len(origins) > 1 {
		return false
	}
	for _, allowed := range o.Origins {
		if allowed == "*" || strings.EqualFold(allowed, origins[0]) {
			return true
		}
	}
	u, err := url.Parse(origins[0])
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}
