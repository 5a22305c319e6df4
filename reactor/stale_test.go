//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"io"
	"net"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// In one batch the first connection's callback ends the others, of which the batch
// holds events, and takes many descriptors; a client is accepted in the same batch.
// Nobody gets a number of those that were ended before the batch is over, and no
// event of theirs is delivered; when their numbers come back, their new owners are
// told of what is theirs and of nothing else: F1.
func TestAStaleEventIsNobodys(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		const crowd, grab = 4, 32
		var conns []*Conn
		opened := make(chan *Conn, 100)
		said := make(chan string, 100)
		var victims []int // numbers of those that were ended
		var taken []int   // numbers that the first callback could get
		g, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) { conns = append(conns, c); opened <- c },
			data: func(c *Conn, p []byte) int {
				said <- string(p)
				if victims != nil {
					return len(p)
				}
				for _, other := range conns[:crowd] { // not the one that may be accepted by now
					if other != c {
						victims = append(victims, int(other.fd))
						other.Abort()
					}
				}
				for range grab {
					fd, err := unix.Dup(0)
					if err != nil {
						t.Error(err)
					}
					taken = append(taken, fd)
				}
				return len(p)
			},
		})
		l := g.loops[0]
		var clients []net.Conn
		for range crowd {
			clients = append(clients, dial(t, ln))
			receive(t, opened)
		}
		var reads []int // by the loop, of connections
		onLoop(t, l, func() {
			numbers := map[int]bool{}
			for _, c := range conns {
				numbers[int(c.fd)] = true
			}
			hook(t, &sys.Hooks{Trace: func(c sys.Call) {
				if c.Op == sys.OpRead && numbers[c.FD] {
					reads = append(reads, c.FD)
				}
			}})
		})

		goOn := standStill(t, l)
		before := l.counts.Events
		for _, c := range clients {
			if _, err := io.WriteString(c, "old"); err != nil {
				t.Fatal(err)
			}
		}
		newcomer := dial(t, ln)
		goOn()
		fresh := receive(t, opened)
		if got := receive(t, said); got != "old" {
			t.Errorf("Data brought %q", got)
		}
		onLoop(t, l, func() {
			for _, fd := range append(slices.Clone(taken), int(fresh.fd)) {
				if slices.Contains(victims, fd) {
					t.Errorf("descriptor %d came back within the batch", fd)
				}
			}
			if found := l.counts.Events - before; found < crowd+1 {
				t.Errorf("%d events, want those of %d connections and the listener in one batch", found, crowd)
			}
			if len(reads) != 1 || len(victims) != crowd-1 {
				t.Errorf("%v were read and %v ended: %d events should have been dropped", reads, victims, crowd-1)
			}
		})

		// Now the numbers are free, and whoever gets them has not said anything.
		for _, fd := range taken {
			if err := unix.Close(fd); err != nil {
				t.Fatal(err)
			}
		}
		heirs := 0
		for range 2 * crowd {
			clients = append(clients, dial(t, ln))
			if c := receive(t, opened); slices.Contains(victims, int(c.fd)) {
				heirs++
			}
		}
		if heirs == 0 {
			t.Error("no number came back: the test shows nothing")
		}
		onLoop(t, l, func() {})
		onLoop(t, l, func() {})
		if len(said) > 0 {
			t.Errorf("somebody was told %q of a dead connection", <-said)
		}
		for _, c := range append(clients[2*crowd:], newcomer) {
			if _, err := io.WriteString(c, "new"); err != nil {
				t.Fatal(err)
			}
			if got := receive(t, said); got != "new" {
				t.Errorf("Data brought %q", got)
			}
		}
	})
}
