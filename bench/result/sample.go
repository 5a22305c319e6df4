package result

// Sample is what one run of one server measured. A figure "a message" is one a
// connection in churn, and one a delivery in a chat or a room.
type Sample struct {
	Round    int  `json:"round"`
	Repeated bool `json:"repeated,omitempty"` // the first try was disturbed

	Messages int64   `json:"messages"`
	Seconds  float64 `json:"seconds"`
	Rate     float64 `json:"rate"` // messages a second
	P50      float64 `json:"p50_us"`
	P99      float64 `json:"p99_us"`
	P999     float64 `json:"p999_us"`
	Max      float64 `json:"max_us"`
	Mean     float64 `json:"mean_us"`

	CPU      float64 `json:"cpu_ns"`   // the server's, a message
	System   float64 `json:"system"`   // the kernel's share of it, from 0 to 1; ticks of 10 ms make it coarse
	Util     float64 `json:"util"`     // the server's CPU time to the wall's
	Switches float64 `json:"switches"` // context switches of the server, a message
	RSS      float64 `json:"rss"`      // of the server at the end, bytes
	PerConn  float64 `json:"per_conn"` // what RSS grew by for each connection, bytes

	GeneratorUtil float64 `json:"generator_util"`
	Foreign       float64 `json:"foreign"`          // CPU time of all others to the wall's
	Lag           float64 `json:"lag_us"`           // the longest that a message waited for the generator
	Little        float64 `json:"little,omitempty"` // rate x mean latency / messages in the air; 1 if all is accounted for; 0 if not known
	Jain          float64 `json:"jain,omitempty"`   // fairness among connections: 1 if all got the same; 0 if not known

	Unanswered int64 `json:"unanswered,omitempty"` // messages of an open loop
	Lost       int64 `json:"lost,omitempty"`       // datagrams
	Held       int64 `json:"held,omitempty"`       // bytes that slow readers had sent and not got back at the end
	Closed     int64 `json:"closed,omitempty"`     // slow readers that the server closed
	Dropped    int64 `json:"dropped,omitempty"`    // members of a room that the server closed
	Backlog    int64 `json:"backlog,omitempty"`    // deliveries that a room owed when the window ended

	// What /proc/PID/io counts of the server, a delivery of a room: calls of the kinds
	// of read and write, with failed ones, and without those of send and receive.
	Reads  float64 `json:"reads,omitempty"`
	Writes float64 `json:"writes,omitempty"`

	// Notes are figures the server itself printed when it was stopped.
	Notes map[string]float64 `json:"notes,omitempty"`
}

// quiet is how much CPU time of others, as a share of one CPU, a run bears.
// /proc/stat counts in ticks of 10 ms, so that less would often be chance.
const quiet = 0.10

// Disturbed reports whether others took so much CPU time that the sample is
// better taken again.
func (s *Sample) Disturbed() bool { return s.Foreign > quiet }

// Bounds beyond which a sample does not say what it seems to say.
const (
	leastFair    = 0.90 // Jain's index: below, some connections were starved
	littleMargin = 0.10 // of Little's law: beyond, messages are unaccounted for
	leastBacklog = 0.5  // seconds of what a room is asked for
	busy         = 0.95 // of a CPU: beyond, a generator may be the limit
	leastRate    = 0.99 // of what an open loop was meant to send
)
