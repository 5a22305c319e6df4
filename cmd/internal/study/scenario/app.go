//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package scenario

import (
	"bytes"
	"time"
)

// peer is a connection, to an app.
type peer interface {
	Write(p []byte) (int, error)
	after(d time.Duration, f func())
}

// app is what the server does with what has come. It runs on the loop.
type app func(p peer, data []byte)

// echo sends it back.
func echo(p peer, data []byte) { _, _ = p.Write(data) } // an error ends the connection

// bigSize is more than the kernel takes at once from the server of a slow reader.
const bigSize = 96 << 10

// big answers anything with a lot.
func big(p peer, _ []byte) { _, _ = p.Write(bytes.Repeat([]byte("x"), bigSize)) }

// delay is how long an answer of later takes.
const delay = 50 * time.Millisecond

// later answers twice, each time a little later.
func later(p peer, _ []byte) {
	p.after(delay, func() {
		_, _ = p.Write([]byte("one\n"))
		p.after(delay, func() { _, _ = p.Write([]byte("two\n")) })
	})
}
