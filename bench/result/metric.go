package result

import "example.com/iomux/bench/scenario"

// Metric is one of the figures that servers are compared by.
type Metric struct {
	Name     string // as in JSON
	Title    string
	Unit     string
	MoreGood bool // more of it is better
	of       func(*Sample) float64
}

// Of is the metric's value in a sample.
func (m Metric) Of(s *Sample) float64 { return m.of(s) }

// The metrics.
var (
	Rate    = Metric{"rate", "messages a second", "/s", true, func(s *Sample) float64 { return s.Rate }}
	CPU     = Metric{"cpu_ns", "CPU time a message", "ns", false, func(s *Sample) float64 { return s.CPU }}
	P50     = Metric{"p50_us", "median latency", "µs", false, func(s *Sample) float64 { return s.P50 }}
	P99     = Metric{"p99_us", "99th percentile of latency", "µs", false, func(s *Sample) float64 { return s.P99 }}
	P999    = Metric{"p999_us", "99.9th percentile of latency", "µs", false, func(s *Sample) float64 { return s.P999 }}
	RSS     = Metric{"rss", "memory", "B", false, func(s *Sample) float64 { return s.RSS }}
	PerConn = Metric{"per_conn", "memory a connection", "B", false, func(s *Sample) float64 { return s.PerConn }}
)

// Metrics are all of them, in the order in which tables show them.
var Metrics = []Metric{Rate, CPU, P50, P99, P999, RSS, PerConn}

// Headline is the metric that says most about a scenario: memory where
// connections do nothing, the CPU time of a message elsewhere. The rate is not
// it: a fast server's is the generator's, and an open loop's is what was asked
// for.
func Headline(s scenario.Scenario) Metric {
	if s.Kind == scenario.Idle {
		return PerConn
	}
	return CPU
}
