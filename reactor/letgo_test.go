//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// What a handler keeps with its connections is let go of with them, though the loop
// has nothing to do since: nothing of the last turn holds on to them, nor does a
// buffer, an alarm or a place in a list: F12.
func TestClosedConnectionsAreLetGo(t *testing.T) {
	const clients = 100
	everywhere(t, func(t *testing.T, o Options) {
		o.Timeouts = Timeouts{Idle: time.Hour, Read: time.Hour, Write: time.Hour}
		var gone atomic.Int64
		took := make(chan struct{}, clients)
		g, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) {
				state := new([1 << 10]byte)
				runtime.AddCleanup(state, func(int) { gone.Add(1) }, 0)
				c.SetContext(state)
			},
			data: func(c *Conn, p []byte) int {
				_, _ = c.Write(p) // the client reads it
				took <- struct{}{}
				return len(p) - 1 // so that there is input left
			},
		})
		l := g.loops[0]
		var list []net.Conn
		for range clients {
			list = append(list, dial(t, ln))
		}
		goOn := standStill(t, l)
		for _, c := range list { // together: in one batch, with posts and timers
			if _, err := io.WriteString(c, "hello"); err != nil {
				t.Fatal(err)
			}
		}
		goOn()
		for _, c := range list {
			expect(t, c, "hello")
			receive(t, took)
		}
		goOn = standStill(t, l)
		for _, c := range list {
			_ = c.Close() // all that was sent has been read
		}
		goOn()
		until(t, l, "all are closed", func() bool { return len(l.conns) == 0 })
		for end := time.Now().Add(patience / 4); gone.Load() < clients; runtime.GC() {
			if time.Now().After(end) {
				t.Fatalf("%d of %d closed connections are held by the loop", clients-gone.Load(), clients)
			}
		}
	})
}
