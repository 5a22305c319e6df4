//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"example.com/iomux/cmd/internal/chatpage"
)

// readiness is whether clients should be sent here: not before the server serves, and
// not when it drains.
type readiness struct{ ready atomic.Bool }

func (r *readiness) set(ready bool) { r.ready.Store(ready) }

// addTo has a mux tell that the process is there, at /healthz, and whether it is ready,
// at /readyz.
func (r *readiness) addTo(mux *http.ServeMux) {
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { plainText(w, http.StatusOK, "ok") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if r.ready.Load() {
			plainText(w, http.StatusOK, "ready")
		} else {
			plainText(w, http.StatusServiceUnavailable, "not ready")
		}
	})
}

func plainText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

// publicPages are those of the web port.
func publicPages(title string, r *readiness) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("/", chatpage.Handler(chatpage.Options{Title: title}))
	r.addTo(mux)
	return mux
}

// callNames are the names by which browsers may call a server. A page of any site can
// have its own name resolve to 127.0.0.1 and talk to what listens there as if it were
// its own (DNS rebinding); but the browser then calls the server by that name.
type callNames []string

// newCallNames are those for a server that listens at url. None is all: where other
// machines can connect, nobody is let in by where he comes from, and the server's names
// are not known. A browser does not reach a Unix socket; what does passes names on.
func newCallNames(url string, more []string) callNames {
	_, address, _ := strings.Cut(url, "://")
	host, _, err := net.SplitHostPort(address)
	if len(more) == 0 && (err != nil || !private(url)) {
		return nil
	}
	names := callNames{"localhost", "127.0.0.1", "::1"}
	if err == nil && host != "" {
		names = append(names, strings.ToLower(host))
	}
	for _, name := range more {
		names = append(names, strings.ToLower(name))
	}
	return names
}

// check is an error where a request calls the server by another name.
func (n callNames) check(r *http.Request) error {
	if n == nil {
		return nil
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if slices.Contains(n, host) {
		return nil
	}
	return fmt.Errorf("this server is not called %.100q; its --hosts may name it", host)
}

// authorize is for websocket.Options.
func (n callNames) authorize(r *http.Request, _ net.Addr) error { return n.check(r) }

// guard serves requests that call the server by a name of its own.
func (n callNames) guard(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := n.check(r); err != nil {
			plainText(w, http.StatusMisdirectedRequest, err.Error())
			return
		}
		pages.ServeHTTP(w, r)
	})
}
