//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package itest

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// The same stream when it is the server that can send only little at a time.
// The program has no switch for that, so the server runs in the test, where the
// door to the kernel shows each connection as it is accepted, and each write.
func TestLargeStreamThroughTheServersSmallBuffer(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		var partial atomic.Int64
		restore := sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) {
			switch {
			case c.Op == sys.OpAccept && c.Errno == 0:
				if err := syscall.SetsockoptInt(c.Result, syscall.SOL_SOCKET, syscall.SO_SNDBUF, 1); err != nil {
					t.Error(err)
				}
			case (c.Op == sys.OpWrite || c.Op == sys.OpWritev) && c.Errno == 0 && c.Result < leastOffered(c):
				partial.Add(1)
			}
		}})
		defer restore()
		group, err := reactor.Open(reactor.Options{Backend: iomux.Backend(backend), Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := group.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		listener, err := group.Listen("tcp://127.0.0.1:0", echo.Handler{}, reactor.ListenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := dial(listener.Addr().String(), smallBuffers)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		stream(t, conn)
		if n := partial.Load(); n < 1000 {
			t.Errorf("the kernel took only a part of %d writes of the server: too few to test anything", n)
		} else {
			t.Logf("%d partial writes of the server", n)
		}
	})
}

// leastOffered is how many bytes a write offered the kernel, or for a writev, of
// which only the number of pieces is known, how many it did at least: all but
// the first and the last are full.
func leastOffered(c sys.Call) int {
	if n, err := strconv.Atoi(c.Args); err == nil {
		return n
	}
	var pieces int
	if _, err := fmt.Sscanf(c.Args, "%d pieces", &pieces); err != nil {
		return 0
	}
	return max(0, pieces-2) * (16 << 10)
}
