//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package prometheus

import (
	"maps"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/iomux/reactor"
)

// metric is one count of reactor.Stats, and what it is called.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	value      func(s *reactor.Stats) uint64
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// metrics are named by the rules of Prometheus: base units, and _total for what only
// grows.
var metrics = []metric{
	{"iomux_connections", "Connections that there are.", gauge, func(s *reactor.Stats) uint64 { return s.Conns }},
	{"iomux_timers", "Timers, and connections with a timeout.", gauge, func(s *reactor.Stats) uint64 { return s.Timers }},
	{"iomux_buffered_bytes", "Memory that waits: output, and input not used yet.", gauge, func(s *reactor.Stats) uint64 { return s.Buffered }},

	{"iomux_connections_opened_total", "Connections that were opened, accepted and dialled.", counter, func(s *reactor.Stats) uint64 { return s.Opened }},
	{"iomux_connections_closed_total", "Connections that have closed.", counter, func(s *reactor.Stats) uint64 { return s.Closed }},
	{"iomux_connections_refused_total", "Connections refused by a limit, by AllowPeer, or for want of descriptors.", counter, func(s *reactor.Stats) uint64 { return s.Refused }},
	{"iomux_timeouts_total", "Timeouts of connections that were over.", counter, func(s *reactor.Stats) uint64 { return s.Timeouts }},
	{"iomux_callback_panics_total", "Panics of callbacks.", counter, func(s *reactor.Stats) uint64 { return s.Panics }},
	{"iomux_slow_callbacks_total", "Callbacks that ran longer than SlowCallback.", counter, func(s *reactor.Stats) uint64 { return s.Slow }},
	{"iomux_tls_handshakes_total", "TLS handshakes that were completed.", counter, func(s *reactor.Stats) uint64 { return s.Handshakes }},
	{"iomux_tls_handshake_errors_total", "Connections that ended before their TLS handshake was over.", counter, func(s *reactor.Stats) uint64 { return s.HandshakeErrors }},

	{"iomux_received_bytes_total", "Bytes received, of connections and datagrams.", counter, func(s *reactor.Stats) uint64 { return s.BytesIn }},
	{"iomux_sent_bytes_total", "Bytes sent, of connections and datagrams.", counter, func(s *reactor.Stats) uint64 { return s.BytesOut }},
	{"iomux_received_datagrams_total", "Datagrams received.", counter, func(s *reactor.Stats) uint64 { return s.PacketsIn }},
	{"iomux_sent_datagrams_total", "Datagrams sent.", counter, func(s *reactor.Stats) uint64 { return s.PacketsOut }},
	{"iomux_dropped_datagrams_total", "Datagrams that could not be sent, or found no room.", counter, func(s *reactor.Stats) uint64 { return s.PacketsDropped }},
	{"iomux_truncated_datagrams_total", "Datagrams that arrived larger than what is taken.", counter, func(s *reactor.Stats) uint64 { return s.PacketsTruncated }},
	{"iomux_datagram_errors_total", "Errors of the network for datagrams, and of sending them.", counter, func(s *reactor.Stats) uint64 { return s.PacketErrors }},

	{"iomux_loop_turns_total", "Waits of the loops that were over.", counter, func(s *reactor.Stats) uint64 { return s.Turns }},
	{"iomux_loop_events_total", "Descriptors that were found ready.", counter, func(s *reactor.Stats) uint64 { return s.Events }},
	{"iomux_loop_posted_total", "Functions of other goroutines that ran.", counter, func(s *reactor.Stats) uint64 { return s.Posted }},
	{"iomux_loop_alarms_total", "Timers that rang, and looks at timeouts of connections.", counter, func(s *reactor.Stats) uint64 { return s.Alarms }},
}

// The system calls are one metric with a label.
const syscallsName = "iomux_syscalls_total"

var syscalls = []struct {
	call  string
	value func(s *reactor.Stats) uint64
}{
	{"wait", func(s *reactor.Stats) uint64 { return s.Waits }},
	{"read", func(s *reactor.Stats) uint64 { return s.Reads }},
	{"write", func(s *reactor.Stats) uint64 { return s.Writes }},
	{"accept", func(s *reactor.Stats) uint64 { return s.Accepts }},
	{"watch", func(s *reactor.Stats) uint64 { return s.Watches }},
	{"receive", func(s *reactor.Stats) uint64 { return s.Recvs }},
	{"send", func(s *reactor.Stats) uint64 { return s.Sends }},
}

const againName = "iomux_syscalls_again_total"

// collector is a prometheus.Collector.
type collector struct {
	group    *reactor.Group
	metrics  []*prometheus.Desc // of each metric
	syscalls *prometheus.Desc
	again    *prometheus.Desc
}

// New makes a collector of the counts of a group, for a prometheus.Registerer. Each
// series gets the labels; groups of one registry need different values of them, and the
// same names. A label whose name Prometheus does not take, call among them, makes
// Register fail, not New. Its methods may be called by any goroutine, and when the group
// has shut down: the counts then stay as they are.
func New(group *reactor.Group, labels map[string]string) prometheus.Collector {
	constant := prometheus.Labels(maps.Clone(labels))
	c := &collector{
		group:    group,
		syscalls: prometheus.NewDesc(syscallsName, "System calls, those that failed too.", []string{"call"}, constant),
		again:    prometheus.NewDesc(againName, "System calls that the kernel answered with EAGAIN.", nil, constant),
	}
	for _, m := range metrics {
		c.metrics = append(c.metrics, prometheus.NewDesc(m.name, m.help, nil, constant))
	}
	return c
}

// Describe tells what there is to collect.
func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range c.metrics {
		descs <- d
	}
	descs <- c.syscalls
	descs <- c.again
}

// Collect tells the counts of this moment.
func (c *collector) Collect(found chan<- prometheus.Metric) {
	s := c.group.Stats()
	for i, m := range metrics {
		found <- prometheus.MustNewConstMetric(c.metrics[i], m.kind, float64(m.value(&s)))
	}
	for _, call := range syscalls {
		found <- prometheus.MustNewConstMetric(c.syscalls, counter, float64(call.value(&s)), call.call)
	}
	found <- prometheus.MustNewConstMetric(c.again, counter, float64(s.Again))
}
