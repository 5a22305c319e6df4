//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package certfile_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/iomux/certfile"
)

// write puts a certificate and its key into files, and returns the leaf.
func write(t *testing.T, certFile, keyFile string, mode fs.FileMode, validity time.Duration) *x509.Certificate {
	t.Helper()
	c, _, err := certfile.SelfSigned([]string{"localhost"}, validity)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: c.Certificate[0]},
		keyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil { // whatever the umask is
			t.Fatal(err)
		}
	}
	return c.Leaf
}

// files are names in a new directory.
func files(t *testing.T) (cert, key string) {
	dir := t.TempDir()
	return filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
}

// leaf is the certificate that a pair gives.
func leaf(t *testing.T, p *certfile.Pair) *x509.Certificate {
	t.Helper()
	c, err := p.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf
}

// A new pair is taken when it is whole; until then the old one stays, whatever is
// wrong with the new one.
func TestReload(t *testing.T) {
	cert, key := files(t)
	first := write(t, cert, key, 0o600, time.Hour)
	var log bytes.Buffer
	p, err := certfile.Open(cert, key, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if !leaf(t, p).Equal(first) {
		t.Error("it is another certificate")
	}
	second := write(t, cert, key, 0o600, time.Hour)
	if !leaf(t, p).Equal(first) {
		t.Error("it changed before it was loaded")
	}
	if err := p.Reload(); err != nil || !leaf(t, p).Equal(second) {
		t.Errorf("the new certificate was not taken: %v", err)
	}
	otherCert, otherKey := files(t)
	write(t, otherCert, otherKey, 0o600, time.Hour)
	spoil := map[string]func() error{
		"no certificate":          func() error { return os.Remove(cert) },
		"no key":                  func() error { return os.Remove(key) },
		"an empty certificate":    func() error { return os.WriteFile(cert, nil, 0o600) },
		"a key of another":        func() error { return os.Rename(otherKey, key) },
		"half a certificate":      func() error { return os.Truncate(cert, 100) },
		"what is no PEM":          func() error { return os.WriteFile(key, []byte("secret"), 0o600) },
		"a directory for the key": func() error { return errors.Join(os.Remove(key), os.Mkdir(key, 0o700)) },
	}
	for name, f := range spoil {
		third := write(t, cert, key, 0o600, time.Hour)
		if err := p.Reload(); err != nil {
			t.Fatal(err)
		}
		if err := f(); err != nil {
			t.Fatal(err)
		}
		err := p.Reload()
		if err == nil || !strings.Contains(err.Error(), cert) || !leaf(t, p).Equal(third) {
			t.Errorf("%s: %v", name, err)
		}
		if _, open := certfile.Open(cert, key, nil); open == nil {
			t.Errorf("%s: it opens", name)
		}
		_ = os.Remove(key) // a directory would be in the way
	}
	if err := p.Reload(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	if log.Len() > 0 {
		t.Errorf("the log has %s", log.String())
	}
}

// A key that everybody may read, and a certificate that is over, are told of each
// time, and used.
func TestWarnings(t *testing.T) {
	cert, key := files(t)
	for _, c := range []struct {
		mode     fs.FileMode
		validity time.Duration
		want     string
	}{
		{0o600, time.Hour, ""},
		{0o640, time.Hour, ""},
		{0o644, time.Hour, "everybody on this machine may read the key"},
		{0o604, time.Hour, "-rw----r--"},
		{0o600, time.Nanosecond, "not valid now"},
	} {
		want := write(t, cert, key, c.mode, c.validity)
		var log bytes.Buffer
		p, err := certfile.Open(cert, key, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if !leaf(t, p).Equal(want) || !strings.Contains(log.String(), c.want) || c.want == "" && log.Len() > 0 {
			t.Errorf("mode %v, valid for %v: the log has %q, want %q", c.mode, c.validity, log.String(), c.want)
		}
	}
}

// Connections may ask while another goroutine loads.
func TestReloadBesideGetCertificate(t *testing.T) {
	cert, key := files(t)
	write(t, cert, key, 0o600, time.Hour)
	p, err := certfile.Open(cert, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 100 {
				if c, err := p.GetCertificate(nil); err != nil || c.Leaf == nil {
					t.Error("no certificate")
				}
			}
		})
		wg.Go(func() {
			for range 10 {
				if err := p.Reload(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// A certificate that was made up is good for its hosts and its time, to who knows it.
func TestSelfSigned(t *testing.T) {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	c, fingerprint, err := certfile.SelfSigned(hosts, 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(c.Leaf)
	for _, host := range hosts {
		if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, at := range []time.Duration{-2 * time.Hour, 25 * time.Hour} {
		if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: time.Now().Add(at)}); err == nil {
			t.Errorf("it is valid at %v", at)
		}
	}
	if c.Leaf.VerifyHostname("example.com") == nil {
		t.Error("it is good for any host")
	}
	if !regexp.MustCompile(`^sha256(:[0-9A-F]{2}){32}$`).MatchString(fingerprint) || fingerprint != certfile.Fingerprint(c.Leaf) {
		t.Errorf("the fingerprint is %s", fingerprint)
	}
	other, second, err := certfile.SelfSigned(hosts, time.Hour)
	if err != nil || second == fingerprint || other.Leaf.SerialNumber.Cmp(c.Leaf.SerialNumber) == 0 {
		t.Errorf("another has the same fingerprint or number, %v", err)
	}
	for _, bad := range []struct {
		hosts    []string
		validity time.Duration
	}{{nil, time.Hour}, {hosts, 0}, {hosts, -time.Hour}} {
		if _, _, err := certfile.SelfSigned(bad.hosts, bad.validity); err == nil {
			t.Errorf("%v for %v: it was made", bad.hosts, bad.validity)
		}
	}

	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{c}})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := ln.Accept()
		if err == nil {
			_ = conn.SetDeadline(time.Now().Add(time.Minute)) // it is open
			err = conn.(*tls.Conn).Handshake()
			_ = conn.Close()
		}
		served <- err
	}()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	client, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", port), &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
