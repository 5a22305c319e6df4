package itest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/iomux"
	"example.com/iomux/reactor"
)

// resting is a handler with every callback there is. It notes when connections were
// opened if it is to check their timeouts.
type resting struct {
	noting      bool
	idle        time.Duration
	early, late time.Duration // of closed connections, by how much; of the one loop
	ends        int           // of those that timed out
}

func (h *resting) Opened(c *reactor.Conn) {
	if h.noting {
		c.SetContext(time.Now())
	}
}

func (h *resting) Data(c *reactor.Conn, p []byte) int {
	c.Write(p)
	if h.noting {
		c.SetContext(time.Now())
	}
	return len(p)
}

func (h *resting) HalfClosed(c *reactor.Conn)                       { c.Close() }
func (h *resting) Drained(*reactor.Conn)                            {}
func (h *resting) TimedOut(*reactor.Conn, reactor.Timeout) (_ bool) { return false }

func (h *resting) Closed(c *reactor.Conn, err error) {
	last, ok := c.Context().(time.Time)
	if !ok || !errors.Is(err, reactor.ErrTimeout) {
		return
	}
	over := time.Since(last) - h.idle
	h.early, h.late = max(h.early, -over), max(h.late, over)
	h.ends++
}

// restReport is what a rester says of itself.
type restReport struct {
	Resident    int // bytes of memory
	Heap        int // bytes of memory that something still refers to
	Descriptors int
	Stats       reactor.Stats
	Ends        int // connections that timed out
	Early, Late time.Duration
}

// rester is a role: a server with every callback and an idle timeout, its first
// argument, on loopback addresses, as many as its second says; the third is the
// backend. It says where it listens, and for each line of input how it is. With
// "note" as the fourth it has one loop and checks the timeouts.
func rester(args []string) int {
	idle, err1 := time.ParseDuration(args[0])
	addresses, err2 := strconv.Atoi(args[1])
	if err := errors.Join(err1, err2); err != nil {
		return complain(err)
	}
	h := &resting{idle: idle, noting: len(args) > 3}
	o := reactor.Options{Backend: iomux.Backend(args[2]), Timeouts: reactor.Timeouts{Idle: idle, Read: idle, Write: idle}}
	if h.noting {
		o.Loops = 1
	}
	group, err := reactor.Open(o)
	if err != nil {
		return complain(err)
	}
	for i := range addresses {
		ln, err := group.Listen(fmt.Sprintf("tcp://127.0.0.%d:0", 1+i), h, reactor.ListenOptions{})
		if err != nil {
			return complain(err)
		}
		fmt.Println(ln.Addr())
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		report := restReport{Stats: group.Stats(), Descriptors: countDescriptors()}
		if in.Text() == "notes" {
			done := make(chan struct{})
			if err := group.Loops()[0].Post(func() {
				report.Ends, report.Early, report.Late = h.ends, h.early, h.late
				close(done)
			}); err != nil {
				return complain(err)
			}
			<-done
		}
		if report.Resident, err = resident(); err != nil {
			return complain(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		report.Heap = int(m.HeapAlloc)
		text, err := json.Marshal(report)
		if err != nil {
			return complain(err)
		}
		fmt.Printf("%s\n", text)
	}
	if err := group.Shutdown(context.Background()); err != nil {
		return complain(err)
	}
	return 0
}

// countDescriptors is how many this process has, 0 if that cannot be seen.
func countDescriptors() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}

var residentLine = regexp.MustCompile(`(?m)^Rss:\s*(\d+) kB$`)

// resident is how much of this process's memory is there, when all that is free has
// been given back. The sum of the page tables is exact, unlike /proc/self/statm, to
// which each thread adds in its own time.
func resident() (int, error) {
	for range 3 { // what finalizers let go of too
		runtime.GC()
		debug.FreeOSMemory()
	}
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return 0, err
	}
	m := residentLine.FindSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("no Rss in smaps_rollup:\n%s", text)
	}
	kilobytes, err := strconv.Atoi(string(m[1]))
	return kilobytes << 10, err
}

// rest starts a rester and returns it with its addresses.
func rest(t *testing.T, idle time.Duration, addresses int, args ...string) (p *process, at []netip.AddrPort) {
	t.Helper()
	p = startRole(t, nil, "rester", append([]string{idle.String(), strconv.Itoa(addresses)}, args...)...)
	for range addresses {
		addr, err := netip.ParseAddrPort(p.line())
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, addr)
	}
	return p, at
}

// ask has a rester report.
func (p *process) ask(what string) (r restReport) {
	p.t.Helper()
	p.tell(what)
	if err := json.NewDecoder(strings.NewReader(p.line())).Decode(&r); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// crowd connects so many clients, spread over the addresses, each of which is
// served once.
func crowd(t *testing.T, at []netip.AddrPort, clients int) (list []bare) {
	t.Helper()
	t.Cleanup(func() {
		for _, c := range list {
			c.close()
		}
	})
	for i := range clients {
		c, err := bareDial(at[i%len(at)])
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		list = append(list, c)
		if err := c.echoed(message); err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
	}
	return list
}
