//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"os"
	"slices"

	"example.com/iomux/handover"
)

// place is an address to serve on.
type place struct {
	url   string
	name  string     // of sockets from systemd; "" of our own and a predecessor's
	files []*os.File // sockets that are open already; nil: they are to be made
}

// given is a socket that is open already, and whether it has a place.
type given struct {
	handover.Socket
	at     endpoint
	placed bool
}

// findPlaces finds the places to serve on: those that --listen names, at sockets
// from systemd or a predecessor where there are any for them; without --listen,
// all that there are of these, or else the default.
//
// A port 0 in --listen takes any port: it means the one that the kernel has chosen
// before. left are sockets of the predecessor that have no place any more; one from
// systemd without a place is an error.
func findPlaces(f *listenFlags, inherited, taken []handover.Socket) (places []place, left []string, err error) {
	list, err := describe(inherited, taken)
	if err != nil {
		return nil, nil, err
	}
	if !f.given() && len(list) > 0 {
		for _, g := range list {
			places = append(places, place{g.URL, g.Name, g.Files})
		}
		return places, nil, nil
	}
	for _, url := range f.urls {
		places = append(places, place{url: url})
	}
	settle(places, list, func(a, b endpoint) bool { return a == b })
	settle(places, list, func(a, b endpoint) bool { return a.anyPort() && a == b.free() })
	for i, g := range list {
		switch {
		case g.placed:
		case i < len(inherited):
			return nil, nil, usagef("inherited socket %s (LISTEN_FDS): no --listen names it, want --listen %[1]s, or no --listen to serve on all that are inherited", g.URL)
		default:
			left = append(left, g.URL)
		}
	}
	return places, left, nil
}

// unnamed is what sd_listen_fds(3) calls a socket from systemd without a name.
const unnamed = "unknown"

// describe finds out where the given sockets can be reached. What is the same
// socket is kept once, as it was inherited. Those from systemd all have names, by
// which a successor of ours knows them, too.
func describe(inherited, taken []handover.Socket) (list []given, err error) {
	for i, s := range slices.Concat(inherited, taken) {
		at, err := endpointOf(s.URL)
		if err != nil {
			return nil, err
		}
		if i < len(inherited) && s.Name == "" {
			s.Name = unnamed
		}
		if i < len(inherited) || !slices.ContainsFunc(list, func(g given) bool { return g.at == at }) {
			list = append(list, given{Socket: s, at: at})
		}
	}
	return list, nil
}

// settle gives sockets to the places that they are the right ones for.
func settle(places []place, list []given, right func(want, have endpoint) bool) {
	for i := range places {
		p := &places[i]
		want, err := endpointOf(p.url)
		if err != nil || p.files != nil {
			continue // what is wrong with it is said by who opens it
		}
		for j := range list {
			if g := &list[j]; !g.placed && right(want, g.at) {
				p.name, p.files, g.placed = g.Name, g.Files, true
				break
			}
		}
	}
}
