//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"crypto/tls"
	"fmt"
)

// checkTLS refuses a config that no handshake can come of, and an address that TLS
// is not for.
func (o *ListenOptions) checkTLS(a address) error {
	t := o.TLS
	if t != nil && len(t.Certificates) == 0 && t.GetCertificate == nil && t.GetConfigForClient == nil {
		return fmt.Errorf("%w: TLS: the config has no certificate, nor a way to get one", ErrOption)
	}
	return checkStream(t, a)
}

// checkTLS likewise. It fills in the name of the server.
func (o *DialOptions) checkTLS(a address) error {
	t := o.TLS
	switch {
	case t == nil:
	case t.Renegotiation != tls.RenegotiateNever: // a handshake where none may wait
		return fmt.Errorf("%w: TLS: the config allows renegotiation", ErrOption)
	case t.ServerName != "":
	case !a.unix():
		o.TLS = t.Clone()
		o.TLS.ServerName = a.host
	case !t.InsecureSkipVerify:
		return fmt.Errorf("%w: TLS: the config has no ServerName, and the address none either", ErrOption)
	}
	return checkStream(t, a)
}

// checkStream refuses TLS where there is no stream for it.
func checkStream(t *tls.Config, a address) error {
	if t != nil && (a.packet() || a.scheme == "unixpacket") {
		return fmt.Errorf("%w: TLS: it is for streams, not for %s", ErrOption, a.scheme)
	}
	return nil
}
