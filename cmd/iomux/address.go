//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"net/url"
	"strconv"
)

// checkScheme refuses the kinds of address that are understood but not served
// yet. What else may be wrong with an address is left to who uses it.
func checkScheme(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	switch u.Scheme {
	case "udp", "unix", "unixgram":
		return usagef("%q: %s:// is not supported yet, want tcp://HOST:PORT", address, u.Scheme)
	}
	return nil
}

// target is the HOST:PORT that a client is to connect to.
func target(address string) (string, error) {
	if err := checkScheme(address); err != nil {
		return "", err
	}
	bad := func(why string) (string, error) {
		return "", usagef("bad address %q: %s, want tcp://HOST:PORT, such as tcp://127.0.0.1:7000", address, why)
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme == "" || u.Host == "":
		return bad("it is not a URL with a host")
	case u.Scheme != "tcp":
		return bad("scheme " + strconv.Quote(u.Scheme) + " is not supported")
	case u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "":
		return bad("there is more than HOST:PORT in it")
	case u.Hostname() == "":
		return bad("it has no host")
	case u.Port() == "":
		return bad("it has no port")
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || port == 0 {
		return bad("port " + u.Port() + " is not between 1 and 65535")
	}
	return u.Host, nil
}
