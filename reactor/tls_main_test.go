//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// authority is who signs the certificates of the tests.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pool *x509.CertPool
}

var testCA = sync.OnceValue(func() *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	a := &authority{key: key, pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tests"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		panic(err)
	}
	a.pool.AddCert(a.cert)
	return a
})

// issue makes a certificate for a host, of either side.
func (a *authority) issue(host string, key crypto.Signer) tls.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host},
		DNSNames: []string{host}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func ecdsaKey() crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func rsaKey() crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

var (
	localhost    = sync.OnceValue(func() tls.Certificate { return testCA().issue("localhost", ecdsaKey()) })
	localhostRSA = sync.OnceValue(func() tls.Certificate { return testCA().issue("localhost", rsaKey()) })
)

// serverTLS and clientTLS are configs that go together.
func serverTLS() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{localhost()}} }

func clientTLS() *tls.Config { return &tls.Config{RootCAs: testCA().pool, ServerName: "localhost"} }

// versions are those of TLS that are on.
var versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

// everyVersion is everywhere with each version of TLS: client is the config of a
// client that offers it.
func everyVersion(t *testing.T, test func(t *testing.T, o Options, client *tls.Config)) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, v := range versions {
			t.Run(tls.VersionName(v), func(t *testing.T) {
				client := clientTLS()
				client.MinVersion, client.MaxVersion = v, v
				test(t, o, client)
			})
		}
	})
}

// serveTLS is serve with a listener that speaks TLS.
func serveTLS(t *testing.T, o Options, h Handler, config *tls.Config) (*Group, *Listener, *logBuffer) {
	t.Helper()
	g, _, log := serve(t, o, NopHandler{})
	return g, listenAt(t, g, "tcp://127.0.0.1:0", h, ListenOptions{TLS: config}), log
}

// dialTLS connects and shakes hands. The connection is closed when the test ends.
func dialTLS(t *testing.T, ln *Listener, config *tls.Config) *tls.Conn {
	t.Helper()
	c := tls.Client(dial(t, ln), config)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c
}

// hello is the first flight of a client.
func hello(t *testing.T, config *tls.Config) []byte {
	t.Helper()
	var r recorder
	_ = tls.Client(&r, config).Handshake() // it fails, for nobody answers
	return r.sent
}

// recorder is a net.Conn that keeps what it is to send, and has nothing to read.
type recorder struct {
	net.Conn
	sent []byte
}

func (r *recorder) Write(p []byte) (int, error) {
	r.sent = append(r.sent, p...)
	return len(p), nil
}

func (*recorder) Read([]byte) (int, error) { return 0, io.EOF }

// errPeerEnds is how a connection may end whose peer has just gone.
func gone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE)
}

// records splits what was sent into records and names their types and lengths.
func records(p []byte) (list []string) {
	for len(p) >= recordHead {
		n := int(p[3])<<8 | int(p[4])
		list = append(list, fmt.Sprintf("%d:%d", p[0], n))
		p = p[min(recordHead+n, len(p)):]
	}
	if len(p) > 0 {
		list = append(list, fmt.Sprintf("rest:%d", len(p)))
	}
	return list
}
