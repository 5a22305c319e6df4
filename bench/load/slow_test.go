//go:build linux

package load

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"example.com/iomux"
)

// isSlow tells the server's side of a slow reader by its first bytes: they are
// not those of the normal one, of which there is just one here. What was read
// comes back.
func isSlow(c net.Conn) (bool, []byte) {
	p := newPattern(64)
	want, got := make([]byte, headSize), make([]byte, headSize)
	p.fill(want, 0, 0)
	if _, err := io.ReadFull(c, got); err != nil {
		return false, nil
	}
	return string(got) != string(want), got
}

// apart handles slow readers with slow and others with normal; both are given
// the bytes already read.
func apart(slow, normal func(c net.Conn, first []byte)) func(net.Conn) {
	return func(c net.Conn) {
		if is, first := isSlow(c); is {
			slow(c, first)
		} else if first != nil {
			normal(c, first)
		}
	}
}

func echoAfter(c net.Conn, first []byte) {
	c.Write(first)
	io.Copy(c, c)
}

func TestSlow(t *testing.T) {
	addr := serve(t, echoing(honest))
	for _, b := range iomux.Backends() {
		t.Run(string(b), func(t *testing.T) {
			const duration = 100 * time.Millisecond
			r, err := Run(Config{Addr: addr, Backend: b, Conns: 2, Size: 64, Slow: 3, Warm: duration, Duration: duration})
			if err != nil {
				t.Fatal(err)
			}
			if r.SlowSent <= r.SlowReceived || r.SlowReceived <= 0 || r.SlowHeld != r.SlowSent-r.SlowReceived || r.SlowClosed != 0 {
				t.Errorf("slow: %d sent, %d received, %d held, %d closed", r.SlowSent, r.SlowReceived, r.SlowHeld, r.SlowClosed)
			}
			if len(r.Shares) != 2 || r.Shares[0]+r.Shares[1] != r.Messages || r.Messages == 0 {
				t.Errorf("%d messages, shares %v", r.Messages, r.Shares)
			}
		})
	}
}

// TestSlowIsBounded: a server that takes everything and gives nothing back is
// sent so much and no more.
func TestSlowIsBounded(t *testing.T) {
	enough := make(chan struct{})
	hoard := func(c net.Conn, first []byte) {
		buf := make([]byte, 1<<20)
		for taken := len(first); ; {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			if taken += n; taken == slowAhead {
				close(enough)
			}
		}
	}
	// The run lasts until the other one has its echoes: beyond the bound.
	addr := serve(t, apart(hoard, func(c net.Conn, first []byte) {
		<-enough
		echoAfter(c, first)
	}))
	r, err := Run(Config{Addr: addr, Conns: 1, Size: 64, Slow: 1, Messages: 1000, Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if r.SlowSent != slowAhead || r.SlowHeld != slowAhead || r.SlowReceived != 0 {
		t.Errorf("%d sent, %d held, %d received; the bound is %d", r.SlowSent, r.SlowHeld, r.SlowReceived, slowAhead)
	}
}

func TestSlowClosed(t *testing.T) {
	for name, leave := range map[string]func(net.Conn){
		"end":   func(net.Conn) {},
		"reset": func(c net.Conn) { tcp(c).SetLinger(0) },
	} {
		t.Run(name, func(t *testing.T) {
			addr := serve(t, apart(func(c net.Conn, first []byte) {
				c.Write(first)
				io.CopyN(c, c, 50_000)
				leave(c)
			}, echoAfter))
			r, err := Run(Config{Addr: addr, Conns: 1, Size: 64, Slow: 2, Duration: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if r.SlowClosed != 2 || r.SlowHeld != 0 || r.SlowReceived > 2*50_008 {
				t.Errorf("%d closed, %d held, %d received", r.SlowClosed, r.SlowHeld, r.SlowReceived)
			}
		})
	}
}

// TestSlowLiar: what little they read is checked all the same.
func TestSlowLiar(t *testing.T) {
	addr := serve(t, apart(func(c net.Conn, first []byte) {
		c.Write(first)
		io.CopyN(c, c, 20_000)
		echoing(func(p []byte) []byte { p[0] ^= 1; return p })(c)
	}, echoAfter))
	_, err := Run(Config{Addr: addr, Conns: 1, Size: 64, Slow: 1, Duration: 10 * time.Second})
	if !errors.Is(err, ErrWrongEcho) {
		t.Errorf("got %v, want %v", err, ErrWrongEcho)
	}
}
