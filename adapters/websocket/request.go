//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"strings"
)

// headerLimit is how long a header block may be, the empty line at its end included.
const headerLimit = 8 << 10

// refusal is a response in place of what was asked for. The connection closes behind
// it unless keep is set.
type refusal struct {
	status int
	text   string
	header http.Header // beside that of every response; nil: nothing
	keep   bool
}

func refused(status int, format string, args ...any) *refusal {
	return &refusal{status: status, text: fmt.Sprintf(format, args...)}
}

// headEnd is where the header block at the beginning of p ends, 0 if it does not yet.
// In the first scanned bytes the end is known not to be.
func headEnd(p []byte, scanned int) int {
	const end = "\r\n\r\n"
	from := max(0, scanned-len(end)+1)
	i := bytes.Index(p[min(from, len(p)):min(len(p), headerLimit)], []byte(end))
	if i < 0 {
		return 0
	}
	return from + i + len(end)
}

// request acts on the request that p begins with, if it is whole.
func (c *Conn) request(p []byte) (used int) {
	end := headEnd(p, c.scanned)
	switch {
	case p[0] < 'A' || p[0] > 'Z': // a TLS client, say, would not send an empty line either
		c.refuseRequest(nil, refused(http.StatusBadRequest, "this is not HTTP/1.1"))
		return len(p)
	case end == 0 && len(p) >= headerLimit:
		c.refuseRequest(nil, refused(http.StatusRequestHeaderFieldsTooLarge, "the header has more than %d bytes", headerLimit))
		return len(p)
	case end == 0:
		c.scanned = len(p)
		return 0
	}
	c.scanned = 0
	r, no := parseRequest(p[:end])
	if no != nil {
		c.refuseRequest(r, no)
		return end
	}
	r.RemoteAddr = c.raw.RemoteAddr().String()
	r.TLS = c.raw.TLS()
	switch {
	case r.Method == http.MethodGet && r.URL.Path == c.server.options.Path && hasToken(r.Header, "Upgrade", "websocket"):
		if no := c.upgrade(r); no != nil {
			c.refuseRequest(r, no)
		}
	case c.server.options.HTTP != nil:
		if no := c.startPage(r); no != nil {
			c.refuseRequest(r, no)
		}
	case r.URL.Path == c.server.options.Path:
		no := refused(http.StatusUpgradeRequired, "this is a WebSocket endpoint")
		no.header = http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}}
		c.refuseRequest(r, no)
	default:
		c.refuseRequest(r, &refusal{status: http.StatusNotFound, text: "not found", keep: true})
	}
	return end
}

// parseRequest parses a header block, and refuses what no client of this server needs
// and what is ambiguous: bare newlines, several Hosts. The request may be nil then.
func parseRequest(head []byte) (*http.Request, *refusal) {
	hosts := 0
	for line := range bytes.Lines(head) {
		if !bytes.HasSuffix(line, []byte("\r\n")) || bytes.IndexByte(line, '\r') != len(line)-2 {
			return nil, refused(http.StatusBadRequest, "a line does not end with CR LF")
		}
		if len(line) >= 5 && strings.EqualFold(string(line[:5]), "host:") {
			hosts++
		}
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return nil, refused(http.StatusBadRequest, "the request cannot be read: %v", err)
	}
	body := r.ContentLength != 0 || len(r.TransferEncoding) > 0
	r.Body = http.NoBody // that of ReadRequest keeps its buffer
	switch {
	case r.ProtoMajor != 1:
		return r, refused(http.StatusHTTPVersionNotSupported, "HTTP/1.1 is spoken here")
	case hosts > 1 || hosts == 0 && r.ProtoAtLeast(1, 1):
		return r, refused(http.StatusBadRequest, "there are %d Hosts, want one", hosts)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		no := refused(http.StatusMethodNotAllowed, "methods here are GET and HEAD")
		no.header = http.Header{"Allow": {"GET, HEAD"}}
		return r, no
	case body:
		return r, refused(http.StatusRequestEntityTooLarge, "requests here have no body")
	case !strings.HasPrefix(r.RequestURI, "/"):
		return r, refused(http.StatusBadRequest, "the target of the request does not begin with /")
	}
	return r, nil
}

// hasToken reports whether one of a header's comma-separated values is the token.
func hasToken(h http.Header, name, token string) bool {
	for v := range listed(h, name) {
		if strings.EqualFold(v, token) {
			return true
		}
	}
	return false
}

// listed ranges over the comma-separated values of a header.
func listed(h http.Header, name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, line := range h.Values(name) {
			for v := range strings.SplitSeq(line, ",") {
				if !yield(strings.TrimSpace(v)) {
					return
				}
			}
		}
	}
}

// refuseRequest answers a request with an error, and hangs up unless it is to keep the
// connection and the client wants that too.
func (c *Conn) refuseRequest(r *http.Request, no *refusal) {
	h := no.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	out, last := response(r, no.status, h, []byte(no.text+"\n"), !no.keep)
	if _, err := c.raw.Write(out); err != nil || last {
		c.stage = stageOver
		c.raw.Close()
	}
}
