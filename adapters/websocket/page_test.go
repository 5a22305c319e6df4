//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
)

func get(path string, lines ...string) string { return request("GET", path, lines...) }

func request(method, path string, lines ...string) string {
	return method + " " + path + " HTTP/1.1\r\nHost: a\r\n" + strings.Join(append(lines, "\r\n"), "\r\n")
}

// site is a small one.
func site(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/hello":
		fmt.Fprintf(w, "hello %s", r.URL.RawQuery)
	case "/none":
		w.WriteHeader(http.StatusNoContent)
	case "/getonly":
		if r.Method == http.MethodGet {
			fmt.Fprint(w, "1234567")
		}
	case "/known":
		w.Header().Set("Content-Length", "7")
		if r.Method == http.MethodGet {
			fmt.Fprint(w, "1234567")
		}
	case "/early":
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("X-Late", "no")
		w.WriteHeader(http.StatusTeapot)
		w.Header().Set("X-Late", "yes")
		w.WriteHeader(http.StatusOK)
	case "/close":
		w.Header().Set("Connection", "close")
	case "/inject":
		w.Header().Set("X-A", "b\r\nX-C: d")
	case "/large":
		io.WriteString(w, strings.Repeat("x", pageLimit))
	case "/toolarge":
		for range 5 {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				fmt.Fprint(w, err)
			}
		}
	case "/panic":
		panic("in a page")
	case "/abort":
		panic(http.ErrAbortHandler)
	case "/goexit":
		runtime.Goexit()
	case "/badstatus":
		w.WriteHeader(0)
	default:
		http.NotFound(w, r)
	}
}

func TestPages(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		l := serve(t, o, reactor.ListenOptions{}, handler{message: echo}, Options{Path: "/ws", HTTP: http.HandlerFunc(site)})
		c := l.dial(t)
		for _, want := range []struct {
			method, path string
			status       int
			body         string
		}{
			{"GET", "/hello?1", 200, "hello 1"},
			{"HEAD", "/hello?1", 200, ""},
			{"GET", "/none", 204, ""},
			{"GET", "/getonly", 200, "1234567"},
			{"HEAD", "/getonly", 200, ""},
			{"GET", "/known", 200, "1234567"},
			{"HEAD", "/known", 200, ""},
			{"HEAD", "/absent", 404, ""},
			{"GET", "/early", 418, ""},
			{"GET", "/ws", 404, "404 page not found\n"},
			{"GET", "/inject", 200, ""},
			{"GET", "/panic", 500, "Internal Server Error\n"},
			{"GET", "/abort", 500, "Internal Server Error\n"},
			{"GET", "/badstatus", 500, "Internal Server Error\n"},
			{"GET", "/toolarge", 500, "Internal Server Error\n"},
			{"HEAD", "/panic", 500, ""},
			{"GET", "/hello?2", 200, "hello 2"},
		} {
			c.send(request(want.method, want.path))
			status, body, h := c.response(want.method)
			if status != want.status || body != want.body {
				t.Errorf("%s %s: got %d %q", want.method, want.path, status, body)
			}
			if h.Get("X-C") != "" || h.Get("X-Late") == "yes" || h.Get("Date") == "" {
				t.Errorf("%s %s: got %v", want.method, want.path, h)
			}
			if length := h.Get("Content-Length"); want.path == "/known" && length != "7" || want.path == "/none" && length != "" || want.method+want.path == "HEAD/getonly" && length != "" {
				t.Errorf("%s %s: length %q", want.method, want.path, length)
			}
			if strings.HasPrefix(want.path, "/hello") && (h.Get("Content-Length") != "7" || h.Get("Content-Type") != "text/plain; charset=utf-8") {
				t.Errorf("%s %s: got %v", want.method, want.path, h)
			}
		}
		if s := l.log.String(); strings.Count(s, "in a page") != 2 || strings.Count(s, "too large") != 1 || strings.Contains(s, "abort") {
			t.Errorf("logged %s", s)
		}
		// Several at once, answered in order, and an upgrade behind them.
		c.send(get("/hello?1") + request("HEAD", "/hello?2") + get("/hello?3") + ask("/ws") + masked(1, true, "x"))
		for i, method := range []string{"GET", "HEAD", "GET"} {
			if status, body, _ := c.response(method); status != 200 || method == "GET" && body != fmt.Sprint("hello ", i+1) {
				t.Errorf("request %d: got %d %q", i+1, status, body)
			}
		}
		c.upgraded()
		c.expect("text x")
		// Those that end the connection.
		for _, in := range []string{get("/close"), get("/hello", "Connection: close"), "GET /hello HTTP/1.0\r\n\r\n"} {
			c := l.dial(t)
			c.send(in)
			if status, _, h := c.response("GET"); status != 200 || h.Get("Connection") != "close" {
				t.Errorf("%q: got %d %v", in, status, h)
			}
			c.expectEnd()
		}
		c = l.dial(t)
		c.send(get("/goexit"))
		c.expectEnd()
	})
}

