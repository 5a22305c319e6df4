//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"fmt"
	"strings"

	"example.com/iomux/handover"
)

// doorKind is what is spoken at a place.
type doorKind string

// The kinds. Sockets of systemd are called so (FileDescriptorName=, systemd.socket(5));
// those of other names are for lines.
const (
	linesDoor doorKind = "lines"
	jsonDoor  doorKind = "json"
	webDoor   doorKind = "web"
	adminDoor doorKind = "admin"
)

// chatPlace is a place, and what is spoken there.
type chatPlace struct {
	place
	kind doorKind
}

// where finds the places to serve at: those that flags name, at sockets from systemd or
// a predecessor where there are any for them; the sockets from systemd, by their names;
// and the defaults, where systemd gives none. left is as of findPlaces.
func (s *chatServer) where(inherited, taken []handover.Socket) (places []chatPlace, left []string, err error) {
	var urls []string
	var kinds []doorKind
	add := func(kind doorKind, list ...string) {
		for _, url := range list {
			urls, kinds = append(urls, url), append(kinds, kind)
		}
	}
	byName := false // systemd, or before a hand-over, has said where
	for _, g := range append(inherited[:len(inherited):len(inherited)], taken...) {
		byName = byName || g.Name != ""
	}
	byName = byName || len(inherited) > 0
	if s.listen.given() || !byName {
		add(linesDoor, s.listen.urls...)
	}
	add(jsonDoor, s.doors.json...)
	if web := string(s.doors.web); web != "" && (s.doors.webGiven() || !byName) {
		add(webDoor, web)
	}
	if s.doors.admin != "" {
		add(adminDoor, string(s.doors.admin))
	}
	named, err := s.named(urls, inherited, taken)
	if err != nil {
		return nil, nil, err
	}
	for _, g := range named {
		kind := doorKind(g.Name)
		switch kind {
		case jsonDoor, webDoor, adminDoor:
		default:
			kind = linesDoor
		}
		add(kind, g.URL)
	}
	if len(urls) == 0 {
		return nil, nil, usagef("there is nowhere to listen, want --listen URL or --web HOST:PORT")
	}
	f := s.listen
	f.urls, f.given = urls, func() bool { return true }
	list, left, err := findPlaces(&f, inherited, taken)
	for i, p := range list {
		if isPacket(p.url) || strings.HasPrefix(p.url, "unixpacket:") {
			return nil, nil, usagef("inherited socket %s: a chat wants a stream, tcp or unix", p.url)
		}
		if kinds[i] == adminDoor {
			if err := s.doors.checkAdmin(p.url); err != nil {
				return nil, nil, err
			}
		}
		places = append(places, chatPlace{p, kinds[i]})
	}
	return places, left, err
}

// named are the sockets of systemd that no flag names.
func (s *chatServer) named(urls []string, inherited, taken []handover.Socket) (list []given, err error) {
	all, err := describe(inherited, taken)
	if err != nil {
		return nil, err
	}
	for _, g := range all {
		claimed := g.Name == "" // a predecessor's own
		for _, url := range urls {
			want, err := endpointOf(url)
			claimed = claimed || err == nil && (want == g.at || want.anyPort() && want == g.at.free())
		}
		if !claimed {
			list = append(list, g)
		}
	}
	return list, nil
}

// shown is a place's URL as it is printed.
func (k doorKind) shown(l listening) string {
	url := l.URL()
	rest, tcp := strings.CutPrefix(url, "tcp://")
	switch {
	case k != webDoor && k != adminDoor:
		return "listening " + l.shown()
	case !tcp: // a Unix socket
	case l.tls:
		url = "https://" + rest + "/"
	default:
		url = "http://" + rest + "/"
	}
	if k == adminDoor {
		return "admin " + url
	}
	return "page " + url
}

// hint is how to join at a listener of lines, with what everybody has.
func hint(l listening, fingerprint string) string {
	path, isFile := strings.CutPrefix(l.URL(), "unix://")
	switch {
	case isFile:
		return "join with: nc -U " + path
	case isUnix(l.URL()): // it has no file
		return "join with: iomux connect " + l.URL()
	case l.tls && fingerprint != "":
		return fmt.Sprintf("join with: iomux connect --fingerprint %s %s", fingerprint, chats(l.shown()))
	case l.tls:
		return "join with: iomux connect " + chats(l.shown())
	}
	at := strings.TrimPrefix(reachable(l.URL()), "tcp://")
	i := strings.LastIndexByte(at, ':')
	return fmt.Sprintf("join with: nc %s %s", strings.Trim(at[:i], "[]"), at[i+1:])
}

// chats is the URL of a place with TLS for the client that knows the chat.
func chats(url string) string { return strings.Replace(reachable(url), "tls://", "chats://", 1) }

// reachable is a URL that one can connect to on this machine, of one that may be for all
// addresses.
func reachable(url string) string {
	url = strings.Replace(url, "://0.0.0.0:", "://127.0.0.1:", 1)
	return strings.Replace(url, "://[::]:", "://[::1]:", 1)
}
