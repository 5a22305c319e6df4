package itest

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

	"example.com/iomux/reactor"
)

// fragile is an echo that panics when it is told to.
type fragile struct{ reactor.NopHandler }

func (fragile) Data(c *reactor.Conn, p []byte) int {
	if string(p) == "panic" {
		panic("on purpose")
	}
	c.Write(p)
	return len(p)
}

// glass is a role: a server that breaks, its argument says how.
func glass(args []string) int {
	group, err := reactor.Open(reactor.Options{OnPanic: reactor.PanicMode(args[0])})
	if err != nil {
		return complain(err)
	}
	ln, err := group.Listen("tcp://127.0.0.1:0", fragile{}, reactor.ListenOptions{})
	if err != nil {
		return complain(err)
	}
	fmt.Println(ln.Addr())
	untilEnd()
	if err := group.Shutdown(context.Background()); err != nil {
		return complain(err)
	}
	return 0
}

// A panic ends its connection and nothing else, or with Crash the process, as a panic
// that nobody catches; in both cases it is in the log, with the stack: P2.
func TestPanicMode(t *testing.T) {
	for mode, want := range map[reactor.PanicMode]int{reactor.Survive: 0, reactor.Crash: 2} {
		t.Run(string(mode), func(t *testing.T) {
			p := startRole(t, nil, "glass", string(mode))
			at, err := netip.ParseAddrPort(p.line())
			if err != nil {
				t.Fatal(err)
			}
			var clients [2]bare
			for i := range clients {
				if clients[i], err = bareDial(at); err != nil {
					t.Fatal(err)
				}
				if err := clients[i].echoed(message); err != nil {
					t.Fatal(err)
				}
			}
			defer clients[0].close()
			if _, err := io.WriteString(clients[0], "panic"); err != nil {
				t.Fatal(err)
			}
			if n, err := clients[0].Read(make([]byte, 1)); n > 0 || err == nil {
				t.Errorf("got %d bytes and %v behind a panic", n, err)
			}
			if mode == reactor.Survive {
				if err := clients[1].echoed(message); err != nil {
					t.Error(err)
				}
				p.stdin.Close()
			}
			clients[1].close()
			if status := p.wait(); status != want {
				t.Errorf("exit status %d, want %d", status, want)
			}
			log := p.log.String()
			if strings.Count(log, "ERROR handler panicked") != 1 || !strings.Contains(log, "itest.fragile.Data") {
				t.Errorf("the log has not one line about it with its stack:\n%s", log)
			}
			if crashed := strings.Contains(log, "panic: on purpose"); crashed != (mode == reactor.Crash) {
				t.Errorf("crashed: %v, log:\n%s", crashed, log)
			}
		})
	}
}
