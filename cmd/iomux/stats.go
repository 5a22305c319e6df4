//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/iomux/reactor"
)

// statsHelp explains a line of --stats, field by field in its order.
const statsHelp = `--stats prints lines of numbers on standard output, for people and for pipes:
"stats conns=2 buffered=0 in=1048576 …". conns, and the bytes of memory in
buffered, are what there is now. In a second there were: in and out, bytes;
packets_in and packets_out, datagrams; turns of the loops; system calls to wait,
read, write, accept, watch, recv and send, and of these, again, for nothing.
events is descriptors found ready a turn. The rest counts from the start:
opened and closed, connections; refused, by a limit; timeouts; slow callbacks;
panics; and of datagrams dropped, truncated and errors.`

// printStats writes a line every so often until ctx ends, or nobody reads it any
// more. A reader that only is slow holds nobody else up.
func printStats(ctx context.Context, w io.Writer, every time.Duration, stats func() reactor.Stats) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	before, last := stats(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s, now := stats(), time.Now()
		if _, err := io.WriteString(w, statsLine(before, s, now.Sub(last))); err != nil {
			return
		}
		before, last = s, now
	}
}

// statsLine is what --stats prints of two looks at the counts, so much time apart.
func statsLine(before, now reactor.Stats, apart time.Duration) string {
	var line strings.Builder
	line.WriteString("stats")
	total := func(name string, n uint64) { fmt.Fprintf(&line, " %s=%d", name, n) }
	rate := func(name string, from, to uint64) {
		fmt.Fprintf(&line, " %s=%.0f", name, float64(to-from)/apart.Seconds())
	}
	total("conns", now.Conns)
	total("buffered", now.Buffered)
	rate("in", before.BytesIn, now.BytesIn)
	rate("out", before.BytesOut, now.BytesOut)
	rate("packets_in", before.PacketsIn, now.PacketsIn)
	rate("packets_out", before.PacketsOut, now.PacketsOut)
	rate("turns", before.Turns, now.Turns)
	rate("wait", before.Waits, now.Waits)
	rate("read", before.Reads, now.Reads)
	rate("write", before.Writes, now.Writes)
	rate("accept", before.Accepts, now.Accepts)
	rate("watch", before.Watches, now.Watches)
	rate("recv", before.Recvs, now.Recvs)
	rate("send", before.Sends, now.Sends)
	rate("again", before.Again, now.Again)
	events := 0.0
	if turns := now.Turns - before.Turns; turns > 0 {
		events = float64(now.Events-before.Events) / float64(turns)
	}
	fmt.Fprintf(&line, " events=%.1f", events)
	total("opened", now.Opened)
	total("closed", now.Closed)
	total("refused", now.Refused)
	total("timeouts", now.Timeouts)
	total("slow", now.Slow)
	total("panics", now.Panics)
	total("dropped", now.PacketsDropped)
	total("truncated", now.PacketsTruncated)
	total("errors", now.PacketErrors)
	line.WriteByte('\n')
	return line.String()
}
