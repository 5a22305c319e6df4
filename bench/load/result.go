//go:build linux

package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what a run measured between Began and Ended.
type Result struct {
	// Messages is how many echoes came back whole. A churn counts connections
	// that were made, answered and closed, a chat and a room deliveries (a line
	// to a member), Idle connections that were still alive at the end.
	Messages int64
	Elapsed  time.Duration // in which they did

	// Latency is in nanoseconds. In closed loop it counts from the write; a
	// closed loop sends less while the server is slow, so its high percentiles
	// flatter. In open loop it counts from the time the message was meant to
	// leave, and holds every message meant to leave within the window, also
	// those whose echo came later. A churn's counts from the connect, a chat's
	// holds every delivery from the write of its burst, a room's has one of each
	// line, from the time it was meant to leave until the last member had it,
	// also behind the window, and that of Idle is of
	// the echoes after the silence.
	Latency *hdrhistogram.Histogram
	// MeanLatency is their mean in nanoseconds, exact where the histogram's
	// is one of its buckets; 0 when there is none.
	MeanLatency float64

	// Shares is how many of Messages each connection, slot of a churn or
	// socket of UDP had; nil where that says nothing (Chat, Room, Idle).
	Shares []int64
	// InFlight is how many messages the configuration keeps on their way: all
	// of closed loop, UDP and churn; 0 where it does not fix that (Whole, open
	// loop, Chat, Room, Idle).
	InFlight float64

	// Unanswered is how many of the open loop's messages had no echo when
	// Patience was over; Latency holds them with the time they had waited by
	// then, which is the least they could have taken.
	Unanswered int64
	// Lag is the longest that a message of the open loop waited for the
	// generator or a full socket: large when the generator is the limit.
	Lag time.Duration

	// Dropped is how many members of a room the server closed, which were owed
	// nothing from then on. Backlog is how many deliveries were owed when the
	// window ended; they came later.
	Dropped int
	Backlog int64

	// Lost is how many datagrams were not back after 200 ms, Late how many of
	// those, or of those lost while warming up, came after all.
	Lost, Late int64

	// Connected is how many connections (sockets, members) were ready when the
	// load began, ConnectTime how long it took to make them so: connecting and,
	// where the kind asks for it, joining or the first echo. A churn has none.
	Connected   int
	ConnectTime time.Duration

	// SlowSent and SlowReceived are the bytes that the slow readers had sent
	// and got back from the start of the run to Ended. SlowHeld is the
	// difference for those that were open then: what the server and the two
	// kernel buffers of each direction hold for them. SlowClosed is how many
	// the server had closed by then.
	SlowSent, SlowReceived, SlowHeld int64
	SlowClosed                       int
}

// Rate is messages a second.
func (r *Result) Rate() float64 { return float64(r.Messages) / r.Elapsed.Seconds() }

// Jain is Jain's index of fairness over Shares: 1 when all have the same, 1/n
// when one of n has all; 0 when there are no shares or nothing was shared.
func (r *Result) Jain() float64 {
	var sum, squares float64
	for _, n := range r.Shares {
		x := float64(n)
		sum += x
		squares += x * x
	}
	if sum == 0 {
		return 0
	}
	return sum * sum / (float64(len(r.Shares)) * squares)
}

// Little is rate times mean latency over InFlight. By Little's law it is 1;
// less means that messages spent time where no latency counts it (or that the
// measurement is wrong). 0 when it cannot be told.
func (r *Result) Little() float64 {
	if r.InFlight == 0 || r.Elapsed <= 0 {
		return 0
	}
	return r.Rate() * r.MeanLatency / 1e9 / r.InFlight
}

const (
	finest  = 100         // ns: two thousandths of the fastest echo there is
	longest = int64(2e12) // ns: beyond MaxTime and Patience together
)

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(finest, longest, 3) }
