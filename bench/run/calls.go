//go:build linux

package run

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/iomux/bench/load"
	"example.com/iomux/bench/scenario"
)

// A traced server is slow, but what it does for a message is the same, as long
// as it is no more pressed than without: so open loops run at a rate that it can
// keep.
const (
	tracedWarm = 200 * time.Millisecond // until it has accepted all
	tracedTime = time.Second            // longer where connections are many
	tracedRate = 500.0                  // messages a second of an open loop

	// A room's server does very much for a line: so it gets fewer, and for longer.
	tracedDeliveries = 15_000 // a second
	tracedBursts     = 3
)

// rare is how few times a message a system call is made that is not worth a
// name.
const rare = 0.0005

// calls runs the peer under strace and counts its system calls a message. Its
// samples stay those of a server that nobody watched.
func (b *bench) calls(ctx context.Context, s scenario.Scenario, p Spec) (map[string]float64, error) {
	c := config(s)
	if c.Kind == load.Idle {
		return nil, nil // what there is to count is over when it begins
	}
	c.Warm, c.Duration = stretched(tracedWarm, s), stretched(tracedTime, s)
	switch {
	case c.Kind == load.Room:
		c.Rate = min(c.Rate, max(1, tracedDeliveries/float64(c.Conns)))
		burst := time.Duration(float64(c.Depth) * float64(time.Second) / c.Rate)
		c.Warm, c.Duration = burst/2, max(c.Duration, tracedBursts*burst) // it begins and ends between bursts
	case c.Rate > 0:
		c.Rate = min(c.Rate, tracedRate)
	}
	var t *tracer
	var counts map[string]int64
	r, _, err := b.launch(ctx, s, p).under(ctx, c, func(int) error { return nil },
		func(pid int) (err error) { t, err = attach(pid, filepath.Join(b.shop.out, "calls")); return },
		func(int) (err error) { counts, err = t.detach(); return })
	if err != nil {
		if t != nil && counts == nil { // what it traced is gone
			_ = t.cmd.Process.Kill()
			_ = t.cmd.Wait()
		}
		return nil, err
	}
	calls := map[string]float64{}
	for name, n := range counts {
		if share := float64(n) / float64(r.Messages); share >= rare {
			calls[name] = share
		}
	}
	return calls, nil
}

// tracer is an strace that counts a process's system calls.
type tracer struct {
	cmd  *exec.Cmd
	file string
}

// attach starts counting; once it returns, every thread is watched.
func attach(pid int, file string) (*tracer, error) {
	t := &tracer{exec.Command("strace", "-c", "-f", "-p", strconv.Itoa(pid), "-o", file), file}
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := t.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if !strings.Contains(line, "attached") {
		_ = t.cmd.Process.Kill() // it has ended already, or never will
		_ = t.cmd.Wait()
		return nil, fmt.Errorf("strace: %s", strings.TrimSpace(line+errorText(err)))
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // it tells of each new thread
	return t, nil
}

func errorText(err error) string {
	if err == nil || errors.Is(err, io.EOF) {
		return ""
	}
	return err.Error()
}

// detach stops counting and leaves the process as it was.
func (t *tracer) detach() (map[string]int64, error) {
	if err := t.cmd.Process.Signal(os.Interrupt); err != nil {
		return nil, err
	}
	_ = t.cmd.Wait() // strace ends by the signal it was sent, which is an error to exec
	table, err := os.ReadFile(t.file)
	if err != nil {
		return nil, err
	}
	return parseCalls(table), nil
}

// parseCalls reads strace's summary: lines of share, seconds, time a call,
// calls, errors where there were any, and the name.
func parseCalls(table []byte) map[string]int64 {
	counts := map[string]int64{}
	for line := range bytes.Lines(table) {
		words := strings.Fields(string(line))
		if len(words) < 5 || words[len(words)-1] == "total" {
			continue
		}
		if n, err := strconv.ParseInt(words[3], 10, 64); err == nil {
			counts[words[len(words)-1]] += n
		}
	}
	return counts
}
