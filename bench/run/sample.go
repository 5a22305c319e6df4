//go:build linux

package run

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"example.com/iomux/bench/load"
)

// Sample is what one run of one server measured.
type Sample struct {
	Round    int  `json:"round"`
	Repeated bool `json:"repeated,omitempty"` // the first try was disturbed

	Messages int64   `json:"messages"`
	Seconds  float64 `json:"seconds"`
	Rate     float64 `json:"rate"`
	P50      float64 `json:"p50_us"`
	P99      float64 `json:"p99_us"`
	P999     float64 `json:"p999_us"`
	Max      float64 `json:"max_us"`

	CPU      float64 `json:"cpu_ns"`   // the server's, a message
	Util     float64 `json:"util"`     // the server's CPU time to the wall's
	Switches float64 `json:"switches"` // of the server, a message
	RSS      int64   `json:"rss"`      // of the server at the end, bytes

	GeneratorUtil float64 `json:"generator_util"`
	Foreign       float64 `json:"foreign"` // CPU time of all others to the wall's
	Lag           float64 `json:"lag_us"`  // see load.Result
	Unanswered    int64   `json:"unanswered,omitempty"`

	// Notes are figures the server itself printed when it was stopped.
	Notes map[string]float64 `json:"notes,omitempty"`
}

// quiet is how much CPU time of others, as a share of one CPU, a run bears.
// /proc/stat counts in ticks of 10 ms, so that less would often be chance.
const quiet = 0.10

func (s *Sample) disturbed() bool { return s.Foreign > quiet }

// snapshot is the state of things at one end of a run.
type snapshot struct {
	server usage
	own    time.Duration
	busy   time.Duration
}

func takeSnapshot(pid int) (s snapshot, err error) {
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
func (l launch) measure(ctx context.Context, c load.Config) (*Sample, error) {
	var before, after snapshot
	r, said, err := l.under(ctx, c,
		func(pid int) (err error) { before, err = takeSnapshot(pid); return },
		func(pid int) (err error) { after, err = takeSnapshot(pid); return })
	if err != nil {
		return nil, err
	}
	return sample(r, before, after, said), nil
}

// under starts the server, loads it, with calls at both ends of what is
// measured, and stops it again. It returns what the server said at its end too.
func (l launch) under(ctx context.Context, c load.Config, began, ended func(pid int) error) (*load.Result, []string, error) {
	s, err := l.start(ctx)
	if err != nil {
		return nil, nil, err
	}
	pid := s.cmd.Process.Pid
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
		err = fmt.Errorf("no message came back within %v", r.Elapsed)
	}
	return r, said, err
}

func sample(r *load.Result, before, after snapshot, said []string) *Sample {
	wall := r.Elapsed.Seconds()
	messages := float64(r.Messages)
	server := after.server.cpu - before.server.cpu
	own := after.own - before.own
	us := func(percentile float64) float64 { return float64(r.Latency.ValueAtPercentile(percentile)) / 1e3 }
	return &Sample{
		Messages: r.Messages,
		Seconds:  wall,
		Rate:     r.Rate(),
		P50:      us(50),
		P99:      us(99),
		P999:     us(99.9),
		Max:      us(100),

		CPU:      float64(server) / messages,
		Util:     server.Seconds() / wall,
		Switches: float64(after.server.switches-before.server.switches) / messages,
		RSS:      after.server.rss,

		GeneratorUtil: own.Seconds() / wall,
		Foreign:       max(0, (after.busy-before.busy-server-own).Seconds()/wall),
		Lag:           float64(r.Lag) / 1e3,
		Unanswered:    r.Unanswered,
		Notes:         notes(said),
	}
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
			if !ok || err != nil {
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
