//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"example.com/iomux/reactor"
)

// quota is a flag that takes a number of something, or off, which is no limit: as
// chat.Options have it, less than 0.
type quota struct {
	value float64
	whole bool // no fractions
	on    bool // it cannot be off
}

func (q *quota) Type() string { return "N" }

func (q *quota) String() string {
	if q.value < 0 {
		return "off"
	}
	return strconv.FormatFloat(q.value, 'f', -1, 64)
}

func (q *quota) Set(s string) error {
	v, err := strconv.ParseFloat(s, 64)
	what := ""
	switch {
	case s == "off" && !q.on:
		q.value = -1
		return nil
	case q.whole && (err != nil || v != math.Trunc(v) || v < 1 || v > math.MaxInt32):
		what = fmt.Sprintf("want a number from 1 to %d", math.MaxInt32)
	case err != nil || !(v >= 0.01 && v <= 1e9):
		what = "want a number such as 10 or 0.5"
	}
	if what != "" {
		if !q.on {
			what += ", or off"
		}
		return errors.New(what)
	}
	q.value = v
	return nil
}

// networks is a flag that takes networks, and addresses, which are networks of one.
type networks []netip.Prefix

func (n *networks) Type() string { return "NETWORKS" }

func (n *networks) String() string { return strings.Join(n.GetSlice(), ",") }

func (n *networks) Set(s string) error { return n.Replace(strings.Split(s, ",")) }

// Append implements pflag.SliceValue.
func (n *networks) Append(s string) error {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		var a netip.Addr
		if a, err = netip.ParseAddr(s); err == nil && a.Zone() == "" {
			p = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		}
	}
	if !p.IsValid() {
		return fmt.Errorf("%q: want networks or addresses such as 10.0.0.0/8 or 2001:db8::1", s)
	}
	*n = append(*n, p.Masked())
	return nil
}

// Replace implements pflag.SliceValue.
func (n *networks) Replace(list []string) error {
	*n = nil
	for _, s := range list {
		if err := n.Append(s); err != nil {
			return err
		}
	}
	return nil
}

// GetSlice implements pflag.SliceValue.
func (n *networks) GetSlice() []string {
	list := []string{}
	for _, p := range *n {
		list = append(list, p.String())
	}
	return list
}

// contain reports whether an address is in one of them.
func (n networks) contain(a netip.Addr) bool {
	for _, p := range n {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// door is a flag that takes an address to serve web pages at: HOST:PORT, the URL of a
// TCP or Unix socket, or off.
type door string

func (d *door) Type() string { return "HOST:PORT" }

func (d *door) String() string {
	if *d == "" {
		return "off"
	}
	return strings.TrimPrefix(string(*d), "tcp://")
}

func (d *door) Set(s string) error {
	if s == "off" {
		*d = ""
		return nil
	}
	url := s
	if !strings.Contains(s, "://") {
		url = "tcp://" + s
	}
	if err := checkStream(url); err != nil {
		why := strings.ReplaceAll(oneLine(err), url, s) // as it was given
		return fmt.Errorf("%s; want HOST:PORT such as 127.0.0.1:8080, a URL such as unix:///run/web.sock, or off", why)
	}
	*d = door(url)
	return nil
}

// checkStream refuses addresses that are not for streams of bytes.
func checkStream(url string) error {
	network, address, err := reactor.SplitURL(url)
	switch {
	case err != nil:
		return err
	case isPacket(url) || network == "unixpacket":
		return fmt.Errorf("%q is for datagrams, want tcp or unix", url)
	case isUnix(network):
		return nil
	}
	_, _, err = net.SplitHostPort(address)
	return err
}
