//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"slices"
	"strings"
	"testing"
)

func TestPacketURLs(t *testing.T) {
	for _, url := range transports("/run/x") {
		want := strings.HasPrefix(url, "udp") || strings.HasPrefix(url, "unixgram")
		if isPacket(url) != want || isPacket(strings.ToUpper(url[:4])+url[4:]) != want {
			t.Errorf("%s: for datagrams: %v", url, !want)
		}
	}
	if slices.ContainsFunc([]string{"", "udp.example:7000", "unix:udp", "tcp://udp:1"}, isPacket) {
		t.Error("what is no address of datagrams is taken for one")
	}
}

// The same place is the same, however its address is written, and no other is.
func TestEndpoints(t *testing.T) {
	places := [][]string{
		{"tcp://127.0.0.1:7000", "tcp4://127.0.0.1:7000", "TCP://127.0.0.1:7000", "tcp://[::ffff:127.0.0.1]:7000", "tcp4://localhost:7000"},
		{"tcp://127.0.0.1:7001"},
		{"tcp://127.0.0.2:7000"},
		{"udp://127.0.0.1:7000", "udp4://127.0.0.1:7000"},
		{"tcp://[::1]:7000", "tcp6://[::1]:7000", "tcp6://[0:0::1]:7000"},
		{"tcp://0.0.0.0:7000"},
		{"tcp://[::]:7000", "tcp6://[::]:7000"},
		{"unix:///run/x", "unix:/run/x", "unix:///run/%78"},
		{"unixgram:///run/x"},
		{"unixpacket:///run/x"},
		{"unix:run/x"},
	}
	all := map[endpoint]int{}
	for i, urls := range places {
		for _, url := range urls {
			e, err := endpointOf(url)
			if err != nil {
				t.Errorf("%s: %v", url, err)
				continue
			}
			if j, known := all[e]; known && j != i {
				t.Errorf("%s is %s", url, places[j][0])
			} else if !known && len(all) > i {
				t.Errorf("%s is not %s", url, urls[0])
			}
			all[e] = i
		}
	}
	for _, url := range []string{"tcp://127.0.0.1", "http://x", "tcp://host.invalid:1", ""} {
		if e, err := endpointOf(url); err == nil {
			t.Errorf("%s is %v", url, e)
		}
	}
}

// Only addresses of this machine are private.
func TestPrivate(t *testing.T) {
	for url, want := range map[string]bool{
		"tcp://127.0.0.1:1": true, "udp://127.1.2.3:1": true, "tcp://[::1]:1": true, "unix:///x": true, "unixgram:///x": true,
		"tcp://0.0.0.0:1": false, "tcp://[::]:1": false, "udp://192.0.2.1:1": false,
	} {
		if private(url) != want {
			t.Errorf("%s: private: %v", url, !want)
		}
	}
}
