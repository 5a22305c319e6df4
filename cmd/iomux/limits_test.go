//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"example.com/iomux/reactor"
)

// closed wants the server to end a connection that does nothing.
func closed(t *testing.T, conn io.Reader) {
	t.Helper()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("not closed: %d bytes, %v", n, err)
	}
}

// Connections beyond a limit are closed, and there is room again when one has gone.
func TestMaxConns(t *testing.T) {
	for _, flag := range []string{"--max-conns", "--max-conns-per-addr"} {
		t.Run(flag, func(t *testing.T) {
			p := startEcho(t, 1, flag, "2", "--stats", "100ms")
			first, second := dial(t, p.address()), dial(t, p.address())
			exchange(t, first, "first")
			exchange(t, second, "second")
			closed(t, dial(t, p.address()))
			exchange(t, second, "still there")
			first.Close()
			p.counted(func(f map[string]float64) bool { return f["conns"] == 1 && f["refused"] == 1 })
			exchange(t, dial(t, p.address()), "third")
		})
	}
}

// Clients that keep the server waiting are closed, each by its flag.
func TestTimeouts(t *testing.T) {
	t.Run("handshake", func(t *testing.T) {
		p := startEcho(t, 1, "--handshake-timeout", "2s", "--idle-timeout", "off")
		spoke := dial(t, p.address())
		exchange(t, spoke, "x")
		closed(t, dial(t, p.address()))
		exchange(t, spoke, "y")
	})
	t.Run("idle", func(t *testing.T) {
		p := startEcho(t, 1, "--idle-timeout", "200ms")
		closed(t, dial(t, p.address()))
	})
	t.Run("write", func(t *testing.T) {
		p := startEcho(t, 1, "--write-timeout", "200ms", "--stats", "100ms")
		hold(t, p)
		p.counted(func(f map[string]float64) bool { return f["timeouts"] == 1 && f["conns"] == 0 })
	})
}

// What waits for a client that does not read stays within --high-water and what is
// read at once.
func TestHighWater(t *testing.T) {
	const most = 512 << 10
	p := startEcho(t, 1, "--high-water", "128KiB", "--low-water", "32KiB", "--write-limit", "4MiB", "--stats", "100ms")
	hold(t, p)
	p.counted(func(f map[string]float64) bool {
		if f["buffered"] > most {
			t.Errorf("%.0f bytes wait", f["buffered"])
		}
		return f["conns"] == 1 && f["in"] == 0 && f["buffered"] > 0
	})
}

// The flags reach the options of the reactor.
func TestOptions(t *testing.T) {
	cmd, s := new(cobra.Command), new(server)
	s.addFlags(cmd)
	if err := cmd.ParseFlags(nil); err != nil {
		t.Fatal(err)
	}
	o := s.options(nil)
	if o.Timeouts != (reactor.Timeouts{Idle: 5 * time.Minute, Write: 30 * time.Second}) || o.SlowCallback != 100*time.Millisecond ||
		o.HighWater != 256<<10 || o.LowWater != 64<<10 || o.WriteLimit != 1<<20 || o.MemoryLimit != 1<<30 || o.Backlog != 4096 ||
		o.MaxConns != 0 || o.MaxConnsPerAddr != 0 || o.Pin || o.Wait != "" || o.Loops != 0 || o.Backend != "" || s.times.drain.value != 10*time.Second {
		t.Errorf("defaults: %+v", o)
	}
	if k := s.listen.options("tcp4://127.0.0.1:0").Socket.KeepAlive; runtime.GOOS == "linux" && k != (reactor.KeepAlive{Idle: time.Minute, Interval: 15 * time.Second, Count: 4}) {
		t.Errorf("keep-alive: %+v", k)
	}
	if err := cmd.ParseFlags([]string{
		"--handshake-timeout=1s", "--idle-timeout=2s", "--write-timeout=3s", "--drain-timeout=4s", "--slow-callback=off",
		"--high-water=5KiB", "--low-water=4KiB", "--write-limit=6KiB", "--memory-limit=7KiB", "--backlog=8", "--max-conns=9",
		"--max-conns-per-addr=10", "--pin", "--wait=polite", "--loops=11", "--backend=poll", "--balance=round-robin", "--mode=0640", "--keepalive=2s",
	}); err != nil {
		t.Fatal(err)
	}
	o = s.options(nil)
	if o.Timeouts != (reactor.Timeouts{Handshake: time.Second, Idle: 2 * time.Second, Write: 3 * time.Second}) || o.SlowCallback >= 0 ||
		o.HighWater != 5<<10 || o.LowWater != 4<<10 || o.WriteLimit != 6<<10 || o.MemoryLimit != 7<<10 || o.Backlog != 8 || o.MaxConns != 9 ||
		o.MaxConnsPerAddr != 10 || !o.Pin || o.Wait != reactor.Polite || o.Loops != 11 || o.Backend != "poll" || s.times.drain.value != 4*time.Second {
		t.Errorf("all set: %+v", o)
	}
	tcp, udp, unix := s.listen.options("TCP://127.0.0.1:0"), s.listen.options("udp://127.0.0.1:0"), s.listen.options("unix:///x")
	if tcp.Balance != reactor.RoundRobin || tcp.Socket.KeepAlive != (reactor.KeepAlive{Idle: 2 * time.Second, Interval: time.Second, Count: 4}) {
		t.Errorf("TCP: %+v", tcp)
	}
	if udp.Balance != "" || udp.Socket != (reactor.SocketOptions{}) {
		t.Errorf("UDP: %+v", udp)
	}
	if unix.Balance != reactor.RoundRobin || unix.Socket != (reactor.SocketOptions{}) || unix.Mode != 0o640 {
		t.Errorf("Unix: %+v", unix)
	}
}

// Pinned loops run on one processor each, on threads of their own.
func TestPin(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux pins threads")
	}
	p := startEcho(t, 1, "--pin", "--loops", "1")
	exchange(t, dial(t, p.address()), "x")
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.cmd.Process.Pid))
	if err != nil || len(tasks) == 0 {
		t.Skip("no /proc here")
	}
	pinned := 0
	for _, name := range tasks {
		status, err := os.ReadFile(name)
		if err == nil && regexp.MustCompile(`(?m)^Cpus_allowed_list:\t\d+$`).Match(status) {
			pinned++
		}
	}
	if runtime.NumCPU() > 1 && pinned != 1 {
		t.Errorf("%d threads are pinned, want 1", pinned)
	}
}
