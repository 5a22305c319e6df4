//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"example.com/iomux/reactor"
)

// A reset at any byte of an upgrade, and of the frames behind it, ends that connection
// and does nothing else, ten times each: T4.
func TestReset(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		l := serve(t, o, reactor.ListenOptions{}, handler{message: echo, opened: func(c *Conn) { echo(c, true, []byte("hi")) }},
			Options{HTTP: http.HandlerFunc(site)})
		for _, in := range []string{
			ask("/", "Cookie: k=v") + masked(ws.OpText, true, "hello") + masked(ws.OpPing, true, "x") + closing(1000, ""),
			get("/hello") + get("/hello", "X: "+strings.Repeat("x", 200)),
		} {
			if len(in) < 200 {
				t.Fatalf("%d bytes", len(in))
			}
			for i := range 10 * 201 {
				c := l.dial(t)
				c.send(in[:i%201])
				if err := c.Conn.(*net.TCPConn).SetLinger(0); err != nil {
					t.Fatal(err)
				}
				c.Close()
			}
		}
		c := l.open(t) // who comes last is served
		c.text("x")
		c.expect("text hi", "text x")
		c.Close()
		l.deserted(t)
		if s := l.group.Stats(); s.Panics != 0 {
			t.Errorf("%d panics", s.Panics)
		}
		if len(l.conns) > 0 || l.pending > 0 {
			t.Errorf("%d connections and %d pages are remembered", len(l.conns), l.pending)
		}
	})
}

// Many clients that are stuck somewhere hold up nobody: T6.
func TestStuckClients(t *testing.T) {
	everywhere(t, func(t *testing.T, o reactor.Options) {
		l := serve(t, o, reactor.ListenOptions{}, handler{message: echo}, Options{})
		honest := l.open(t)
		frame := masked(ws.OpText, true, strings.Repeat("x", 1000))
		for i := range 200 {
			c := l.dial(t)
			switch i % 4 {
			case 0:
				c.send(ask("/")[:100])
			case 1:
				c.send(ask("/") + frame[:1])
			case 2:
				c.send(ask("/") + frame[:500])
			case 3:
				c.send(ask("/") + masked(ws.OpText, false, "x") + frame[:7])
			}
			honest.text("x")
			honest.expect("text x")
		}
	})
}

// The same over TLS.
func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tests"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	everywhere(t, func(t *testing.T, o reactor.Options) {
		config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
		l := serve(t, o, reactor.ListenOptions{TLS: config}, handler{
			opened: func(c *Conn) {
				if c.Request().TLS == nil {
					t.Error("the request does not say that it came by TLS")
				}
			},
			message: func(c *Conn, text bool, p []byte) {
				echo(c, text, p)
				if len(p) == 1 {
					c.PauseReading()
					_ = c.raw.Post(c.ResumeReading)
				}
			},
		}, Options{Path: "/ws", HTTP: http.HandlerFunc(site)})
		dial := func() *client {
			c, err := tls.Dial("tcp", l.addr, &tls.Config{RootCAs: pool})
			if err != nil {
				t.Fatal(err)
			}
			return newClient(t, c)
		}
		c := dial()
		large := strings.Repeat("x", 60_000)
		c.send(get("/hello?1") + ask("/ws") + masked(ws.OpText, true, "a") + masked(ws.OpText, true, "b") + masked(ws.OpText, true, large))
		if _, body, _ := c.response("GET"); body != "hello 1" {
			t.Errorf("got %q", body)
		}
		c.upgraded()
		c.expect("text a", "text b", "text "+large)
		c.send(closing(1000, ""))
		c.expect("close 1000")
		c.expectEnd()
		c = dial()
		c.send(get("/large"))
		if _, body, _ := c.response("GET"); len(body) != pageLimit {
			t.Errorf("got %d bytes", len(body))
		}
		c.Close()
		l.deserted(t)
	})
}
