//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"example.com/iomux/certfile"
)

// trustFlags say which servers a client of TLS trusts.
type trustFlags struct {
	ca          fileName
	fingerprint fingerprint
	insecure    bool
}

func (f *trustFlags) add(flags *pflag.FlagSet) {
	flags.Var(&f.ca, "ca", "tls: trust the certificates in this PEM file and what they have signed")
	flags.Var(&f.fingerprint, "fingerprint", "tls: trust the one certificate that has it, whatever its name")
	flags.BoolVar(&f.insecure, "insecure", false, "tls: trust everybody")
}

// check refuses what the flags cannot be together, or with a URL, which comes down to
// over.
func (f *trustFlags) check(url, over string) error {
	given := 0
	for _, is := range []bool{f.ca != "", f.fingerprint != "", f.insecure} {
		if is {
			given++
		}
	}
	switch {
	case given > 1:
		return usagef("want one of --ca, --fingerprint and --insecure, not several")
	case given > 0 && !isTLS(over):
		return usagef("--ca, --fingerprint and --insecure are for a URL such as tls://127.0.0.1:7000 or chats://127.0.0.1:7000, not for %q", url)
	}
	return nil
}

// isTLS reports whether a URL is for TLS.
func isTLS(url string) bool {
	scheme, _, _ := strings.Cut(strings.ToLower(url), ":")
	return scheme == "tls"
}

// config is that of a connection to a host.
func (f *trustFlags) config(host string) (*tls.Config, error) {
	c := &tls.Config{ServerName: host}
	switch {
	case f.ca != "":
		text, err := os.ReadFile(string(f.ca))
		if err != nil {
			return nil, fmt.Errorf("cannot read --ca: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("there is no certificate in --ca %s, want PEM", f.ca)
		}
	case f.fingerprint != "":
		c.InsecureSkipVerify = true // of names and who has signed; it is this very one or none
		c.VerifyConnection = func(s tls.ConnectionState) error {
			if got := certfile.Fingerprint(s.PeerCertificates[0]); got != string(f.fingerprint) {
				return fmt.Errorf("its fingerprint is %s, not %s", got, f.fingerprint)
			}
			return nil
		}
	case f.insecure:
		c.InsecureSkipVerify = true
	}
	return c, nil
}

// secure puts TLS on a link.
func (f *trustFlags) secure(l *link) error {
	_, address, err := target(l.url)
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	config, err := f.config(host)
	if err != nil {
		return err
	}
	raw := &endNoter{Conn: l.Conn}
	c := tls.Client(raw, config)
	if err := c.SetDeadline(time.Now().Add(dialTime)); err != nil {
		return l.lost(err)
	}
	if err := c.Handshake(); err != nil {
		return fmt.Errorf("cannot speak TLS with %s: %w%s", l.url, cause(err), distrusted(err))
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		return l.lost(err)
	}
	l.Conn = &secureConn{c, raw}
	return nil
}

// distrusted says what one can do about a failed handshake.
func distrusted(err error) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		header    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &authority):
		return ": want --ca FILE with who has signed it, or --fingerprint"
	case errors.As(err, &name):
		return ": want the URL to have its name"
	case errors.As(err, &header):
		return ": it does not speak TLS there"
	}
	return ""
}

// secureConn is a tls.Conn whose end of file is an error if the server has not
// announced it, which crypto/tls lets pass: then something may be missing.
type secureConn struct {
	*tls.Conn
	raw *endNoter
}

func (c *secureConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, io.EOF) && c.raw.ended {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// endNoter notes that a socket has come to its end.
type endNoter struct {
	net.Conn
	ended bool // of the goroutine that reads
}

func (n *endNoter) Read(p []byte) (int, error) {
	k, err := n.Conn.Read(p)
	if errors.Is(err, io.EOF) {
		n.ended = true
	}
	return k, err
}

// fingerprint is a flag that takes the SHA-256 of a certificate, as
// certfile.Fingerprint writes it.
type fingerprint string

func (f *fingerprint) Type() string { return "SHA256" }

func (f *fingerprint) String() string { return string(*f) }

// Set takes digits of either case, with colons or without, as other programs show them.
func (f *fingerprint) Set(s string) error {
	digits := s
	if prefix := "sha256:"; len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		digits = s[len(prefix):]
	}
	sum, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
	if err != nil || len(sum) != sha256.Size {
		return errors.New("want sha256: and 64 digits, such as sha256:0A:1B…")
	}
	*f = fingerprint("sha256:" + strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":"))
	return nil
}
