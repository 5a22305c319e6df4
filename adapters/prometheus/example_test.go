//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package prometheus_test

import (
	"context"
	"fmt"
	"log"

	"github.com/prometheus/client_golang/prometheus"

	iomuxprometheus "example.com/iomux/adapters/prometheus"
	"example.com/iomux/reactor"
)

// What promhttp.Handler would show of the default registry, a program can ask for too.
func Example() {
	group, err := reactor.Open(reactor.Options{})
	if err != nil {
		log.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(iomuxprometheus.New(group, map[string]string{"server": "chat"}))

	families, err := registry.Gather()
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "iomux_connections" {
			m := f.GetMetric()[0]
			fmt.Println(f.GetName(), m.GetLabel()[0].GetValue(), m.GetGauge().GetValue())
		}
	}
	if err := group.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output: iomux_connections chat 0
}
