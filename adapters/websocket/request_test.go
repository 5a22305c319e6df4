//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"example.com/iomux/reactor"
)

// response reads one.
func (c *client) response(method string) (status int, body string, h http.Header) {
	c.t.Helper()
	r, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if r.Close { // ReadResponse takes the header away
		r.Header.Set("Connection", "close")
	}
	return r.StatusCode, string(b), r.Header
}

// Pages of other sites may not connect: C7.
func TestOrigin(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		listed := []string{"https://friend.example", "http://friend.example:8080"}
		for _, c := range []struct {
			allowed []string
			host    string
			origins []string
			want    int
		}{
			{nil, "example.org", nil, 101},
			{nil, "example.org", []string{"https://example.org"}, 101},
			{nil, "example.org", []string{"http://example.org"}, 101},
			{nil, "EXAMPLE.org", []string{"https://example.org"}, 101},
			{nil, "example.org:8443", []string{"https://example.org:8443"}, 101},
			{nil, "[::1]:80", []string{"http://[::1]:80"}, 101},
			{nil, "example.org", []string{"https://example.org:8443"}, 403},
			{nil, "example.org:8443", []string{"https://example.org"}, 403},
			{nil, "example.org", []string{"https://evil.example"}, 403},
			{nil, "example.org", []string{"https://example.org.evil.example"}, 403},
			{nil, "example.org", []string{"https://evilexample.org"}, 403},
			{nil, "example.org", []string{"https://evil.example/example.org"}, 403},
			{nil, "example.org", []string{"https://evil.example?example.org"}, 403},
			{nil, "example.org", []string{"null"}, 403},
			{nil, "example.org", []string{""}, 403},
			{nil, "example.org", []string{"example.org"}, 403},
			{nil, "example.org", []string{"://"}, 403},
			{nil, "example.org", []string{"https://example.org", "https://evil.example"}, 403},
			{nil, "", []string{""}, 403},
			{nil, "", []string{"null"}, 403},
			{listed, "example.org", []string{"https://example.org"}, 101},
			{listed, "example.org", []string{"https://friend.example"}, 101},
			{listed, "example.org", []string{"https://FRIEND.example"}, 101},
			{listed, "example.org", []string{"http://friend.example:8080"}, 101},
			{listed, "example.org", []string{"http://friend.example"}, 403},
			{listed, "example.org", []string{"https://friend.example:8080"}, 403},
			{listed, "example.org", []string{"https://sub.friend.example"}, 403},
			{[]string{"*"}, "example.org", []string{"https://any.example"}, 101},
			{[]string{"*"}, "example.org", []string{"null"}, 101},
		} {
			l := serve(t, o, reactor.ListenOptions{}, NopHandler{}, Options{Origins: c.allowed})
			cl := l.dial(t)
			var lines []string
			for _, origin := range c.origins {
				lines = append(lines, "Origin: "+origin)
			}
			cl.send(strings.Replace(ask("/", lines...), "Host: example.org", "Host: "+c.host, 1))
			if got, _, _ := cl.response("GET"); got != c.want {
				t.Errorf("%q at %q with %q allowed: %d, want %d", c.origins, c.host, c.allowed, got, c.want)
			}
		}
	})
}

// What is asked before a connection is upgraded.
func TestAuthorize(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		l := serve(t, o, reactor.ListenOptions{}, handler{message: echo}, Options{Authorize: func(r *http.Request, remote net.Addr) error {
			if r.RemoteAddr != remote.String() {
				return fmt.Errorf("the request is from %s, the connection from %v", r.RemoteAddr, remote)
			}
			if r.URL.Query().Get("secret") != "open" {
				return errors.New("the secret is another")
			}
			return nil
		}})
		c := l.dial(t)
		c.send(ask("/?secret=guess"))
		if status, body, _ := c.response("GET"); status != 403 || body != "the secret is another\n" {
			t.Errorf("got %d %q", status, body)
		}
		c.expectEnd()
		c = l.dial(t)
		c.send(ask("/?secret=open"))
		c.upgraded()
		c.text("x")
		c.expect("text x")
	})
}

