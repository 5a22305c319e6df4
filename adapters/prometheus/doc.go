// Package prometheus shows the counts of a reactor.Group to Prometheus.
//
//	prometheus.MustRegister(iomuxprometheus.New(group, map[string]string{"server": "chat"}))
//
// The counts are read when Prometheus asks, which costs the loops one lock each; they
// are those of each loop's last turn. There is one series a metric, for all loops
// together.
package prometheus
