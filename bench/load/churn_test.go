//go:build linux

package load

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/iomux"
)

func TestChurn(t *testing.T) {
	var ends atomic.Int64 // of streams, as opposed to resets
	addr := serve(t, func(c net.Conn) {
		if _, err := io.Copy(c, c); err == nil {
			ends.Add(1)
		}
	})
	shapes := map[string]Config{
		"one":  {Conns: 1, Size: 64},
		"many": {Conns: 50, Size: 64},
		// Larger than a socket takes at once.
		"large": {Conns: 2, Size: MaxBurst},
	}
	for _, b := range iomux.Backends() {
		for name, c := range shapes {
			t.Run(string(b)+"/"+name, func(t *testing.T) {
				c.Kind, c.Addr, c.Backend, c.Messages = Churn, addr, b, 200
				before := ends.Load()
				r, err := Run(c)
				if err != nil {
					t.Fatal(err)
				}
				if r.Messages < 1 || r.Messages > 200 || len(r.Shares) != c.Conns || r.Latency.TotalCount() == 0 || r.InFlight != float64(c.Conns) {
					t.Errorf("%+v", r)
				}
				for deadline := time.Now().Add(5 * time.Second); ends.Load()-before < 200; {
					if time.Now().After(deadline) {
						t.Fatalf("%d of 200 connections ended well", ends.Load()-before)
					}
				}
			})
		}
	}
}

func TestChurnLiars(t *testing.T) {
	var n atomic.Int64
	kept := make([]byte, 64)
	liars := map[string]func(p []byte) []byte{
		"flips a bit": func(p []byte) []byte { p[40] ^= 1; return p },
		"says more":   func(p []byte) []byte { return append(p, 0) },
		"repeats":     func(p []byte) []byte { return append(p, p...) },
		"sends what another connection sent": func(p []byte) []byte {
			old := append([]byte(nil), kept...)
			copy(kept, p)
			return old
		},
	}
	for name, lie := range liars {
		t.Run(name, func(t *testing.T) {
			n.Store(0)
			addr := serve(t, echoing(func(p []byte) []byte {
				if i := n.Add(1); i == 19 {
					copy(kept, p)
				} else if i == 20 {
					return lie(p)
				}
				return p
			}))
			_, err := Run(Config{Kind: Churn, Addr: addr, Conns: 1, Size: 64, Messages: 100})
			if !errors.Is(err, ErrWrongEcho) {
				t.Errorf("got %v, want %v", err, ErrWrongEcho)
			}
		})
	}
}

func TestBrokenChurn(t *testing.T) {
	for name, test := range map[string]struct {
		handle func(net.Conn)
		want   string
	}{
		"closes early": {func(c net.Conn) { io.CopyN(c, c, 32) }, "connection 0"},
		"silent":       {func(c net.Conn) { io.Copy(io.Discard, c) }, "no echo for"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Run(Config{Kind: Churn, Addr: serve(t, test.handle), Conns: 1, Size: 64, Messages: 100, Patience: 200 * time.Millisecond})
			if err == nil || errors.Is(err, ErrWrongEcho) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
