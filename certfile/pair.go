//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package certfile

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// Pair is a certificate, with those that lead to its root behind it, and its key, in
// two PEM files, which may be the same. Any goroutine may call its methods.
type Pair struct {
	cert, key string // the files
	log       *slog.Logger
	current   atomic.Pointer[tls.Certificate]
}

// Open loads a pair. log, slog.Default() if it is nil, is told of what is no error:
// a key that everybody may read, a certificate that is not valid now. Errors: those
// of reading the files, and of tls.X509KeyPair when they do not go together.
func Open(cert, key string, log *slog.Logger) (*Pair, error) {
	if log == nil {
		log = slog.Default()
	}
	p := &Pair{cert: cert, key: key, log: log}
	if err := p.Reload(); err != nil {
		return nil, err
	}
	return p, nil
}

// Reload loads the files anew. If that fails, as it may while they are being
// replaced, the pair stays what it was. Errors: as of Open.
func (p *Pair) Reload() error {
	c, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return fmt.Errorf("certfile: load %q and %q: %w", p.cert, p.key, err)
	}
	p.look(&c, time.Now())
	p.current.Store(&c)
	return nil
}

// look tells what is wrong with a pair that can be used all the same.
func (p *Pair) look(c *tls.Certificate, now time.Time) {
	if info, err := os.Stat(p.key); err == nil && info.Mode().Perm()&0o004 != 0 {
		p.log.Warn("everybody on this machine may read the key", "file", p.key, "mode", info.Mode().Perm())
	}
	if now.Before(c.Leaf.NotBefore) || now.After(c.Leaf.NotAfter) {
		p.log.Warn("the certificate is not valid now", "file", p.cert, "not_before", c.Leaf.NotBefore, "not_after", c.Leaf.NotAfter)
	}
}

// GetCertificate is for tls.Config.GetCertificate: the pair as it was loaded last,
// whatever name the client asks for. It does not block, and never fails.
func (p *Pair) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return p.current.Load(), nil
}
