//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/iomux/certfile"
)

// certificate is one in files.
type certificate struct {
	hosts       []string
	cert, key   string
	fingerprint string
}

func (c *certificate) flags() []string { return []string{"--tls-cert", c.cert, "--tls-key", c.key} }

// newCertificate makes one for hosts.
func newCertificate(t *testing.T, hosts ...string) *certificate {
	t.Helper()
	dir := t.TempDir()
	c := &certificate{hosts: hosts, cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	c.renew(t)
	return c
}

// renew puts another into the files.
func (c *certificate) renew(t *testing.T) {
	t.Helper()
	cert, fingerprint, err := certfile.SelfSigned(c.hosts, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	c.write(t, c.cert, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}, 0o644)
	c.write(t, c.key, &pem.Block{Type: "PRIVATE KEY", Bytes: key}, 0o600)
	c.fingerprint = fingerprint
}

func (*certificate) write(t *testing.T, name string, block *pem.Block, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(block), mode); err != nil {
		t.Fatal(err)
	}
}

// A server with a certificate made for the run says what it is, and a client that
// knows it, in any of the ways to, is served.
func TestSelfSigned(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		p := startEcho(t, 1, "--tls-self-signed", "--backend", backend)
		if !strings.HasPrefix(p.urls[0], "tls://127.0.0.1:") {
			t.Errorf("it listens on %s", p.urls[0])
		}
		large := make([]byte, 8<<20)
		_, _ = rand.NewChaCha8([32]byte{1}).Read(large) // never fails
		bare := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(p.fingerprint, "sha256:"), ":", ""))
		for _, c := range []struct {
			trust []string
			in    string
		}{
			{[]string{"--fingerprint", p.fingerprint}, string(large)},
			{[]string{"--fingerprint", bare}, "hello\n"},
			{[]string{"--fingerprint", "SHA256:" + bare}, ""},
			{[]string{"--insecure"}, "hello\n"},
		} {
			args := append(append([]string{"connect"}, c.trust...), p.urls[0])
			if r := call(t, c.in, args...); r.status != 0 || r.stderr != "" || r.stdout != c.in {
				t.Errorf("%q: exit status %d, %d bytes for %d, %s", args, r.status, len(r.stdout), len(c.in), r.stderr)
			}
		}
		other := strings.ReplaceAll(p.fingerprint, p.fingerprint[7:9], "00")
		check(t, call(t, "hello", "connect", p.urls[0]), 1, []string{p.urls[0], "unknown authority", "--ca FILE"})
		check(t, call(t, "hello", "connect", "--fingerprint", other, p.urls[0]), 1, []string{"its fingerprint is " + p.fingerprint, other})
		p.signal(syscall.SIGHUP) // there is nothing to load anew
		if status, rest := p.wait(); status != 0 || rest != "" {
			t.Errorf("exit status %d, %q", status, rest)
		}
		if log := p.log.String(); strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR") {
			t.Errorf("the log has\n%s", log)
		}
	})
}

// presented is the fingerprint of a server's certificate.
func presented(t *testing.T, address string) (fingerprint string, conn *tls.Conn) {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.NetConn().Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return certfile.Fingerprint(conn.ConnectionState().PeerCertificates[0]), conn
}

// SIGHUP has new connections get the new certificate, and the old ones go on; a bad
// one changes nothing.
func TestCertificateIsLoadedAnew(t *testing.T) {
	c := newCertificate(t, "127.0.0.1")
	p := startEcho(t, 1, c.flags()...)
	if p.fingerprint != "" {
		t.Error("it has printed a fingerprint")
	}
	if r := call(t, "hello", "connect", "--ca", c.cert, p.urls[0]); r != (result{0, "hello", ""}) {
		t.Errorf("%+v", r)
	}
	old, conn := presented(t, p.address())
	if old != c.fingerprint {
		t.Errorf("the certificate is %s", old)
	}
	c.renew(t)
	p.signal(syscall.SIGHUP)
	p.logged("the certificate was loaded anew")
	if f, _ := presented(t, p.address()); f != c.fingerprint || f == old {
		t.Errorf("the new certificate is %s, want %s", f, c.fingerprint)
	}
	if err := os.WriteFile(c.key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	p.logged("the old one stays")
	if f, _ := presented(t, p.address()); f != c.fingerprint {
		t.Errorf("after a bad one the certificate is %s, want %s", f, c.fingerprint)
	}
	if _, err := io.WriteString(conn, "still there"); err != nil {
		t.Error(err)
	}
	got := make([]byte, len("still there"))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "still there" {
		t.Errorf("got %q, %v", got, err)
	}
	p.signal(syscall.SIGTERM)
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		t.Errorf("at the end: %q, %v", rest, err)
	}
	_ = conn.NetConn().Close()
	if status, _ := p.wait(); status != 0 {
		t.Errorf("exit status %d; log:\n%s", status, p.log.String())
	}
}

