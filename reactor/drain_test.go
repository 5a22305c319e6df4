//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// All that has arrived when Shutdown is called is answered, and a peer that sends
// more meanwhile is not reset.
func TestShutdownAnswersWhatHasArrived(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.HighWater, o.LowWater = 64<<10, 16<<10
		conns := make(chan *Conn, 1)
		g, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) { smallBuffers(t, c); conns <- c },
			data:   echo.data,
		})
		c := dial(t, ln)
		conn := receive(t, conns)
		goOn := standStill(t, conn.Loop())
		if err := c.SetWriteBuffer(4 << 20); err != nil {
			t.Fatal(err)
		}
		// Until the kernel takes no more.
		raw, err := c.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		sent, piece := 0, bytes.Repeat([]byte("x"), 64<<10)
		if err := raw.Write(func(fd uintptr) bool {
			for sent < 1<<20 {
				n, errno := sys.Write(int(fd), piece)
				if errno != 0 {
					break
				}
				sent += n
			}
			return true
		}); err != nil {
			t.Fatal(err)
		}
		// The loop stands still, so its descriptor can be looked at. What is still
		// in the client's send buffer has not arrived.
		peeked := make([]byte, 1<<20)
		arrived, _, err := unix.Recvfrom(int(conn.fd), peeked, unix.MSG_PEEK)
		if err != nil || arrived < o.HighWater/2 {
			t.Fatalf("%d bytes have arrived, %v: the test shows nothing", arrived, err)
		}
		down := make(chan error, 1)
		go func() { down <- g.Shutdown(context.Background()) }()
		for g.isOpen() {
			runtime.Gosched()
		}
		goOn()
		if n, err := io.Copy(io.Discard, c); err != nil || n < int64(arrived) || n > int64(sent) {
			t.Errorf("got %d bytes back and %v; %d were sent and %d had arrived", n, err, sent, arrived)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := receive(t, down); err != nil {
			t.Error(err)
		}
	})
}

// A connection closed while its peer is still sending gets everything that was
// written before to the peer, and is not reset.
func TestCloseWithUnreadInput(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		reply := bytes.Repeat([]byte("reply"), 100000)
		conns, ends := make(chan *Conn, 1), make(chan error, 1)
		g, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) { c.PauseReading(); conns <- c },
			closed: func(_ *Conn, err error) { ends <- err },
		})
		c := dial(t, ln)
		conn := receive(t, conns)
		if _, err := c.Write(make([]byte, 100<<10)); err != nil {
			t.Fatal(err)
		}
		onLoop(t, g.loops[0], func() {
			_, _ = conn.Write(reply) // an error shows in what arrives
			conn.Close()
		})
		got := make([]byte, len(reply))
		if n, err := io.ReadFull(c, got); err != nil {
			t.Fatalf("got %d of %d bytes and %v", n, len(reply), err)
		}
		if n, err := c.Read(got); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("got %d bytes and %v, want EOF", n, err)
		}
		// It may go on sending; nobody listens.
		if _, err := c.Write(make([]byte, 300<<10)); err != nil {
			t.Errorf("sending on: %v", err)
		}
		onLoop(t, g.loops[0], func() {
			if len(ends) != 0 {
				t.Error("closed before the peer has")
			}
		})
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := receive(t, ends); err != nil {
			t.Errorf("Closed got %v, want nil", err)
		}
	})
}

// A peer that does not close keeps a connection only for so long.
func TestLingeringEnds(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		conns, ends := make(chan *Conn, 1), make(chan error, 1)
		g, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) { c.PauseReading(); conns <- c },
			closed: func(_ *Conn, err error) { ends <- err },
		})
		l := g.loops[0]
		c := dial(t, ln)
		conn := receive(t, conns)
		if _, err := c.Write([]byte("unread")); err != nil {
			t.Fatal(err)
		}
		onLoop(t, l, conn.Close)
		expectEnd(t, c)
		onLoop(t, l, func() {
			c := l.conns[0]
			if c.alarm == notSet || c.state != connLinger {
				t.Fatalf("alarm %d, state %v", c.alarm, c.state)
			}
			if left := l.alarms[c.alarm].at - l.now(); left > lingerTime {
				t.Errorf("it lingers for %v", left)
			}
			c.active -= lingerTime
			l.alarms.set(c.alarm, c, l.now())
		})
		if err := receive(t, ends); err != nil {
			t.Errorf("Closed got %v, want nil", err)
		}
	})
}

// The reserve of descriptors is lost to somebody faster, and comes back at the
// cost of the next connection.
func TestReserve(t *testing.T) {
	leaktest.Check(t)
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	var r reserve
	r.open()
	if r.missing.Load() || r.claim(fds[0]) {
		t.Fatal("with a reserve, a connection was claimed for it")
	}
	none := &sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		if c.Op == sys.OpOpen || c.Op == sys.OpAccept {
			return unix.EMFILE
		}
		return 0
	}}
	restore := sys.SetHooks(none)
	if r.refuse(-1) || !r.missing.Load() {
		t.Error("a connection was refused though accept failed, or the reserve is still there")
	}
	if r.refuse(-1) {
		t.Error("a connection was refused without a reserve")
	}
	restore()
	taken := true
	func() { // the first attempt to open fails, the one after the claimed descriptor is closed does not
		left := 1
		defer sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
			if c.Op == sys.OpOpen && left > 0 {
				left--
				return unix.EMFILE
			}
			return 0
		}})()
		taken = r.claim(fds[0])
	}()
	if !taken || r.missing.Load() {
		t.Errorf("claimed %v, missing %v", taken, r.missing.Load())
	}
	if sys.IsOpen(fds[0]) && r.fd != fds[0] {
		t.Error("the claimed descriptor is still open")
	}
	r.close()
	r.close()
}
