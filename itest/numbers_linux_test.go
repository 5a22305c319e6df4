package itest

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// With all numbers below 1,100 taken, a server is made of higher ones than the set of
// select(2) has room for in C. Every backend takes them, select too, whose system call
// knows no such bound on Linux; where it does, Open says so and nothing is overwritten:
// F11.
func TestDescriptorsBeyondFDSetSize(t *testing.T) {
	const taken, clients = 1100, 50
	room(t, taken+2*clients)
	for i := 0; i < taken; {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		i = int(f.Fd())
	}
	eachBackend(t, func(t *testing.T, backend string) {
		lowest := 1 << 30 // of the connections, on the loop
		restore := sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) {
			if c.Op == sys.OpAccept && c.Errno == 0 {
				lowest = min(lowest, c.Result)
			}
		}})
		defer restore()
		group := openGroup(t, reactor.Options{Backend: iomux.Backend(backend), Loops: 1})
		addr := addrPort(t, listen(t, group, "tcp://127.0.0.1:0", echo.Handler{}, reactor.ListenOptions{}))
		var list []bare
		for range clients {
			c, err := bareDial(addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			list = append(list, c)
		}
		for range 3 {
			for _, c := range list {
				if err := c.echoed(message); err != nil {
					t.Fatal(err)
				}
			}
		}
		settled(t, group)
		if lowest < unix.FD_SETSIZE {
			t.Errorf("a connection has the descriptor %d: the test shows nothing", lowest)
		}
	})
}