// Only tcp speaks TLS, all of it does, and a successor goes on so.
func TestTLSTransports(t *testing.T) {
	dir := shortDir(t)
	c := newCertificate(t, "127.0.0.1")
	args := append(c.flags(), "--takeover", filepath.Join(dir, "takeover.sock"))
	p := startTransports(t, dir, args...)
	serve := func() {
		t.Helper()
		for i, url := range transports(dir) {
			trust := "--wait=100ms"
			if isTCP(url) {
				if !strings.HasPrefix(p.urls[i], "tls://") {
					t.Errorf("%s: it listens on %s", url, p.urls[i])
				}
				trust = "--ca=" + c.cert
				if strings.HasPrefix(url, "tcp6") {
					trust = "--insecure" // the certificate is not for ::1
				}
			} else if strings.HasPrefix(p.urls[i], "tls") {
				t.Errorf("%s: it listens on %s", url, p.urls[i])
			}
			if r := call(t, "hello\n", "connect", trust, p.urls[i]); r.status != 0 || r.stdout != "hello\n" && !isPacket(url) {
				t.Errorf("%s: %+v", p.urls[i], r)
			}
		}
	}
	serve()
	before := p
	p = startTransports(t, dir, args...)
	if status, _ := before.wait(); status != 0 {
		t.Errorf("exit status %d; log:\n%s", status, before.log.String())
	}
	for i, url := range p.urls {
		if strings.HasPrefix(url, "tls") && url != before.urls[i] {
			t.Errorf("%s became %s", before.urls[i], url)
		}
	}
	serve()
	p.signal(syscall.SIGTERM)
	if status, _ := p.wait(); status != 0 {
		t.Errorf("exit status %d; log:\n%s", status, p.log.String())
	}
}

// A key that everybody may read is used, and complained of.
func TestKeyForEverybody(t *testing.T) {
	c := newCertificate(t, "127.0.0.1")
	if err := os.Chmod(c.key, 0o644); err != nil {
		t.Fatal(err)
	}
	p := startEcho(t, 1, c.flags()...)
	p.logged("everybody on this machine may read the key")
	if f, _ := presented(t, p.address()); f != c.fingerprint {
		t.Errorf("the certificate is %s", f)
	}
}

// serveTLS accepts one connection, shakes hands, and runs f on it.
func serveOneTLS(t *testing.T, f func(c *tls.Conn, raw *net.TCPConn)) (url string) {
	t.Helper()
	cert, _, err := certfile.SelfSigned([]string{"127.0.0.1"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	url = serveOne(t, func(raw *net.TCPConn) {
		c := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{cert}})
		if err := c.Handshake(); err != nil {
			t.Error(err)
			return
		}
		f(c, raw)
	})
	return "tls" + strings.TrimPrefix(url, "tcp")
}

