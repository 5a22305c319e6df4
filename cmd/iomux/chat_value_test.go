//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// What a flag shows it takes again, and what it cannot be it refuses.
func TestChatValues(t *testing.T) {
	for _, c := range []struct {
		flag      func() pflag.Value
		in, shown string // shown is empty: it is refused
	}{
		{func() pflag.Value { return &quota{} }, "10", "10"},
		{func() pflag.Value { return &quota{} }, "0.5", "0.5"},
		{func() pflag.Value { return &quota{} }, "off", "off"},
		{func() pflag.Value { return &quota{} }, "0", ""},
		{func() pflag.Value { return &quota{} }, "-1", ""},
		{func() pflag.Value { return &quota{} }, "NaN", ""},
		{func() pflag.Value { return &quota{} }, "Inf", ""},
		{func() pflag.Value { return &quota{} }, "", ""},
		{func() pflag.Value { return &quota{on: true} }, "off", ""},
		{func() pflag.Value { return &quota{whole: true} }, "1000", "1000"},
		{func() pflag.Value { return &quota{whole: true} }, "1.5", ""},
		{func() pflag.Value { return &quota{whole: true} }, "3000000000", ""},
		{func() pflag.Value { return &networks{} }, "10.1.2.3/8,2001:db8::1", "10.0.0.0/8,2001:db8::1/128"},
		{func() pflag.Value { return &networks{} }, "::ffff:192.0.2.1", "192.0.2.1/32"},
		{func() pflag.Value { return &networks{} }, "fe80::1%eth0", ""},
		{func() pflag.Value { return &networks{} }, "10.0.0.0/8,", ""},
		{func() pflag.Value { return new(door) }, "127.0.0.1:80", "127.0.0.1:80"},
		{func() pflag.Value { return new(door) }, "tcp://[::1]:80", "[::1]:80"},
		{func() pflag.Value { return new(door) }, "tcp6://[::1]:80", "tcp6://[::1]:80"},
		{func() pflag.Value { return new(door) }, "unix:///x", "unix:///x"},
		{func() pflag.Value { return new(door) }, "off", "off"},
		{func() pflag.Value { return new(door) }, "", ""},
		{func() pflag.Value { return new(door) }, "localhost", ""},
		{func() pflag.Value { return new(door) }, "udp://127.0.0.1:80", ""},
		{func() pflag.Value { return new(door) }, "http://127.0.0.1:80", ""},
	} {
		v := c.flag()
		err := v.Set(c.in)
		if c.shown == "" {
			if err == nil || !strings.Contains(err.Error(), "want") {
				t.Errorf("%T takes %q: %v, %v", v, c.in, v, err)
			}
			continue
		}
		if err != nil || v.String() != c.shown {
			t.Errorf("%T of %q is %q, %v, want %q", v, c.in, v, err, c.shown)
		}
		again := c.flag()
		if err := again.Set(v.String()); err != nil || again.String() != v.String() {
			t.Errorf("%T shows %q and does not take it: %v", v, v, err)
		}
	}
}

// What a list is given replaces what it had.
func TestNetworks(t *testing.T) {
	n := networks{netip.MustParsePrefix("10.0.0.0/8")}
	if err := n.Replace([]string{"192.0.2.1"}); err != nil || len(n) != 1 || n.contain(netip.MustParseAddr("10.0.0.1")) || !n.contain(netip.MustParseAddr("192.0.2.1")) {
		t.Errorf("%v, %v", n, err)
	}
}

func TestChatHint(t *testing.T) {
	for _, c := range []struct{ url, want string }{
		{"tcp://127.0.0.1:7000", "join with: nc 127.0.0.1 7000"},
		{"tcp://0.0.0.0:7000", "join with: nc 127.0.0.1 7000"},
		{"tcp://[::]:7000", "join with: nc ::1 7000"},
		{"tcp://[2001:db8::1]:7000", "join with: nc 2001:db8::1 7000"},
		{"unix:///run/chat.sock", "join with: nc -U /run/chat.sock"},
		{"unix:@chat", "join with: iomux connect unix:@chat"},
	} {
		if got := hint(listening{listener: urlOnly(c.url)}, ""); got != c.want {
			t.Errorf("%s: %q, want %q", c.url, got, c.want)
		}
	}
}

// urlOnly is a listener of which nothing but its URL is known.
type urlOnly string

func (u urlOnly) URL() string              { return string(u) }
func (urlOnly) Files() ([]*os.File, error) { return nil, nil }
func (urlOnly) Leave()                     {}
func (urlOnly) OwnFile()                   {}
