package itest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

const (
	beat   = 20 * time.Millisecond // of a beater's repeating timer
	single = 20                    // its timers that ring once, in steps of 100 ms
)

// beatReport is what a beater says of its timers.
type beatReport struct {
	Elapsed time.Duration // since they were set
	Beats   int
	Early   time.Duration // the most that one was
	Rang    [single]int
}

// beater is a role: an echo server with timers, which says where it listens and for
// each line of input what its timers have done.
func beater([]string) int {
	group, err := reactor.Open(reactor.Options{Loops: 1})
	if err != nil {
		return complain(err)
	}
	ln, err := group.Listen("tcp://127.0.0.1:0", echo.Handler{}, reactor.ListenOptions{})
	if err != nil {
		return complain(err)
	}
	l := group.Loops()[0]
	var report beatReport // of the loop
	var start time.Time
	due := func(d time.Duration) { report.Early = max(report.Early, d-time.Since(start)) }
	if err := l.Post(func() {
		start = time.Now()
		l.Every(beat, func() { report.Beats++; due(beat * time.Duration(report.Beats)) })
		for i := range single {
			d := time.Duration(i) * 100 * time.Millisecond
			l.After(d, func() { report.Rang[i]++; due(d) })
		}
	}); err != nil {
		return complain(err)
	}
	fmt.Println(ln.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		reply := make(chan beatReport)
		if err := l.Post(func() { report.Elapsed = time.Since(start); reply <- report }); err != nil {
			return complain(err)
		}
		text, err := json.Marshal(<-reply)
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

// beats starts a beater.
func beats(t *testing.T, wrapper ...string) (p *process, at netip.AddrPort) {
	t.Helper()
	p = startRole(t, wrapper, "beater")
	at, err := netip.ParseAddrPort(p.line())
	if err != nil {
		t.Fatal(err)
	}
	return p, at
}

// timers asks a beater.
func (p *process) timers() (r beatReport) {
	p.t.Helper()
	p.tell("timers")
	if err := json.NewDecoder(strings.NewReader(p.line())).Decode(&r); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// rangOnce waits until all single timers of a beater have rung, and wants each to
// have done so once, and none of all timers early.
func (p *process) rangOnce() {
	p.t.Helper()
	await(p.t, "all timers have rung", func() bool { return p.timers().Rang[single-1] > 0 })
	r := p.timers()
	for i, n := range r.Rang {
		if n != 1 {
			p.t.Errorf("timer %d rang %d times", i, n)
		}
	}
	if r.Early > 0 {
		p.t.Errorf("a timer was %v early", r.Early)
	}
}

// A server is stopped for two seconds and goes on: what a repeating timer missed is
// left out, each of the others that was due rings once, and connections live: P3.
func TestStoppedAndContinued(t *testing.T) {
	p, at := beats(t)
	c, err := bareDial(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.echoed(message); err != nil {
		t.Fatal(err)
	}
	await(t, "it beats", func() bool { return p.timers().Beats > 3 })
	p.signal(unix.SIGSTOP)
	begin := time.Now()
	if _, err := c.Write([]byte(message)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second) // for which the process stands still
	stopped := time.Since(begin)
	p.signal(unix.SIGCONT)
	if _, err := c.Read(make([]byte, len(message))); err != nil {
		t.Fatal(err)
	}
	if err := c.echoed(message); err != nil {
		t.Fatal(err)
	}
	c.close()
	p.rangOnce()
	r := p.timers()
	most := int((r.Elapsed-stopped)/beat) + 5
	t.Logf("%d beats in %v, for %v of which it was stopped", r.Beats, r.Elapsed, stopped)
	if r.Beats > most {
		t.Errorf("%d beats in %v, for %v of which it was stopped: want at most %d", r.Beats, r.Elapsed, stopped, most)
	}
	if _, status := p.end(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// The machine has been up for 2^31 or 2^32 milliseconds, which pass while timers run:
// they ring as ever: P4.
func TestTheUptimeOverflows(t *testing.T) {
	unshare := tool(t, "unshare")
	for _, milliseconds := range []int64{1 << 31, 1 << 32} {
		t.Run(fmt.Sprint(milliseconds, " ms"), func(t *testing.T) {
			var now unix.Timespec
			if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
				t.Fatal(err)
			}
			ahead := strconv.FormatInt(milliseconds/1000-now.Sec-1, 10)
			wrapper := []string{unshare, "--time", "--fork", "--kill-child", "--monotonic", ahead, "--boottime", ahead}
			if out, err := exec.Command(wrapper[0], append(wrapper[1:], "true")...).CombinedOutput(); err != nil {
				missing(t, "unshare", fmt.Sprintf("time of one's own is not to be had: %v: %s", err, out))
			}
			p, at := beats(t, wrapper...)
			for range 30 {
				c, err := bareDial(at)
				if err != nil {
					t.Fatal(err)
				}
				if err := c.echoed(message); err != nil {
					t.Error(err)
				}
				c.close()
				time.Sleep(50 * time.Millisecond) // the clock is what it is about
			}
			p.rangOnce()
			if r := p.timers(); r.Beats < int(r.Elapsed/beat)/4 {
				t.Errorf("%d beats in %v", r.Beats, r.Elapsed)
			}
			if _, status := p.end(); status != 0 {
				t.Errorf("exit status %d", status)
			}
		})
	}
}

// tell sends a line to a role.
func (p *process) tell(line string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.stdin.(io.Writer), line); err != nil {
		p.t.Fatal(err)
	}
}

// signal sends a signal to a process.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}
