package itest

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
)

// fickle is an echo whose connections end from all sides: every fourth is closed
// by the server in Opened, and every fourth of the rest in Data, while functions
// posted in their names are under way.
type fickle struct {
	counted
	posted, ran atomic.Int64
	data        atomic.Int64
}

func (h *fickle) Opened(c *reactor.Conn) {
	h.counted.Opened(c)
	n := h.opened.Load()
	if n%8 == 0 {
		go func() { // it may come too late for the connection
			if c.Post(func() { h.ran.Add(1); c.Write([]byte("late")) }) == nil {
				h.posted.Add(1)
			}
		}()
	}
	if n%4 == 0 {
		c.Close()
	}
}

func (h *fickle) Data(c *reactor.Conn, p []byte) int {
	h.counted.Data(c, p)
	if h.data.Add(1)%4 == 0 {
		c.Close()
	}
	return len(p)
}

// N4, netpoll issue 304: a hundred thousand short connections, over TCP and Unix
// sockets, closed by either side at any moment, leave nothing behind.
func TestChurn(t *testing.T) {
	const total = 100_000
	for _, backend := range iomux.Backends() {
		connects := total / 2 // of each kind
		if backend != iomux.Backends()[0] {
			connects /= 10 // they cost more, and most of the code is the same
		}
		t.Run(string(backend), func(t *testing.T) {
			leaktest.Check(t)
			h := &fickle{counted: counted{t: t}}
			group := openGroup(t, reactor.Options{Backend: backend, Loops: 2, Timeouts: reactor.Timeouts{Idle: time.Minute, Read: time.Minute}})
			addr := addrPort(t, listen(t, group, "tcp://127.0.0.1:0", h, reactor.ListenOptions{}))
			path := filepath.Join(publicDir(t), "s")
			listen(t, group, "unix://"+path, h, reactor.ListenOptions{})
			before := descriptors(t)

			var wg sync.WaitGroup
			var next atomic.Int64
			for w := range 4 {
				wg.Go(func() {
					for i := next.Add(1); i <= int64(2*connects); i = next.Add(1) {
						if err := shortLived(i, addr, path); err != nil {
							t.Errorf("worker %d: %v", w, err)
							return
						}
					}
				})
			}
			wg.Wait()
			// The last ones may be gone before they are accepted, but that they are all the same.
			await(t, "every connect is a connection", func() bool { return h.opened.Load() >= int64(2*connects) })
			h.balanced(group)
			if opened := h.opened.Load(); opened != int64(2*connects) {
				t.Errorf("%d connects, %d connections", 2*connects, opened)
			}
			await(t, "what was posted has run", func() bool { return h.ran.Load() == h.posted.Load() })
			if timers := group.Stats().Timers; timers > 0 {
				t.Errorf("%d timers of connections that are gone", timers)
			}
			if after := descriptors(t); after > before {
				t.Errorf("%d descriptors before, %d after", before, after)
			}
		})
	}
}

// shortLived is one connection of the churn, of many kinds.
func shortLived(i int64, addr netip.AddrPort, path string) error {
	var c bare
	var err error
	if i%2 == 0 {
		c, err = bareConnect(unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: path})
	} else {
		// From many addresses, so that ports come back late enough.
		c, err = bareSocket(unix.AF_INET, unix.SOCK_STREAM)
		if err == nil {
			from := netip.AddrFrom4([4]byte{127, 0, 1, byte(1 + i/2%200)})
			if err = unix.Bind(int(c), sockaddr(netip.AddrPortFrom(from, 0))); err == nil {
				err = unix.Connect(int(c), sockaddr(addr))
			}
		}
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	// Whether the server has closed by then is as it comes, and its right. But an
	// answer or an end must come.
	switch i / 2 % 5 {
	case 0: // gone at once
	case 1:
		_, _ = c.Write([]byte("gone before the answer"))
	case 2:
		err = c.echoed("a message")
	case 3:
		_, _ = c.Write([]byte("and the end"))
		_ = unix.Shutdown(int(c), unix.SHUT_WR)
		for buf := make([]byte, 100); err == nil; {
			_, err = c.Read(buf)
		}
	case 4:
		c.reset()
		return nil
	}
	c.close()
	if errors.Is(err, unix.EAGAIN) {
		return fmt.Errorf("neither an answer nor an end in %v", patience)
	}
	return nil
}
