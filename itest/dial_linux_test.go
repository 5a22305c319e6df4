package itest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// dialErrors are the outcomes of a dial, by the names that tests have for them.
var dialErrors = []struct {
	name string
	err  error
}{
	{"timed out", reactor.ErrTimeout},
	{"cancelled", reactor.ErrCanceled},
	{"refused", unix.ECONNREFUSED},
	{"host unreachable", unix.EHOSTUNREACH},
	{"network unreachable", unix.ENETUNREACH},
	{"reset", unix.ECONNRESET},
}

// outcome is a guest that says a word when it is connected, and wants it back.
type outcome struct {
	reactor.NopHandler
	said chan string
}

func (outcome) Opened(c *reactor.Conn) { c.Write([]byte(message)) }

func (h outcome) Data(c *reactor.Conn, p []byte) int {
	if len(p) < len(message) {
		return 0
	}
	c.SetContext(string(p))
	c.Close()
	return len(p)
}

func (h outcome) Closed(c *reactor.Conn, err error) {
	if c.Context() == message && err == nil {
		h.said <- "connected to " + c.RemoteAddr().String()
		return
	}
	h.said <- fmt.Sprintf("connected, and then %v", err)
}

func (h outcome) failed(err error) {
	for _, f := range dialErrors {
		if errors.Is(err, f.err) {
			h.said <- f.name
			return
		}
	}
	h.said <- err.Error()
}

// dialer is a role: it dials as often, wherever, and for as long as its arguments
// say, cancels where the time is negative, and prints how often what came of it.
func dialer(args []string) int {
	before, _ := os.ReadDir("/proc/self/fd")
	group, err := reactor.Open(reactor.Options{Loops: 2})
	if err != nil {
		return complain(err)
	}
	for len(args) >= 3 {
		url, times, timeout := args[0], 0, time.Duration(0)
		_, err := fmt.Sscan(args[1], &times)
		if err == nil {
			timeout, err = time.ParseDuration(args[2])
		}
		if err != nil {
			return complain(err)
		}
		args = args[3:]
		cancel := timeout < 0
		h := outcome{said: make(chan string, times)}
		for range times {
			o := reactor.DialOptions{Timeout: max(timeout, 0)}
			d, err := group.Dial(url, h, o, h.failed)
			if err != nil {
				return complain(err)
			}
			if cancel {
				time.AfterFunc(-timeout, d.Cancel)
			}
		}
		outcomes := map[string]int{}
		for range times {
			// The loops do other things at the same time.
			var wg sync.WaitGroup
			for _, l := range group.Loops() {
				wg.Add(1)
				if err := l.Post(wg.Done); err != nil {
					return complain(err)
				}
			}
			wg.Wait()
			outcomes[<-h.said]++
		}
		var list []string
		for what, n := range outcomes {
			list = append(list, fmt.Sprintf("%d %s", n, what))
		}
		slices.Sort(list)
		fmt.Println(strings.Join(list, ", "))
	}
	s := group.Stats()
	if err := group.Shutdown(context.Background()); err != nil {
		return complain(err)
	}
	after, _ := os.ReadDir("/proc/self/fd")
	fmt.Printf("left: %d connections, %d timers, %d descriptors\n", s.Conns, s.Timers, max(0, len(after)-len(before)-runtimeDescriptors))
	return 0
}

// runtimeDescriptors is what the runtime keeps once it has needed its poller.
const runtimeDescriptors = 2

// N10: a dial that cannot succeed says why, in both families; what is not answered
// times out or is cancelled, hundreds at a time; and of several addresses the next
// one is tried. Nothing is left of any of them.
func TestDialOutcomes(t *testing.T) {
	n := ownNetwork(t)
	group := openGroup(t, reactor.Options{Loops: 1})
	addr := addrPort(t, listen(t, group, "tcp://[::]:0", echo.Handler{}, reactor.ListenOptions{}))
	n.rules(`table inet dial {
		chain in {
			type filter hook input priority 0;
			ip daddr 127.0.0.8 meta l4proto tcp reject with tcp reset
			ip daddr 127.0.0.9 drop
			tcp dport 9 drop
			tcp dport 10 reject with icmpx host-unreachable
			tcp dport 11 reject with tcp reset
		}
	}`)
	const many = "150"
	type dial struct{ url, times, timeout, want string }
	var dials []dial
	for host, far := range map[string]string{"127.0.0.1": "192.0.2.1", "[::1]": "[2001:db8::1]"} {
		dials = append(dials,
			dial{"tcp://" + host + ":" + portOf(addr), many, "30s", many + " connected to " + host + ":" + portOf(addr)},
			dial{"tcp://" + host + ":1", many, "30s", many + " refused"},
			dial{"tcp://" + host + ":9", many, "300ms", many + " timed out"},
			dial{"tcp://" + host + ":9", many, "-50ms", many + " cancelled"},
			dial{"tcp://" + host + ":10", "10", "30s", "10 host unreachable"},
			dial{"tcp://" + host + ":11", many, "30s", many + " refused"},
			dial{"tcp://" + far + ":1", many, "30s", many + " network unreachable"},
		)
	}
	// A name with three addresses: a reset, no answer, the server.
	hosts := filepath.Join(publicDir(t), "hosts")
	if err := os.WriteFile(hosts, []byte("127.0.0.8 many.test\n127.0.0.9 many.test\n127.0.0.1 many.test\n127.0.0.9 trap.test\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	dials = append(dials,
		dial{"tcp://many.test:" + portOf(addr), "5", "4s", "5 connected to 127.0.0.1:" + portOf(addr)},
		dial{"tcp://trap.test:" + portOf(addr), "5", "-50ms", "5 cancelled"})
	var args []string
	for _, d := range dials {
		args = append(args, d.url, d.times, d.timeout)
	}
	private := []string{tool(t, "unshare"), "--mount", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, hosts}
	begin := time.Now()
	p := startRole(t, private, "dialer", args...)
	for _, d := range dials {
		if got := p.line(); got != d.want {
			t.Errorf("%s, %s: got %q, want %q", d.url, d.timeout, got, d.want)
		}
	}
	p.expect("left: 0 connections, 0 timers, 0 descriptors")
	if status := p.wait(); status != 0 {
		t.Errorf("exit status %d: %s", status, p.log.String())
	}
	// One after the other, those that time out would take a minute and a half.
	if took := time.Since(begin); took > patience {
		t.Errorf("it took %v", took)
	}
}
