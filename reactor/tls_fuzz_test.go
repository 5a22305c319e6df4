//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"crypto/tls"
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzTLSHello has a server take anything for the first words of a client, in two
// pieces: it answers with an alert, waits for more, or closes; it neither panics nor
// hangs, and the handler hears nothing.
func FuzzTLSHello(f *testing.F) {
	for _, v := range versions {
		var r recorder
		_ = tls.Client(&r, &tls.Config{ServerName: "localhost", MaxVersion: v}).Handshake() // it fails, for nobody answers
		f.Add(r.sent, len(r.sent)/2)
		f.Add(append(append([]byte{}, r.sent...), r.sent...), 5)
	}
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), 3)
	f.Add([]byte{22, 3, 1, 0, 0, 22, 3, 1, 0, 1, 1, 20, 3, 3, 0, 1, 1, 21, 3, 3, 0, 2, 1, 0}, 7)
	f.Add([]byte{0x80, 46, 1, 0, 2}, 1)
	f.Fuzz(func(t *testing.T, p []byte, cut int) {
		if len(p) > 60_000 { // what fits the socket at a time
			return
		}
		cut = max(0, min(cut, len(p)))
		l, _, peer := tlsByHand(t, Options{}, handler{
			opened: func(*Conn) { t.Error("Opened was called") },
			data:   func(_ *Conn, p []byte) int { t.Error("Data was called"); return len(p) },
			closed: func(*Conn, error) { t.Error("Closed was called") },
		})
		turn := func() {
			_ = l.Post(func() {}) // so that the wait does not block
			l.turn()
		}
		for _, piece := range [][]byte{p[:cut], p[cut:]} {
			if len(piece) == 0 || len(l.conns) == 0 {
				continue
			}
			if _, err := unix.Write(peer, piece); err != nil && err != unix.EPIPE {
				t.Fatal(err)
			}
			turn()
		}
		if len(l.conns) == 0 {
			return
		}
		if err := unix.Shutdown(peer, unix.SHUT_WR); err != nil {
			t.Fatal(err)
		}
		for range 3 { // it sees the end, closes, and is buried
			if len(l.conns) > 0 {
				turn()
			}
		}
		if len(l.conns) > 0 || len(l.coroutines) > 0 || l.handshakes.running > 0 {
			t.Errorf("%d connections and %d coroutines are left", len(l.conns), len(l.coroutines))
		}
	})
}
