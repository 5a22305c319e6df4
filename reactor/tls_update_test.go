//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// writer encrypts what a client of TLS 1.3 sends, as crypto/tls does, but for what
// that has no method for: new keys. Suite TLS_AES_128_GCM_SHA256 only.
type writer struct {
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

// expand is HKDF-Expand-Label (RFC 8446, 7.1) without a context.
func expand(t *testing.T, secret []byte, label string, size int) []byte {
	t.Helper()
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(info, byte(len("tls13 "+label)))
	info = append(info, "tls13 "+label+"\x00"...)
	key, err := hkdf.Expand(sha256.New, secret, string(info), size)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newWriter(t *testing.T, secret []byte) *writer {
	t.Helper()
	block, err := aes.NewCipher(expand(t, secret, "key", 16))
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{secret: secret, iv: expand(t, secret, "iv", 12)}
	if w.aead, err = cipher.NewGCM(block); err != nil {
		t.Fatal(err)
	}
	return w
}

// next is the writer behind a KeyUpdate.
func (w *writer) next(t *testing.T) *writer {
	t.Helper()
	return newWriter(t, expand(t, w.secret, "traffic upd", 32))
}

// record is one of a type.
func (w *writer) record(kind byte, p []byte) []byte {
	nonce := bytes.Clone(w.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(w.seq >> (56 - 8*i))
	}
	w.seq++
	p = append(bytes.Clone(p), kind)
	head := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(p)+w.aead.Overhead()))
	return w.aead.Seal(head, nonce, p, head)
}

func (w *writer) data(s string) []byte { return w.record(23, []byte(s)) }

// keyUpdate is the message that new keys follow, which may ask the peer for the same.
func (w *writer) keyUpdate(request bool) []byte {
	p := []byte{24, 0, 0, 1, 0}
	if request {
		p[4] = 1
	}
	return w.record(22, p)
}

// updating is a client that can change its keys: it sends by w what c does not.
func updating(t *testing.T, ln *Listener) (c *tls.Conn, raw net.Conn, w *writer) {
	t.Helper()
	var keys strings.Builder
	config := clientTLS()
	config.KeyLogWriter = &keys
	raw, err := (&net.Dialer{Control: tight}).Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	if err := raw.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	c = tls.Client(raw, config)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if s := c.ConnectionState().CipherSuite; s != tls.TLS_AES_128_GCM_SHA256 {
		t.Skipf("the cipher suite is %s, as on processors without AES", tls.CipherSuiteName(s))
	}
	for line := range strings.Lines(keys.String()) {
		if f := strings.Fields(line); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(f[2])
			if err != nil {
				t.Fatal(err)
			}
			return c, raw, newWriter(t, secret)
		}
	}
	t.Fatal("there is no secret in the log of keys")
	return nil, nil, nil
}

// A client may change its keys, and ask the server to, between any two records.
func TestTLSKeyUpdate(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		ends := make(chan error, 1)
		_, ln, _ := serveTLS(t, o, handler{data: echo.data, closed: func(_ *Conn, err error) { ends <- err }}, serverTLS())
		c, raw, w := updating(t, ln)
		_, _ = raw.Write(w.data("old keys"))
		expect(t, c, "old keys")
		for _, request := range []bool{true, false, true} {
			_, _ = raw.Write(w.keyUpdate(request))
			w = w.next(t)
			_, _ = raw.Write(w.data("new keys"))
			expect(t, c, "new keys")
		}
		var all []byte // in one piece; the client bears 16 answers without data in between
		for range 10 {
			all = append(all, w.keyUpdate(true)...)
			w = w.next(t)
			all = append(all, w.data("newer keys")...)
		}
		_, _ = raw.Write(all)
		expect(t, c, strings.Repeat("newer keys", 10))
		_, _ = raw.Write(w.record(21, []byte{1, 0})) // close_notify
		expectEnd(t, c)
		if err := receive(t, ends); !errors.Is(err, io.EOF) {
			t.Errorf("closed with %v", err)
		}
	})
}

// Who changes keys for ever is sent away, and while answers to that wait, it is not
// read.
func TestTLSKeyUpdatesAreBounded(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		ends := make(chan error, 1)
		_, ln, _ := serveTLS(t, o, handler{closed: func(_ *Conn, err error) { ends <- err }}, serverTLS())
		_, raw, w := updating(t, ln)
		for range 20 {
			_, _ = raw.Write(w.keyUpdate(false))
			w = w.next(t)
		}
		_, _ = io.Copy(io.Discard, raw) // to the end
		_ = raw.Close()
		if err := receive(t, ends); err == nil || !strings.Contains(err.Error(), "non-advancing") {
			t.Errorf("closed with %v", err)
		}

		o.HighWater = 2000
		g, _, _ := serve(t, o, NopHandler{})
		ln = listenAt(t, g, "tcp://127.0.0.1:0", handler{closed: func(_ *Conn, err error) { ends <- err }}, ListenOptions{
			TLS: serverTLS(), Socket: SocketOptions{WriteBuffer: 4096}, // so that they do not take long to be full
		})
		_, raw, w = updating(t, ln)
		sent := make(chan struct{})
		go func() { // without reading the answers
			defer close(sent)
			for {
				var all []byte
				for range 100 {
					all = append(all, w.keyUpdate(true)...)
					w = w.next(t)
					all = append(all, w.data("x")...)
				}
				if _, err := raw.Write(all); err != nil {
					return // the test is over
				}
			}
		}()
		l := g.loops[0]
		await(t, g, func() bool { return len(l.conns) == 1 && l.conns[0].choked })
		onLoop(t, l, func() {
			if n := l.conns[0].Buffered(); n > o.HighWater+readSize {
				t.Errorf("%d bytes wait", n)
			}
			l.conns[0].Abort()
		})
		<-sent
		if err := receive(t, ends); err != nil {
			t.Errorf("closed with %v", err)
		}
	})
}
