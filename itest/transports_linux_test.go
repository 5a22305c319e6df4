package itest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/handover"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// talker dials, says something, and tells when it comes back.
type talker struct {
	reactor.NopHandler
	t    *testing.T
	back chan string
}

func (h talker) Opened(c *reactor.Conn)                                 { c.Write([]byte(message)) }
func (h talker) Data(_ *reactor.Conn, p []byte) int                     { h.back <- string(p); return len(p) }
func (h talker) Packet(_ *reactor.PacketConn, p []byte, _ reactor.Peer) { h.back <- string(p) }
func (h talker) failed(err error)                                       { h.t.Error(err); h.back <- "" }
func (h talker) dial(g *reactor.Group, url string, o reactor.DialOptions) {
	if _, err := g.Dial(url, h, o, h.failed); err != nil {
		h.t.Fatal(err)
	}
	if got := arrives(h.t, h.back); got != message {
		h.t.Errorf("%s: got %q back", url, got)
	}
}

// Every transport has its sockets: listening, accepted, dialled, being dialled, for
// datagrams, passed on and adopted. None of them is left open in a child, and neither
// is what a loop has for itself: F10.
func TestChildInheritsNoTransport(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		given, before := inherited(t), openNumbers(t)
		dir := t.TempDir()
		name := fmt.Sprintf("@iomux-itest-%d-%s", os.Getpid(), backend)
		group := openGroup(t, reactor.Options{Backend: iomux.Backend(backend), Loops: 2})
		h := talker{t: t, back: make(chan string, 1)}

		var files []*os.File
		for i, url := range []string{"tcp4://127.0.0.1:0", "tcp6://[::1]:0", "unix://" + filepath.Join(dir, "s"), "unix:" + name, "unixpacket://" + filepath.Join(dir, "p")} {
			ln, err := group.Listen(url, echo.Handler{}, reactor.ListenOptions{})
			if err != nil && i == 1 {
				t.Logf("this machine has no IPv6: %v", err)
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			h.dial(group, ln.URL(), reactor.DialOptions{})
			passed, err := ln.Files()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := group.Adopt(passed, echo.Handler{}, reactor.ListenOptions{}); err != nil {
				t.Fatal(err)
			}
			files = append(files, passed...)
		}
		for _, url := range []string{"udp4://127.0.0.1:0", "unixgram://" + filepath.Join(dir, "d"), "unixgram:" + name + "-d"} {
			ln, err := group.ListenPacket(url, echo.Packets{}, reactor.ListenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			loop := group.Loops()[1]
			if err := loop.Post(func() {
				s, err := loop.DialPacket(ln.URL(), h, reactor.ListenOptions{})
				if err != nil {
					h.failed(err)
					return
				}
				s.Write([]byte(message))
			}); err != nil {
				t.Fatal(err)
			}
			if got := arrives(t, h.back); got != message {
				t.Errorf("%s: got %q back", url, got)
			}
			passed, err := ln.Files()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := group.AdoptPacket(passed, echo.Packets{}, reactor.ListenOptions{}); err != nil {
				t.Fatal(err)
			}
			files = append(files, passed...)
		}
		waits, end := fullQueue(t, filepath.Join(dir, "q"))
		defer end()
		d, err := group.Dial(waits, h, reactor.DialOptions{}, func(error) {}) // cancelled below
		if err != nil {
			t.Fatal(err)
		}
		settled(t, group)
		successor, err := handover.Listen(filepath.Join(dir, "h"))
		if err != nil {
			t.Fatal(err)
		}

		checked := 0
		for number, link := range openNumbers(t) {
			if before[number] == "" {
				wantCloseOnExec(t, number, link)
				checked++
			}
		}
		// Listeners with a socket a loop, both ends of connections, datagram sockets,
		// all of them passed on and adopted.
		if checked < 35 {
			t.Errorf("%d descriptors: fewer than all these transports need", checked)
		}
		if child := inherited(t); !slices.Equal(child, given) {
			t.Errorf("a child has the descriptors %v with a reactor and %v without", child, given)
		}
		d.Cancel()
		for _, f := range files {
			f.Close()
		}
		if err := successor.Close(); err != nil {
			t.Error(err)
		}
	})
}

// openNumbers are the descriptors of this process, and what they stand for.
func openNumbers(t *testing.T) map[string]string {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]string{}
	for _, entry := range list {
		if link, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil { // else it was the listing's
			open[entry.Name()] = link
		}
	}
	return open
}

var fdFlags = regexp.MustCompile(`(?m)^flags:\s*([0-7]+)$`)

// wantCloseOnExec fails if a descriptor of this process stays open in a child.
func wantCloseOnExec(t *testing.T, number, link string) {
	t.Helper()
	info, err := os.ReadFile("/proc/self/fdinfo/" + number)
	m := fdFlags.FindSubmatch(info)
	if err != nil || m == nil {
		t.Fatalf("fdinfo of %s: %v\n%s", number, err, info)
	}
	if bits, err := strconv.ParseUint(string(m[1]), 8, 64); err != nil || bits&unix.O_CLOEXEC == 0 {
		t.Errorf("descriptor %s (%s) is not close-on-exec, %v", number, link, err)
	}
}

// fullQueue is the URL of a Unix listener that accepts nobody and whose queue is
// full, so that a dial goes on and on.
func fullQueue(t *testing.T, path string) (url string, end func()) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	return "unix://" + path, func() {
		c.Close()
		unix.Close(fd)
	}
}
