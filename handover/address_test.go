//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
)

// silence is a handler of datagrams that does nothing.
type silence struct{}

func (silence) Packet(*reactor.PacketConn, []byte, reactor.Peer) {}

// An address is written here as reactor's listeners write it, so that sockets that
// were inherited can be told from their configuration.
func TestAddress(t *testing.T) {
	leaktest.Check(t)
	dir := filepath.Dir(place(t))
	t.Chdir(dir)
	name := filepath.Base(dir)
	group, err := reactor.Open(reactor.Options{Loops: 2, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := group.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	urls := []string{
		"tcp://127.0.0.1:0", "tcp://[::1]:0", "udp://127.0.0.1:0", "udp://[::1]:0",
		"unix://" + dir + "/s", "unix:relative", "unix:./@at", "unixgram://" + dir + "/g", "unix://" + dir + "/a%20b%25%3F%23%C3%BC%01:@",
	}
	if runtime.GOOS == "linux" {
		urls = append(urls, "unix:@"+name, "unixpacket:@"+name+"%00%FF/", "unixgram:@"+name+"-gram", "unixpacket://"+dir+"/p")
	}
	for _, url := range urls {
		var ln interface {
			URL() string
			Files() ([]*os.File, error)
		}
		packet := Socket{URL: url}.Packet()
		if packet {
			ln, err = group.ListenPacket(url, silence{}, reactor.ListenOptions{})
		} else {
			ln, err = group.Listen(url, reactor.NopHandler{}, reactor.ListenOptions{})
		}
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		files, err := ln.Files()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			fd, err := number(f)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := address(fd); err != nil || got != ln.URL() {
				t.Errorf("%s: %s, %v, want %s", url, got, err, ln.URL())
			}
			f.Close()
		}
	}
}
