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

// TestIdle: nothing is sent between Began and Ended, and everything before and
// after is answered.
func TestIdle(t *testing.T) {
	var seen atomic.Int64
	addr := serve(t, echoing(func(p []byte) []byte { seen.Add(int64(len(p))); return p }))
	for _, b := range iomux.Backends() {
		for name, c := range map[string]Config{
			"few":   {Conns: 3, Size: 64},
			"many":  {Conns: 300, Size: 64},
			"large": {Conns: 2, Size: MaxBurst},
		} {
			t.Run(string(b)+"/"+name, func(t *testing.T) {
				seen.Store(0)
				var began, ended int64
				c.Kind, c.Addr, c.Backend, c.Duration = Idle, addr, b, 20*time.Millisecond
				c.Began = func() error { began = seen.Load(); return nil }
				c.Ended = func() error { ended = seen.Load(); return nil }
				r, err := Run(c)
				if err != nil {
					t.Fatal(err)
				}
				round := int64(c.Conns * c.Size)
				if began != round || ended != round || seen.Load() != 2*round {
					t.Errorf("the server had seen %d, %d and %d bytes; want %d twice, then %d", began, ended, seen.Load(), round, 2*round)
				}
				if r.Connected != c.Conns || r.Messages != int64(c.Conns) || r.Latency.TotalCount() != r.Messages || r.ConnectTime <= 0 || r.Elapsed < c.Duration || r.Shares != nil {
					t.Errorf("%+v", r)
				}
			})
		}
	}
}

func TestBrokenIdle(t *testing.T) {
	quiet := make(chan struct{}) // closed when the silence begins
	defer func() {
		select {
		case <-quiet:
		default:
			close(quiet)
		}
	}()
	after := func(then func(net.Conn)) func(net.Conn) {
		return func(c net.Conn) {
			io.CopyN(c, c, 64)
			<-quiet
			then(c)
		}
	}
	tests := []struct {
		name   string
		handle func(net.Conn)
		wrong  bool
		want   string
	}{
		{"flips a bit at first", echoing(func(p []byte) []byte { p[9] ^= 1; return p }), true, "byte 9"},
		{"speaks", after(func(c net.Conn) { c.Write([]byte("hello")); io.Copy(io.Discard, c) }), true, "more bytes"},
		{"flips a bit at last", after(echoing(func(p []byte) []byte { p[9] ^= 1; return p })), true, "message 1 differs at byte 9"},
		{"closes", after(func(net.Conn) {}), false, "closed by the server after 1 messages"},
		{"is dead", after(func(c net.Conn) { io.Copy(io.Discard, c) }), false, "no echo for"},
		{"is dead at first", func(c net.Conn) { io.Copy(io.Discard, c) }, false, "no echo for"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			quiet = make(chan struct{})
			c := Config{Kind: Idle, Addr: serve(t, test.handle), Conns: 3, Size: 64, Duration: 50 * time.Millisecond, Patience: 200 * time.Millisecond}
			c.Began = func() error { close(quiet); return nil }
			_, err := Run(c)
			if err == nil || errors.Is(err, ErrWrongEcho) != test.wrong || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