// requests that get no page and no upgrade. Behind those that a client may have framed
// otherwise than the server understands it, the connection closes.
var badRequests = []struct {
	name, request string
	status        int
	closes        bool
}{
	{"elsewhere", "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 404, false},
	{"elsewhere, to be closed", "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404, true},
	{"elsewhere, in HTTP/1.0", "GET /x HTTP/1.0\r\n\r\n", 404, true},
	{"an upgrade elsewhere", strings.Replace(ask("/x"), "keep-alive, ", "", 1), 404, false},
	{"no upgrade", "GET /ws HTTP/1.1\r\nHost: a\r\n\r\n", 426, true},
	{"another upgrade", strings.Replace(ask("/ws"), "websocket", "h2c", 1), 426, true},
	{"another version", strings.Replace(ask("/ws"), "Version: 13", "Version: 8", 1), 426, true},
	{"no version", strings.Replace(ask("/ws"), "Sec-WebSocket-Version: 13\r\n", "", 1), 426, true},
	{"two versions", ask("/ws", "Sec-WebSocket-Version: 8"), 426, true},
	{"no Connection", strings.Replace(ask("/ws"), "keep-alive, Upgrade", "keep-alive", 1), 400, true},
	{"HTTP/1.0", strings.Replace(ask("/ws"), "HTTP/1.1", "HTTP/1.0", 1), 400, true},
	{"no key", strings.Replace(ask("/ws"), "Sec-WebSocket-Key", "X", 1), 400, true},
	{"two keys", ask("/ws", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400, true},
	{"a short key", strings.Replace(ask("/ws"), "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j", 1), 400, true},
	{"a key that is not base64", strings.Replace(ask("/ws"), "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZ!==", 1), 400, true},
	{"POST", "POST /ws HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405, true},
	{"an upgrade by POST", strings.Replace(ask("/ws"), "GET", "POST", 1), 405, true},
	{"OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405, true},
	{"CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405, true},
	{"a body", "GET /ws HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 413, true},
	{"a chunked body", "GET /ws HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413, true},
	{"an upgrade with a body", ask("/ws", "Content-Length: 3"), 413, true},
	{"no Host", "GET /ws HTTP/1.1\r\n\r\n", 400, true},
	{"two Hosts", ask("/ws", "HOST: example.org"), 400, true},
	{"an absolute target", strings.Replace(ask("/ws"), "/ws", "http://a/ws", 1), 400, true},
	{"a bare newline", "GET /ws HTTP/1.1\nHost: a\r\n\r\n", 400, true},
	{"an end by bare newlines", "GET /x HTTP/1.1\r\nHost: a\n\nGET /y HTTP/1.1\r\n\r\n", 400, true},
	{"a bare carriage return", "GET /x HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400, true},
	{"a line that is no header", "GET /x HTTP/1.1\r\nHost: a\r\nx\r\n\r\n", 400, true},
	{"no request line", "GET\r\n\r\n", 400, true},
	{"HTTP/2", "GET /x HTTP/2.0\r\nHost: a\r\n\r\n", 505, true},
	{"HTTP/2 as such", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, true},
	{"a ClientHello", "\x16\x03\x01", 400, true},
	{"an empty line", "\r\n", 400, true},
	{"the largest header", "GET /x HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", headerLimit-33) + "\r\n\r\n", 404, false},
	{"one byte more", "GET /x HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", headerLimit-32) + "\r\n\r\n", 431, true},
	{"a header without end", "GET /x HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", headerLimit), 431, true},
}

func TestBadRequests(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		l := serve(t, o, reactor.ListenOptions{}, handler{opened: func(*Conn) { t.Error("it was upgraded") }}, Options{Path: "/ws"})
		for _, b := range badRequests {
			for _, bytewise := range []bool{false, true} {
				if bytewise && len(b.request) > 1000 {
					continue
				}
				c := l.dial(t)
				if bytewise {
					for i := range len(b.request) {
						_, _ = io.WriteString(c, b.request[i:i+1]) // it may have been refused by now
					}
				} else {
					c.send(b.request)
				}
				status, body, h := c.response("GET")
				if status != b.status || body == "" || h.Get("Content-Type") != "text/plain; charset=utf-8" {
					t.Errorf("%s: got %d %q, want %d", b.name, status, body, b.status)
				}
				if status == 405 && h.Get("Allow") != "GET, HEAD" || strings.Contains(b.name, "version") && h.Get("Sec-WebSocket-Version") != "13" {
					t.Errorf("%s: got %v", b.name, h)
				}
				if b.closes {
					c.expectEnd()
				} else {
					c.send("GET /y HTTP/1.1\r\nHost: a\r\n\r\n")
					if status, _, _ := c.response("GET"); status != 404 {
						t.Errorf("%s: and then %d", b.name, status)
					}
				}
				c.Close()
			}
		}
		l.deserted(t)
	})
}

// FuzzRequest: a header block ends in one place however it comes, and one that is
// taken is fit to be upgraded or served.
func FuzzRequest(f *testing.F) {
	f.Add(ask("/"), uint16(3))
	for _, b := range badRequests {
		f.Add(b.request, uint16(1))
	}
	f.Fuzz(func(t *testing.T, in string, step uint16) {
		p := []byte(in)
		once := headEnd(p, 0)
		scanned, end := 0, 0
		for have := 0; have < len(p) && end == 0 && scanned < headerLimit; {
			have = min(len(p), have+1+int(step))
			if end = headEnd(p[:have], scanned); end == 0 {
				scanned = have
			}
		}
		if once != end {
			t.Fatalf("the end is at %d, or at %d in pieces", once, end)
		}
		if end == 0 {
			return
		}
		r, no := parseRequest(p[:end])
		if no != nil {
			if out, last := response(r, no.status, http.Header{}, []byte(no.text), true); !last || len(out) == 0 {
				t.Errorf("%q: no response", in)
			}
			return
		}
		if r.Method != "GET" && r.Method != "HEAD" || r.URL == nil || r.Body != http.NoBody || !strings.HasPrefix(r.RequestURI, "/") {
			t.Errorf("%q: got %+v", in, r)
		}
		if key, no := checkUpgrade(r); no == nil && len(key) != 24 {
			t.Errorf("%q: key %q", in, key)
		}
	})
}