// A page that is larger than what may wait comes whole, to a client that shuts down its
// side first, and one that is slow.
func TestLargePage(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		l := serve(t, o, reactor.ListenOptions{}, NopHandler{}, Options{Path: "/ws", HTTP: http.HandlerFunc(site)})
		c := l.dial(t)
		if err := c.Conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		c.send(get("/large") + get("/hello?2"))
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if status, body, _ := c.response("GET"); status != 200 || len(body) != pageLimit {
			t.Errorf("got %d and %d bytes", status, len(body))
		}
		if _, body, _ := c.response("GET"); body != "hello 2" {
			t.Errorf("and then %q", body)
		}
		c.expectEnd()
		// One that does not read at all, and goes.
		c = l.dial(t)
		c.send(get("/large"))
		if _, err := c.r.Peek(1); err != nil {
			t.Fatal(err)
		}
		c.Close()
		l.deserted(t)
	})
}

// No more pages are made at a time than HTTPWorkers; a client that goes takes its
// request's context with it.
func TestWorkers(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		began, gone, release := make(chan struct{}, 10), make(chan struct{}, 10), make(chan struct{})
		l := serve(t, o, reactor.ListenOptions{}, NopHandler{}, Options{Path: "/ws", HTTPWorkers: 2, HTTP: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			began <- struct{}{}
			select {
			case <-r.Context().Done():
				gone <- struct{}{}
				<-release
			case <-release:
				fmt.Fprint(w, "released")
			}
		})})
		a, b, c := l.dial(t), l.dial(t), l.dial(t)
		a.send(get("/"))
		b.send(get("/"))
		receive(t, began)
		receive(t, began)
		for range 2 { // a client may come again
			c.send(get("/"))
			if status, _, _ := c.response("GET"); status != 503 {
				t.Errorf("got %d, want 503", status)
			}
		}
		if err := a.Conn.(*net.TCPConn).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		a.Close()
		receive(t, gone)
		c.send(get("/")) // the goroutine is still there
		if status, _, _ := c.response("GET"); status != 503 {
			t.Errorf("got %d, want 503", status)
		}
		done := make(chan error, 1)
		go func() { done <- l.Shutdown(context.Background()) }()
		close(release)
		if status, body, _ := b.response("GET"); status != 200 || body != "released" {
			t.Errorf("got %d %q", status, body)
		}
		if err := receive(t, done); err != nil {
			t.Error(err)
		}
		if n := l.workers.Load(); n != 0 {
			t.Errorf("%d goroutines are counted, of nobody", n)
		}
	})
}

// Whoever has not sent all of a request in time is hung up on, by the reactor's timeouts.
func TestRequestTimeout(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		o.Timeouts = reactor.Timeouts{Handshake: 50 * time.Millisecond, Idle: time.Hour, Read: 50 * time.Millisecond}
		l := serve(t, o, reactor.ListenOptions{}, handler{message: echo}, Options{})
		for _, in := range []string{"", "GET / HTTP/1.1\r\n", get("/x") + "GET / HTTP/1.1\r\n", ask("/") + masked(1, true, "xyz")[:5]} {
			c := l.dial(t)
			c.send(in)
			if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, io.EOF) && strings.Contains(err.Error(), "timeout") {
				t.Errorf("%q: %v", in, err)
			}
		}
		l.deserted(t)
	})
}

// A client of net/http agrees.
func TestHTTPClient(t *testing.T) {
	leaktest.Check(t)
	l := serve(t, reactor.Options{Loops: 1}, reactor.ListenOptions{}, NopHandler{}, Options{Path: "/ws", HTTP: http.HandlerFunc(site)})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := http.Client{Transport: transport, Timeout: patience}
	for range 3 {
		r, err := c.Get("http://" + l.addr + "/large")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r.Body); err != nil || n != pageLimit {
			t.Errorf("got %d bytes and %v", n, err)
		}
		r.Body.Close()
	}
	if n := l.group.Stats().Opened; n != 1 {
		t.Errorf("%d connections, want one that is kept", n)
	}
}
