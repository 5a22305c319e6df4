//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/pprof"

	"example.com/iomux/adapters/websocket"
	"example.com/iomux/reactor"
)

// admin is who serves what only who runs the server should see.
func (sv *chatService) admin(url string) (reactor.Handler, error) {
	mux := http.NewServeMux()
	sv.ready.addTo(mux)
	mux.HandleFunc("/connections.json", sv.connections)
	mux.Handle("/metrics", sv.metrics())
	if sv.flags.doors.pprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return websocket.New(websocket.NopHandler{}, websocket.Options{
		Authorize: func(*http.Request, net.Addr) error { return errNoWebSocket },
		HTTP:      newCallNames(url, sv.flags.doors.hosts).guard(mux),
		Logger:    sv.log,
	})
}

var errNoWebSocket = errors.New("there is no WebSocket here")

// connections tells who there is, and in which rooms.
func (sv *chatService) connections(w http.ResponseWriter, r *http.Request) {
	shot, err := sv.chat.Snapshot(r.Context())
	if err != nil {
		plainText(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(shot) // to memory; what becomes of it then is not ours to know
}
