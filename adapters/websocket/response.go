//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

// errPageSize is what a handler gets that writes more than pageLimit.
var errPageSize = errors.New("websocket: the response is too large")

// makePage has the HTTP handler make a response, and returns it as it is sent.
func (s *Server) makePage(r *http.Request) (out []byte, last bool) {
	w := &recorder{header: http.Header{}}
	if !s.run(w, r) {
		w = &recorder{header: http.Header{}}
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	}
	w.WriteHeader(http.StatusOK) // if it has not been called
	return response(r, w.status, w.sent, w.body, false)
}

// run calls the HTTP handler and reports whether a response came of it.
func (s *Server) run(w *recorder, r *http.Request) (ok bool) {
	defer func() {
		switch v := recover(); {
		case v == nil: // it has returned, or ended its goroutine
		case v == any(http.ErrAbortHandler): // it has said so on purpose
		default:
			s.options.Logger.Error("HTTP handler panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()), "remote", r.RemoteAddr)
		}
	}()
	s.options.HTTP.ServeHTTP(w, r)
	if w.over {
		s.options.Logger.Error("a response was too large", "path", r.URL.Path, "limit", pageLimit)
	}
	return !w.over
}

// recorder keeps a response.
type recorder struct {
	header http.Header
	sent   http.Header // header as it was at WriteHeader
	status int         // 0: not known yet
	body   []byte
	over   bool // it was too large
}

// Header is that of the response.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader fixes status and header. Statuses below 200, which are no response yet,
// are passed over.
func (w *recorder) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("WriteHeader(%d): no status of HTTP", status))
	}
	if w.status == 0 && status >= 200 {
		w.status, w.sent = status, w.header.Clone()
	}
}

// Write adds to the body.
func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.over || len(w.body)+len(p) > pageLimit {
		w.over, w.body = true, nil
		return 0, errPageSize
	}
	w.body = append(w.body, p...)
	return len(p), nil
}

// response is a response to r as it is sent; r is nil if it could not be read. The
// connection closes behind it if either side wants that.
func response(r *http.Request, status int, h http.Header, body []byte, hangUp bool) (out []byte, last bool) {
	last = hangUp || r == nil || r.Close || !r.ProtoAtLeast(1, 1) || hasToken(h, "Connection", "close")
	head := r != nil && r.Method == http.MethodHead
	length := strconv.Itoa(len(body))
	if n, err := strconv.ParseUint(h.Get("Content-Length"), 10, 63); head && len(body) == 0 {
		length = "" // the handler may know what a GET would have
		if err == nil {
			length = strconv.FormatUint(n, 10)
		}
	}
	for _, name := range []string{"Content-Length", "Transfer-Encoding", "Trailer"} {
		h.Del(name)
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		body, length = nil, ""
	}
	if length != "" {
		h.Set("Content-Length", length)
	}
	if len(body) > 0 && h.Get("Content-Type") == "" && h.Get("Content-Encoding") == "" {
		h.Set("Content-Type", http.DetectContentType(body))
	}
	if h.Get("Date") == "" {
		h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	if last && !hasToken(h, "Connection", "close") {
		h.Add("Connection", "close")
	}
	if head {
		body = nil
	}
	var buf bytes.Buffer
	buf.Grow(len(body) + 1024)
	fmt.Fprintf(&buf, "HTTP/1.1 %03d %s\r\n", status, http.StatusText(status))
	_ = h.Write(&buf) // a Buffer takes all; newlines in values become spaces
	buf.WriteString("\r\n")
	buf.Write(body)
	return buf.Bytes(), last
}
