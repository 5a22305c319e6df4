//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/iomux/reactor"
)

// counted reads lines of statistics until one is as wanted.
func (p *process) counted(wanted func(fields map[string]float64) bool) {
	p.t.Helper()
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	var last string
	for {
		line, err := p.out.ReadString('\n')
		if err != nil {
			p.t.Fatalf("%v; the last line was %s", err, last)
		}
		if wanted(fields(p.t, line)) {
			return
		}
		last = line
	}
}

// fields takes a line of statistics apart.
func fields(t *testing.T, line string) map[string]float64 {
	t.Helper()
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != "stats" {
		t.Fatalf("not a line of statistics: %q", line)
	}
	list := map[string]float64{}
	for _, word := range words[1:] {
		name, number, _ := strings.Cut(word, "=")
		n, err := strconv.ParseFloat(number, 64)
		if _, twice := list[name]; err != nil || twice || n < 0 {
			t.Fatalf("%q in %q", word, line)
		}
		list[name] = n
	}
	return list
}

// Rates are of a second, whatever the time between two looks; the rest is as it is.
func TestStatsLine(t *testing.T) {
	before := reactor.Stats{Turns: 1000, Events: 5000, BytesIn: 1 << 40, Reads: 7, Opened: 3, Conns: 3, PacketsDropped: 2}
	now := reactor.Stats{
		Turns: 1004, Events: 5010, Posted: 1, Waits: 2, Reads: 11, Writes: 6, Accepts: 8, Watches: 10, Recvs: 12, Sends: 14, Again: 16,
		BytesIn: 1<<40 + 3000, BytesOut: 5000, Opened: 4, Closed: 2, Refused: 5, Timeouts: 6, Panics: 7, Slow: 8,
		PacketsIn: 100, PacketsOut: 200, PacketsDropped: 9, PacketsTruncated: 10, PacketErrors: 11, Conns: 2, Timers: 1, Buffered: 4096,
	}
	const want = "stats conns=2 buffered=4096 in=1500 out=2500 packets_in=50 packets_out=100 turns=2" +
		" wait=1 read=2 write=3 accept=4 watch=5 recv=6 send=7 again=8 events=2.5" +
		" opened=4 closed=2 refused=5 timeouts=6 slow=8 panics=7 dropped=9 truncated=10 errors=11\n"
	if got := statsLine(before, now, 2*time.Second); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	if got := fields(t, statsLine(now, now, time.Second)); got["events"] != 0 || got["turns"] != 0 {
		t.Errorf("no turns: %v", got)
	}
}

// Every field is explained, and nothing else is.
func TestStatsAreExplained(t *testing.T) {
	for name := range fields(t, statsLine(reactor.Stats{}, reactor.Stats{}, time.Second)) {
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(statsHelp) {
			t.Errorf("%s is not explained", name)
		}
	}
}

// --stats prints what goes on, over connections and datagrams.
func TestStats(t *testing.T) {
	p := startEcho(t, 1, "--listen", "udp://127.0.0.1:0", "--stats", "100ms")
	p.counted(func(f map[string]float64) bool { return f["conns"] == 0 && f["in"] == 0 })
	conn := dial(t, strings.TrimPrefix(p.urls[1], "tcp://"))
	exchange(t, conn, "hello")
	p.counted(func(f map[string]float64) bool {
		return f["conns"] == 1 && f["opened"] == 1 && f["in"] > 0 && f["in"] == f["out"] && f["read"] > 0 && f["write"] > 0 && f["events"] >= 1
	})
	if r := call(t, "datagram\n", "connect", "--wait", "0s", p.urls[0]); r.status != 0 {
		t.Errorf("%+v", r)
	}
	p.counted(func(f map[string]float64) bool { return f["packets_in"] > 0 && f["recv"] > 0 })
	p.counted(func(f map[string]float64) bool { return f["in"] == 0 && f["packets_in"] == 0 && f["opened"] == 1 })
	conn.Close()
	p.counted(func(f map[string]float64) bool { return f["conns"] == 0 && f["closed"] == 1 })
}

// Whoever reads the statistics may go, and the server stays.
func TestServerOutlivesItsStats(t *testing.T) {
	cmd := program(t, "echo", "--stats", "100ms", "--listen", "tcp://127.0.0.1:0")
	stdout, conn := served(t, cmd)
	stdout.Close()
	for range 3 { // lines later
		time.Sleep(100 * time.Millisecond)
		exchange(t, conn, "x")
	}
	ended(t, cmd)
}

// served starts a server whose output is a pipe that the caller reads, from behind
// the line that says where it listens, and connects.
func served(t *testing.T, cmd *exec.Cmd) (stdout *os.File, conn net.Conn) {
	t.Helper()
	stdout, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdout.Close() })
	cmd.Stdout = out
	err = cmd.Start()
	out.Close()
	if err != nil {
		t.Fatal(err)
	}
	var url string
	if _, err := fmt.Fscanf(stdout, "listening tcp://%s\n", &url); err != nil {
		t.Fatal(err)
	}
	return stdout, dial(t, url)
}

// ended wants a server to end in order at a signal.
func ended(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	if err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()); err != nil {
		t.Error(err)
	}
}
