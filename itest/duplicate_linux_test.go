package itest

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
	"example.com/iomux/reactor"
)

// hasty closes a connection at its first byte.
type hasty struct {
	reactor.NopHandler
	closed chan struct{}
}

func (h hasty) Data(c *reactor.Conn, p []byte) int {
	c.Close()
	return len(p)
}

func (h hasty) Closed(*reactor.Conn, error) { h.closed <- struct{}{} }

// A child holds a connection's description on purpose when the server closes it, and
// the client goes on sending: the kernel would report that for ever. The descriptor has
// left the poller before it is closed, and not one wait of the loop ends in a second:
// F3.
func TestAChildHoldsADescription(t *testing.T) {
	sleep := tool(t, "sleep")
	eachBackend(t, func(t *testing.T, backend string) {
		h := hasty{closed: make(chan struct{}, 1)}
		group := openGroup(t, reactor.Options{Backend: iomux.Backend(backend), Loops: 1})
		ln := listen(t, group, "tcp://127.0.0.1:0", h, reactor.ListenOptions{})
		accepted := make(chan int, 1)
		var calls []string // of the loop about the connection
		conn := -1         // known before it says anything
		restore := sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) {
			switch {
			case c.Op == sys.OpAccept && c.Errno == 0:
				conn = c.Result
				accepted <- c.Result
			case c.Op == sys.OpClose && c.FD == conn:
				calls = append(calls, "close")
			case c.Op == sys.OpEpollCtl && strings.HasPrefix(c.Args, fmt.Sprintf("DEL, %d,", conn)):
				calls = append(calls, "DEL")
			}
		}})
		defer restore()
		addr := netip.MustParseAddrPort(ln.Addr().String())
		client, err := bareDial(addr)
		if err != nil {
			t.Fatal(err)
		}
		defer client.close()
		dup, err := unix.FcntlInt(uintptr(arrives(t, accepted)), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		description := os.NewFile(uintptr(dup), "a connection")
		child := launch(t, []*os.File{description}, nil, sleep, "600")
		description.Close()

		if _, err := io.WriteString(client, message); err != nil {
			t.Fatal(err)
		}
		arrives(t, h.closed)
		settled(t, group)
		for range 3 { // nobody has ended the stream: the child could
			if _, err := io.WriteString(client, message); err != nil {
				t.Fatal(err)
			}
		}
		settled(t, group)
		before := group.Stats()
		time.Sleep(time.Second) // what is counted is waits that end in it
		if n := group.Stats().Turns - before.Turns; n > 0 {
			t.Errorf("%d waits ended in a second in which the loop has no connection", n)
		}
		if n := group.Stats().Waits - before.Waits; n > 1 {
			t.Errorf("%d waits in that second", n)
		}
		child.kill()
		settled(t, group)
		if want := []string{"DEL", "close"}; backend == string(iomux.Epoll) && !slices.Equal(calls, want) {
			t.Errorf("calls about the connection: %v, want %v", calls, want)
		}
	})
}
