//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/iomux/handover"
)

// clients connect, one after the other, as long as the test wants. None may be
// refused. One may be closed before it is answered, as any client of a server that
// ends.
type clients struct {
	t       *testing.T
	stop    chan struct{}
	running sync.WaitGroup
}

func runClients(t *testing.T, urls ...string) *clients {
	t.Helper()
	c := &clients{t: t, stop: make(chan struct{})}
	for _, url := range urls {
		network, address, err := target(url)
		if err != nil {
			t.Fatal(err)
		}
		c.running.Go(func() { c.run(network, address) })
	}
	return c
}

func (c *clients) run(network, address string) {
	answered := 0
	for {
		select {
		case <-c.stop:
			if answered == 0 {
				c.t.Errorf("%s: nobody was answered", address)
			}
			return
		default:
		}
		conn, err := net.DialTimeout(network, address, patience)
		if err != nil {
			c.t.Errorf("%s: refused: %v", address, err)
			return
		}
		p := make([]byte, 10)
		_ = conn.SetDeadline(time.Now().Add(patience)) // it is open
		if _, err = conn.Write([]byte("x")); err == nil {
			_, err = conn.Read(p)
		}
		conn.Close()
		switch {
		case err == nil:
			answered++
		case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		default:
			c.t.Errorf("%s: %v", address, err)
		}
	}
}

// wait ends the clients.
func (c *clients) wait() {
	close(c.stop)
	c.running.Wait()
}

// Three generations of one server follow each other: all addresses stay, whatever
// their kind, nobody is refused, and each predecessor ends in order.
func TestTakeover(t *testing.T) {
	dir := shortDir(t)
	door := filepath.Join(dir, "takeover.sock")
	p := startTransports(t, dir, "--takeover", door)
	urls := p.urls
	var streams []string
	for _, url := range urls {
		if strings.HasPrefix(url, "tcp") || strings.HasPrefix(url, "unix:") {
			streams = append(streams, url)
		}
	}
	crowd := runClients(t, streams...)
	for range 2 {
		idle := dial(t, strings.TrimPrefix(urls[0], "tcp://"))
		exchange(t, idle, "before")
		next := startTransports(t, dir, "--takeover", door)
		for i, url := range next.urls {
			was, err := endpointOf(urls[i])
			is, err2 := endpointOf(url) // tcp4 is tcp to who has not made the socket
			if is != was || err != nil || err2 != nil {
				t.Errorf("%s became %s, %v, %v", urls[i], url, err, err2)
			}
		}
		closed(t, idle)
		if status, rest := p.wait(); status != 0 || rest != "" || !strings.Contains(p.log.String(), "a successor has taken over") {
			t.Errorf("exit status %d, %q; log:\n%s", status, rest, p.log.String())
		}
		p = next
	}
	crowd.wait()
	for _, url := range urls {
		if r := call(t, "after\n", "connect", "--wait", "100ms", url); r.status != 0 || !isPacket(url) && r.stdout != "after\n" {
			t.Errorf("%s: %+v", url, r)
		}
	}
	p.signal(syscall.SIGTERM)
	if status, _ := p.wait(); status != 0 {
		t.Errorf("exit status %d; log:\n%s", status, p.log.String())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("they left %v, %v", left, err)
	}
}

// A successor that fails leaves the predecessor and its files as they were.
func TestTakeoverThatFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := shortDir(t)
	args := []string{"echo", "--takeover", filepath.Join(dir, "takeover.sock"), "--listen", "unix://" + dir + "/x.sock", "--listen", "tcp://127.0.0.1:0"}
	p := start(t, program(t, args...), 2)
	check(t, call(t, "", append(args, "--listen", "tcp://"+taken.Addr().String())...), 1, []string{taken.Addr().String(), "in use"})
	check(t, nowhereToPrint(t, args...), 1, []string{"cannot say where it listens"})
	for _, url := range p.urls {
		if r := call(t, "still there", "connect", url); r != (result{0, "still there", ""}) {
			t.Errorf("%s: %+v", url, r)
		}
	}
	next := start(t, program(t, args...), 2)
	if status, _ := p.wait(); status != 0 || !slices.Equal(p.urls, next.urls) {
		t.Errorf("exit status %d; %q became %q", status, p.urls, next.urls)
	}
}

