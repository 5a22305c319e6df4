//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package certfile

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// leeway is how long before it was made a certificate is valid: for clients whose
// clocks are behind.
const leeway = time.Hour

// SelfSigned makes a certificate and its key (ECDSA, P-256), in memory only, for
// hosts, which are names or numbers, and its fingerprint. It is for trying things
// out, and for clients that are told the fingerprint: nobody vouches for it.
func SelfSigned(hosts []string, validity time.Duration) (cert tls.Certificate, fingerprint string, err error) {
	switch {
	case len(hosts) == 0:
		return cert, "", errors.New("certfile: a certificate for no host")
	case validity <= 0:
		return cert, "", fmt.Errorf("certfile: a certificate that is valid for %v, want a positive duration", validity)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return cert, "", fmt.Errorf("certfile: make a key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{ // without a serial number it gets a random one
		Subject:               pkix.Name{CommonName: hosts[0]},
		NotBefore:             now.Add(-leeway),
		NotAfter:              now.Add(validity),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, host := range hosts {
		if ip, err := netip.ParseAddr(host); err == nil {
			template.IPAddresses = append(template.IPAddresses, ip.AsSlice())
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return cert, "", fmt.Errorf("certfile: make a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return cert, "", fmt.Errorf("certfile: read what was made: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, Fingerprint(leaf), nil
}

// Fingerprint is the SHA-256 of a certificate as people compare it: sha256:AB:CD… with
// 32 pairs of digits.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return "sha256:" + strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
}
