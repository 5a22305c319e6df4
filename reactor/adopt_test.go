//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// closeFiles closes what Files returned.
func closeFiles(t *testing.T, files []*os.File) {
	t.Helper()
	for _, f := range files {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A successor adopts the sockets of a listener that leaves; who connects meanwhile
// waits and is served, and nobody is reset. It has more loops, or fewer, than there
// are sockets.
func TestAdopt(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, loops := range []int{1, 2, 3} {
			for _, address := range []string{"tcp://127.0.0.1:0", "unix://" + socketPath(t)} {
				old := o
				old.Loops = 2
				g, _, _ := serve(t, old, NopHandler{})
				ln := listenAt(t, g, address, echo, ListenOptions{})
				first := connect(t, ln)
				roundTrip(t, first, "served by the first")
				files, err := ln.Files()
				if err != nil {
					t.Fatal(err)
				}
				ln.Leave()
				for _, l := range g.loops {
					onLoop(t, l, func() {})
				}
				waiting := connect(t, ln)
				next := o
				next.Loops = loops
				g2, _, _ := serve(t, next, NopHandler{})
				ln2, err := g2.Adopt(files, echo, ListenOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if ln2.URL() != ln.URL() {
					t.Errorf("the URL was %s and is %s", ln.URL(), ln2.URL())
				}
				roundTrip(t, waiting, "served by the second")
				for range 8 {
					roundTrip(t, connect(t, ln2), "another one")
				}
				roundTrip(t, first, "still served by the first")
				ln2.OwnFile()
				closeFiles(t, files)
				if a := ln2.sockets.address; a.unix() {
					ln2.Close()
					if _, err := os.Lstat(a.name); !errors.Is(err, os.ErrNotExist) {
						t.Errorf("the file is left: %v", err)
					}
				}
			}
		}
	})
}

// What cannot be adopted is refused, and nothing is left open.
func TestAdoptRefuses(t *testing.T) {
	leaktest.Check(t)
	g, ln, _ := serve(t, Options{Loops: 1}, echo)
	other := listenAt(t, g, "tcp://127.0.0.1:0", echo, ListenOptions{})
	packets, err := g.ListenPacket("udp://127.0.0.1:0", nopPackets{}, ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var files []*os.File
	for _, l := range []interface{ Files() ([]*os.File, error) }{ln, other, packets} {
		list, err := l.Files()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, list...)
	}
	defer closeFiles(t, files)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer closeFiles(t, []*os.File{r, w})
	unbound, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	silent := os.NewFile(uintptr(unbound), "a socket that does not listen")
	defer closeFiles(t, []*os.File{silent})
	for _, test := range []struct {
		name  string
		files []*os.File
		want  error
	}{
		{"none", nil, ErrOption},
		{"a pipe", []*os.File{r}, unix.ENOTSOCK},
		{"one that does not listen", []*os.File{silent}, ErrOption},
		{"two addresses", files[:2], ErrOption},
		{"datagrams", files[2:], ErrOption},
	} {
		if _, err := g.Adopt(test.files, echo, ListenOptions{}); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
	if _, err := g.Adopt(files[:1], nil, ListenOptions{}); !errors.Is(err, ErrOption) {
		t.Errorf("no handler: got %v, want ErrOption", err)
	}
	ln.Close()
	onLoop(t, g.loops[0], func() {})
	if _, err := ln.Files(); !errors.Is(err, ErrClosed) {
		t.Errorf("Files after Close: got %v, want ErrClosed", err)
	}
	if err := g.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := g.Adopt(files[:1], echo, ListenOptions{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Shutdown: got %v, want ErrClosed", err)
	}
}

// nopPackets does nothing with datagrams.
type nopPackets struct{}

func (nopPackets) Packet(*PacketConn, []byte, Peer) {}