// A successor may serve elsewhere: it takes what it wants, opens the rest, and says
// what nobody serves any more.
func TestTakeoverOfSome(t *testing.T) {
	dir := shortDir(t)
	door, gone, added := filepath.Join(dir, "t.sock"), "unix://"+dir+"/gone.sock", "unix://"+dir+"/added.sock"
	p := startEcho(t, 1, "--takeover", door, "--listen", gone)
	next := startEcho(t, 1, "--takeover", door, "--listen", added)
	p.wait()
	if next.urls[0] != added || next.urls[1] != p.urls[1] {
		t.Errorf("%q became %q", p.urls, next.urls)
	}
	next.logged(`nobody serves now" listener=` + gone)
	check(t, call(t, "", "connect", gone), 1, []string{gone})
}

// Without --listen a successor serves wherever its predecessor did. One that a crash
// has ended leaves nothing to take.
func TestTakeoverOfAll(t *testing.T) {
	door := filepath.Join(shortDir(t), "t.sock")
	p := startEcho(t, 2, "--takeover", door, "--loops", "1")
	next := start(t, program(t, "echo", "--takeover", door), 2)
	p.wait()
	next.keeps(3) // those, and one for successors
	if !slices.Equal(p.urls, next.urls) {
		t.Errorf("%q became %q", p.urls, next.urls)
	}
	next.signal(syscall.SIGKILL)
	next.wait()
	p = startEcho(t, 1, "--takeover", door)
	exchange(t, dial(t, p.address()), "x")
}

// What is handed over are all sockets, and whoever only looks changes nothing.
func TestHandsOver(t *testing.T) {
	dir := shortDir(t)
	door := filepath.Join(dir, "t.sock")
	p := startTransports(t, dir, "--takeover", door, "--loops", "3")
	taken, err := handover.Take(t.Context(), door)
	if err != nil {
		t.Fatal(err)
	}
	var urls []string
	for _, s := range taken.Sockets {
		urls = append(urls, s.URL)
	}
	if !slices.Equal(urls, p.urls) {
		t.Errorf("it hands over %q, and listens on %q", urls, p.urls)
	}
	if err := taken.Close(); err != nil {
		t.Error(err)
	}
	exchange(t, dial(t, p.address()), "x")
	p.signal(syscall.SIGTERM)
	if status, _ := p.wait(); status != 0 {
		t.Errorf("exit status %d; log:\n%s", status, p.log.String())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

// A second signal does not wait for the connections of a server that has a successor
// either: the first may be meant for both.
func TestSignalAfterTakeover(t *testing.T) {
	door := filepath.Join(shortDir(t), "t.sock")
	p := startEcho(t, 1, "--takeover", door)
	hold(t, p)
	startEcho(t, 1, "--takeover", door)
	p.logged("draining, as a successor serves")
	p.signal(syscall.SIGTERM)
	if status, _ := p.wait(); status != 1 || !strings.Contains(p.log.String(), "exiting at once") {
		t.Errorf("exit status %d; log:\n%s", status, p.log.String())
	}
}

// keeps wants a process that has just started to have so many sockets in the end: a
// duplicate that stayed would have clients wait where nobody accepts.
func (p *process) keeps(want int) {
	p.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		n, ok := p.sockets()
		if n == want || !ok {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("it has %d sockets, want %d", n, want)
		}
	}
}

// A signal ends a server that waits for its predecessor.
func TestSignalBeforeItServes(t *testing.T) {
	door := filepath.Join(shortDir(t), "t.sock")
	silent, err := net.Listen("unix", door)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	next := start(t, program(t, "echo", "--takeover", door), 0)
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n, err := conn.Read(make([]byte, 100)); err != nil { // it says who it is, and waits
		t.Fatal(n, err)
	}
	next.signal(syscall.SIGTERM)
	status, out := next.wait()
	check(t, result{status, out, next.log.String()}, 1, []string{"ended by a signal before it served"})
}
