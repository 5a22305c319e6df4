//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"example.com/iomux/bench/load"
	"example.com/iomux/bench/result"
)

// snapshot is the state of things at one end of a run.
type snapshot struct {
	at     time.Time
	server usage
	own    time.Duration
	busy   time.Duration
}

func takeSnapshot(pid int) (s snapshot, err error) {
	s.at = time.Now()
	if s.server, err = processUsage(pid); err != nil {
		return s, err
	}
	if s.own, err = cpuTime(os.Getpid()); err != nil {
		return s, err
	}
	s.busy, err = busyTime()
	return s, err
}

// measure runs the server once under the load.
func (l launch) measure(ctx context.Context, c load.Config) (*trial, error) {
	var fresh, before, after snapshot
	take := func(s *snapshot) func(int) error {
		return func(pid int) (err error) { *s, err = takeSnapshot(pid); return }
	}
	r, said, err := l.under(ctx, c, take(&fresh), take(&before), take(&after))
	if err != nil {
		return nil, err
	}
	return &trial{newSample(c, r, fresh, before, after, said), r.Latency}, nil
}

// errNothing: the run was too short for the server, or the machine too busy.
var errNothing = errors.New("no message came back")

// under starts the server, loads it, with calls when it has started and at both
// ends of what is measured, and stops it again. It returns what the server said
// at its end too.
func (l launch) under(ctx context.Context, c load.Config, started, began, ended func(pid int) error) (*load.Result, []string, error) {
	s, err := l.start(ctx)
	if err != nil {
		return nil, nil, err
	}
	pid := s.cmd.Process.Pid
	if err := started(pid); err != nil {
		s.stop()
		return nil, nil, err
	}
	// Without its server the generator ends at once.
	defer context.AfterFunc(ctx, s.kill)()
	c.Addr = s.addr
	c.Began = func() error { return began(pid) }
	c.Ended = func() error { return ended(pid) }

	// What the last run left behind is not this one's to clean up.
	runtime.GC()
	percent := debug.SetGCPercent(-1)
	r, err := load.Run(c)
	debug.SetGCPercent(percent)

	said := s.stop()
	switch {
	case err != nil && s.complaint() != "":
		err = fmt.Errorf("%w (it said: %s)", err, s.complaint())
	case err == nil && r.Messages == 0:
		err = fmt.Errorf("%w within %v", errNothing, r.Elapsed)
	}
	return r, said, err
}

func newSample(c load.Config, r *load.Result, fresh, before, after snapshot, said []string) *result.Sample {
	// Where connections do nothing, what is measured is how they came about.
	messages, wall, from, to := r.Messages, r.Elapsed, before, after
	if c.Kind == load.Idle {
		messages, wall, from, to = int64(r.Connected), r.ConnectTime, fresh, before
	}
	n, seconds := float64(messages), wall.Seconds()
	// What was used is used between the snapshots, which is longer than wall
	// where that is the time of connecting only.
	between := to.at.Sub(from.at).Seconds()
	server := to.server.cpu - from.server.cpu
	own := to.own - from.own
	us := func(percentile float64) float64 { return float64(r.Latency.ValueAtPercentile(percentile)) / 1e3 }
	s := &result.Sample{
		Messages: messages,
		Seconds:  seconds,
		Rate:     n / seconds,
		P50:      us(50),
		P99:      us(99),
		P999:     us(99.9),
		Max:      us(100),
		Mean:     r.MeanLatency / 1e3,

		CPU:      float64(server) / n,
		System:   to.server.systemShare(from.server),
		Util:     server.Seconds() / between,
		Switches: float64(to.server.switches-from.server.switches) / n,
		RSS:      float64(after.server.rss),
		PerConn:  max(0, float64(after.server.rss-fresh.server.rss)) / float64(c.Conns+c.Slow),

		GeneratorUtil: own.Seconds() / between,
		Foreign:       max(0, (to.busy-from.busy-server-own).Seconds()/between),
		Lag:           float64(r.Lag) / 1e3,
		Little:        r.Little(),
		Jain:          r.Jain(),

		Unanswered: r.Unanswered,
		Lost:       r.Lost,
		Held:       r.SlowHeld,
		Closed:     int64(r.SlowClosed),
		Dropped:    int64(r.Dropped),
		Backlog:    r.Backlog,
		Notes:      notes(said),
	}
	if c.Kind == load.Room {
		s.Reads = float64(to.server.reads-from.server.reads) / n
		s.Writes = float64(to.server.writes-from.server.writes) / n
	}
	return s
}

// notes reads lines such as "timer p50_us=93 max_us=210" into "timer p50_us"
// and "timer max_us".
func notes(lines []string) map[string]float64 {
	var found map[string]float64
	for _, line := range lines {
		words := strings.Fields(line)
		for _, w := range words[min(1, len(words)):] {
			key, value, ok := strings.Cut(w, "=")
			x, err := strconv.ParseFloat(value, 64)
			if !ok || err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
				continue
			}
			if found == nil {
				found = map[string]float64{}
			}
			found[words[0]+" "+key] = x
		}
	}
	return found
}
