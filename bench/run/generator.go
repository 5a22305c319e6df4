//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"example.com/iomux/bench/result"
	"example.com/iomux/bench/scenario"
)

// GeneratorCost compares this suite's generator with a client in C that does as
// little as can be done, both in front of the C server, in turns, in the first of
// the scenarios. Both rows' figures are those of the clients: CPU time a
// message, and latency.
func GeneratorCost(ctx context.Context, o Options, watch Observer) (outcome *result.Outcome, err error) {
	b, err := newBench(o, watch)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.shop.close()) }()
	for _, n := range b.notes() {
		b.Note(n)
	}
	s := b.Scenarios[0]
	server := b.shop.make(ctx, Peers[0])
	client := b.shop.compile(ctx, recipe{source: "client.c"}, filepath.Join(b.shop.src, "..", "client"), filepath.Join(b.shop.out, "client"))
	if err := errors.Join(server.err, client.err); err != nil {
		return nil, err
	}
	l := launch{server.command, b.Loops, b.Procs, scenario.Echo, 0, b.places}
	floor, own := result.Series{Peer: "C client"}, result.Series{Peer: "generator"}
	for round := range b.Rounds {
		runs := []func() error{
			func() error {
				sample, err := b.client(ctx, l, client.command[0], s)
				floor.Samples = append(floor.Samples, sample)
				return err
			},
			func() error {
				c := config(s)
				c.Warm, c.Duration = b.Warm, b.Duration
				t, err := l.measure(ctx, c)
				if err != nil {
					return err
				}
				t.sample.CPU = t.sample.GeneratorUtil * t.sample.Seconds * 1e9 / float64(t.sample.Messages)
				own.Samples = append(own.Samples, t.sample)
				return nil
			},
		}
		if round%2 == 1 {
			runs[0], runs[1] = runs[1], runs[0]
		}
		for _, run := range runs {
			b.Progress(round, b.Rounds, "generator and C client, "+s.Name)
			if err := run(); err != nil {
				return nil, err
			}
		}
		floor.Samples[round].Round, own.Samples[round].Round = round, round
	}
	return result.Summarize(s, []result.Series{floor, own}), nil
}

// client runs the C client once; it inherits this process's CPU.
func (b *bench) client(ctx context.Context, l launch, program string, s scenario.Scenario) (*result.Sample, error) {
	server, err := l.start(ctx)
	if err != nil {
		return nil, err
	}
	defer server.stop()
	cmd := exec.CommandContext(ctx, program, strconv.Itoa(int(server.addr.Port())), strconv.Itoa(s.Conns), strconv.Itoa(s.Size), strconv.Itoa(s.Depth),
		strconv.FormatInt(b.Warm.Milliseconds(), 10), strconv.FormatInt(b.Duration.Milliseconds(), 10))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("client in C: %s", reason(err))
	}
	return clientSample(string(out))
}

// clientSample reads what the C client prints: names and numbers by turns.
func clientSample(line string) (*result.Sample, error) {
	x := map[string]float64{}
	words := strings.Fields(line)
	for i := 0; i+1 < len(words); i += 2 {
		var err error
		if x[words[i]], err = strconv.ParseFloat(words[i+1], 64); err != nil || math.IsInf(x[words[i]], 0) || math.IsNaN(x[words[i]]) {
			return nil, fmt.Errorf("client in C: it says %q", line)
		}
	}
	if x["messages"] <= 0 {
		return nil, fmt.Errorf("client in C: it says %q", line)
	}
	return &result.Sample{Messages: int64(x["messages"]), Seconds: x["seconds"], Rate: x["rate"], CPU: x["cpu_ns"], P50: x["p50_us"], P99: x["p99_us"]}, nil
}