// The end of the input is close_notify, and so must the end of the output be: without
// it something may be missing.
func TestConnectTLSEnds(t *testing.T) {
	answer := func(c *tls.Conn) {
		in, err := io.ReadAll(c)
		if err != nil {
			t.Error(err)
		}
		if _, err := c.Write(append([]byte("after "), in...)); err != nil {
			t.Error(err)
		}
	}
	url := serveOneTLS(t, func(c *tls.Conn, _ *net.TCPConn) {
		answer(c)
		_ = c.Close() // with close_notify
	})
	if r := call(t, "input", "connect", "--insecure", url); r != (result{0, "after input", ""}) {
		t.Errorf("%+v", r)
	}
	url = serveOneTLS(t, func(c *tls.Conn, raw *net.TCPConn) {
		answer(c)
		_ = raw.CloseWrite()
	})
	r := call(t, "input", "connect", "--insecure", url)
	check(t, result{r.status, "", r.stderr}, 1, []string{"connection lost", "unexpected EOF"})
	if r.stdout != "after input" {
		t.Errorf("it printed %q", r.stdout)
	}
}

// A call that cannot be right is explained, and so is a server that is another one.
func TestBadTLSCalls(t *testing.T) {
	c := newCertificate(t, "127.0.0.1")
	other := newCertificate(t, "host.example")
	p := startEcho(t, 1)
	plain := "tls" + strings.TrimPrefix(serveOne(t, func(c *net.TCPConn) {
		_, _ = io.WriteString(c, "220 ready\r\n")
		_, _ = io.Copy(io.Discard, c) // until the client has seen it
	}), "tcp")
	secure := startEcho(t, 1, c.flags()...)
	misnamed := startEcho(t, 1, other.flags()...).urls[0]
	ours := strings.Repeat("00", 32)
	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   []string
	}{
		{"certificate without key", []string{"echo", "--tls-cert", c.cert}, 2, []string{"--tls-key FILE"}},
		{"key without certificate", []string{"echo", "--tls-key", c.key}, 2, []string{"--tls-cert FILE"}},
		{"two certificates", append([]string{"echo", "--tls-self-signed"}, c.flags()...), 2, []string{"--tls-self-signed goes with no --tls-cert"}},
		{"no name", []string{"echo", "--tls-cert", ""}, 2, []string{"--tls-cert", "the name of a file"}},
		{"TLS for nobody", []string{"echo", "--tls-self-signed", "--listen", "udp://127.0.0.1:0"}, 2, []string{"TLS is for tcp", "tcp://127.0.0.1:7000"}},
		{"no certificate", []string{"echo", "--tls-cert", "/nowhere/c", "--tls-key", c.key}, 1, []string{"/nowhere/c", "no such file"}},
		{"another's key", []string{"echo", "--tls-cert", c.cert, "--tls-key", other.key}, 1, []string{other.key, "does not match"}},

		{"trust without TLS", []string{"connect", "--insecure", p.urls[0]}, 2, []string{"tls://127.0.0.1:7000", p.urls[0]}},
		{"trust of two kinds", []string{"connect", "--insecure", "--ca", c.cert, secure.urls[0]}, 2, []string{"want one of --ca, --fingerprint and --insecure"}},
		{"short fingerprint", []string{"connect", "--fingerprint", "sha256:0A:1B", secure.urls[0]}, 2, []string{"--fingerprint", "64 digits"}},
		{"fingerprint of something else", []string{"connect", "--fingerprint", "sha1:" + ours, secure.urls[0]}, 2, []string{"64 digits"}},
		{"TLS to port 0", []string{"connect", "tls://127.0.0.1:0"}, 2, []string{"tls://127.0.0.1:0", "between 1 and 65535"}},
		{"TLS to no port", []string{"connect", "tls://127.0.0.1"}, 2, []string{"127.0.0.1", "no port"}},
		{"no CA", []string{"connect", "--ca", "/nowhere/ca", secure.urls[0]}, 1, []string{"--ca", "/nowhere/ca"}},
		{"CA that is none", []string{"connect", "--ca", c.key, secure.urls[0]}, 1, []string{c.key, "PEM"}},
		{"another CA", []string{"connect", "--ca", other.cert, secure.urls[0]}, 1, []string{secure.urls[0], "--ca FILE"}},
		{"another name", []string{"connect", "--ca", other.cert, misnamed}, 1, []string{misnamed, "want the URL to have its name"}},
		{"TLS to who does not", []string{"connect", "--insecure", plain}, 1, []string{plain, "does not speak TLS"}},
	} {
		t.Run(c.name, func(t *testing.T) { check(t, call(t, "", c.args...), c.status, c.says) })
	}
}
