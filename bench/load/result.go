//go:build linux

package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what a run measured between Began and Ended.
type Result struct {
	Messages int64         // echoes that came back whole
	Elapsed  time.Duration // in which they did

	// Latency is in nanoseconds. In closed loop it counts from the write; a
	// closed loop sends less while the server is slow, so its high percentiles
	// flatter. In open loop it counts from the time the message was meant to
	// leave, and holds every message meant to leave within the window, also
	// those whose echo came later.
	Latency *hdrhistogram.Histogram

	// Unanswered is how many of the open loop's messages had no echo when
	// Patience was over; Latency holds them with the time they had waited by
	// then, which is the least they could have taken.
	Unanswered int64
	// Lag is the longest that a message of the open loop waited for the
	// generator or a full socket: large when the generator is the limit.
	Lag time.Duration
}

// Rate is messages a second.
func (r *Result) Rate() float64 { return float64(r.Messages) / r.Elapsed.Seconds() }

const (
	finest  = 100         // ns: two thousandths of the fastest echo there is
	longest = int64(2e12) // ns: beyond MaxTime and Patience together
)

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(finest, longest, 3) }
