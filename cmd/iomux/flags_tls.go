//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"example.com/iomux/certfile"
)

// tlsFlags say whether a server speaks TLS over TCP, and by which certificate.
type tlsFlags struct {
	cert, key  fileName
	selfSigned bool
}

func (f *tlsFlags) group() *pflag.FlagSet {
	g := flagGroup("TLS")
	g.Var(&f.cert, "tls-cert", "speak TLS over TCP, with the certificates in this PEM file")
	g.Var(&f.key, "tls-key", "and the key in this one")
	g.BoolVar(&f.selfSigned, "tls-self-signed", false, "speak TLS with a certificate made for this run")
	return g
}

// check refuses what the flags cannot be together.
func (f *tlsFlags) check() error {
	switch {
	case f.selfSigned && (f.cert != "" || f.key != ""):
		return usagef("--tls-self-signed goes with no --tls-cert and no --tls-key")
	case f.cert != "" && f.key == "":
		return usagef("--tls-cert without a key, want --tls-key FILE too")
	case f.key != "" && f.cert == "":
		return usagef("--tls-key without a certificate, want --tls-cert FILE too")
	}
	return nil
}

// serverTLS is how a server speaks TLS.
type serverTLS struct {
	config      *tls.Config
	pair        *certfile.Pair // nil: it is not from files
	fingerprint string         // of a certificate that nobody else knows
}

// selfSignedTime is how long a certificate made for a run is good: clients distrust
// one for more than 13 months.
const selfSignedTime = 365 * 24 * time.Hour

// load gets what the flags name. nil: the server does not speak TLS.
func (f *tlsFlags) load(log *slog.Logger) (*serverTLS, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	switch {
	case f.selfSigned:
		cert, fingerprint, err := certfile.SelfSigned([]string{"localhost", "127.0.0.1", "::1"}, selfSignedTime)
		if err != nil {
			return nil, err
		}
		return &serverTLS{config: &tls.Config{Certificates: []tls.Certificate{cert}}, fingerprint: fingerprint}, nil
	case f.cert != "":
		pair, err := certfile.Open(string(f.cert), string(f.key), log)
		if err != nil {
			return nil, err
		}
		return &serverTLS{config: &tls.Config{GetCertificate: pair.GetCertificate}, pair: pair}, nil
	}
	return nil, nil
}

// covers reports whether connections to an address speak TLS.
func (s *serverTLS) covers(url string) bool { return s != nil && isTCP(url) }

// reload loads the certificate anew at each signal.
func (s *serverTLS) reload(ctx context.Context, signals <-chan os.Signal, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case sig := <-signals:
			if err := s.pair.Reload(); err != nil {
				log.Error("cannot load the certificate anew; the old one stays", "signal", sig, "err", err)
			} else {
				log.Info("the certificate was loaded anew", "signal", sig)
			}
		}
	}
}

// isTCP reports whether a URL is for TCP. What else there may be wrong with it is left
// to who uses it.
func isTCP(url string) bool { return strings.HasPrefix(strings.ToLower(url), "tcp") }

// shown is a listener's URL as it is printed: tls://127.0.0.1:7000, which "iomux
// connect" takes, of one that speaks TLS.
func (l listening) shown() string {
	if _, rest, ok := strings.Cut(l.URL(), "://"); ok && l.tls {
		return "tls://" + rest
	}
	return l.URL()
}

// fileName is a flag that takes the name of a file.
type fileName string

func (n *fileName) Type() string { return "FILE" }

func (n *fileName) String() string { return string(*n) }

func (n *fileName) Set(s string) error {
	if s == "" {
		return errors.New("want the name of a file")
	}
	*n = fileName(s)
	return nil
}
